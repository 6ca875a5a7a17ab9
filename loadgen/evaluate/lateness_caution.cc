#include "evaluate/lateness_caution.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "evaluate/latency_stats.h"

namespace mlperf::loadgen {
namespace {

constexpr double kRelevantShare = 0.1;    // Of the judged latency, or of the bound.
constexpr int64_t kRelevantNs = 100'000;  // Less is what a wake-up may take.

// Of one issue thread: its last query, and when a generator that is never late would have issued
// it.
struct IssuedLast {
  int64_t issued_ns = 0;
  int64_t on_time_ns = 0;
};

// Calls visit(query, own_ns) for each issued query with the part of its lateness that is not the
// system's. A system that holds up a query holds it up for as long after a query issued late as
// after one issued on time, so what is left of the delay of an earlier query is not its doing.
template <typename Visit>
void ForEachOwnLateness(const RunRecord& record, Visit visit) {
  std::vector<IssuedLast> last(std::max<size_t>(1, record.issue_ends.size()));
  const auto& held_up = record.slots->held_up;
  record.ForEachIssuedQuery([&](uint64_t query) {
    IssuedLast& before = last[query % last.size()];  // Threads take queries in turn.
    const int64_t issued_ns = record.IssuedNs(query);
    int64_t on_time_ns = record.ScheduledNs(query);
    if (!held_up.empty() && held_up[query] != 0 && before.issued_ns != 0) {
      on_time_ns = std::max(on_time_ns, before.on_time_ns + (issued_ns - before.issued_ns));
    }
    before = {issued_ns, on_time_ns};
    visit(query, std::max<int64_t>(issued_ns - on_time_ns, 0));
  });
}

// When a query was answered, as far as it is judged; 0: it failed, or is outstanding.
int64_t JudgedNs(const RunPlan& plan, const RunRecord& record, uint64_t query) {
  if (record.AnsweredNs(query) == 0) return 0;
  return plan.use_token_latencies ? record.FirstTokenNs(query) : record.AnsweredNs(query);
}

int64_t JudgedPercentile(const RunPlan& plan, const RunRecord& record, bool with_own) {
  std::vector<int64_t> values_ns;
  values_ns.reserve(record.queries_issued);
  ForEachOwnLateness(record, [&](uint64_t query, int64_t own_ns) {
    const int64_t judged_ns = JudgedNs(plan, record, query);
    if (judged_ns == 0) return;
    values_ns.push_back(judged_ns - record.ScheduledNs(query) - (with_own ? 0 : own_ns));
  });
  if (values_ns.empty()) return 0;
  return ComputeLatencyStats(values_ns, plan.target_latency_percentile).target_percentile_ns;
}

std::string Duration(int64_t ns) {
  const auto value = static_cast<double>(ns);
  char text[40];
  if (value >= 1e9) {
    std::snprintf(text, sizeof(text), "%.3g s", value / 1e9);
  } else if (value >= 1e6) {
    std::snprintf(text, sizeof(text), "%.3g ms", value / 1e6);
  } else {
    std::snprintf(text, sizeof(text), "%.3g us", value / 1e3);
  }
  return text;
}

// Why it was late, and what to do.
const char* CauseAndFix(const RunPlan& plan, const LateWaits& waits) {
  if (waits.machine_ns == 0 && waits.gate_ns == 0) {
    return "it does not keep up with this rate on this machine: lower the rate, or issue with "
           "server_coalesce_queries or several issue threads";
  }
  if (waits.gate_ns > waits.machine_ns) {
    return "other threads held the lock that callbacks need (in Python, the interpreter's) when "
           "queries were due: let the system release it, or run it in a process of its own";
  }
  if (plan.pacing == Pacing::Sleep) {
    return "with server_pacing Sleep the machine wakes it up late: set it to Auto";
  }
  return "the machine ran something else when queries were due (it preempted the generator): "
         "measure on a quiet machine, and leave a processor to the generator";
}

}  // namespace

JudgedLatency MeasureOwnLateness(const RunPlan& plan, const RunRecord& record) {
  if (plan.shape != LoopShape::kOpenLoop || record.queries_issued == 0) return {};
  return {JudgedPercentile(plan, record, true), JudgedPercentile(plan, record, false)};
}

std::string LatenessCaution(const RunPlan& plan, const RunRecord& record) {
  const JudgedLatency judged = MeasureOwnLateness(plan, record);
  const auto own_ns = static_cast<double>(judged.own_ns());
  const auto bound_ns =
      static_cast<double>(plan.use_token_latencies ? plan.ttft_latency_ns : plan.target_latency_ns);
  const bool much_of_latency = judged.own_ns() >= kRelevantNs &&
                               own_ns > kRelevantShare * static_cast<double>(judged.measured_ns);
  if (!much_of_latency && !(own_ns > kRelevantShare * bound_ns)) return "";
  char percentile[32];
  std::snprintf(percentile, sizeof(percentile), "p%g", 100 * plan.target_latency_percentile);
  return "Of the " + std::string(percentile) +
         (plan.use_token_latencies ? " time to first token, " : " latency, ") +
         Duration(judged.measured_ns) + ", " + Duration(judged.own_ns()) +
         " is not the system's: the load generator issued late; " +
         CauseAndFix(plan, record.late_waits) + ".";
}

}  // namespace mlperf::loadgen
