#include "evaluate/goodput.h"

#include <utility>
#include <vector>

#include "evaluate/stream_stats.h"

namespace mlperf::loadgen {
namespace {

// For each sample, whether its tokens keep the bound of ITL. Without a record of tokens none does.
std::vector<bool> WithinItl(const RunPlan& plan, const RunRecord& record) {
  std::vector<bool> within(record.slots->issued_ns.capacity());
  if (record.tokens == nullptr) return within;
  for (uint64_t i = 0; i < record.tokens->answer_count(); ++i) {
    const RecordedAnswer& answer = record.tokens->answer(i);
    const int64_t token_count = record.TokenCount(answer.sample);
    const LatencyStats stats = InterTokenStats(GapsOf(*record.tokens, answer, token_count),
                                               plan.target_latency_percentile);
    const bool is_known = stats.count > 0 || (answer.event_count == 1 && token_count >= 1);
    within[answer.sample] =
        is_known && !std::cmp_greater(stats.target_percentile_ns, plan.itl_latency_ns);
  }
  return within;
}

bool KeepsOthers(const RunPlan& plan, const RunRecord& record, uint64_t query) {
  const int64_t answered_ns = record.AnsweredNs(query);
  const int64_t first_token_ns = record.FirstTokenNs(query);
  if (answered_ns == 0 || first_token_ns == 0) return false;
  const int64_t due_ns = record.ScheduledNs(query);
  if (std::cmp_greater(first_token_ns - due_ns, plan.ttft_latency_ns)) return false;
  if (plan.e2e_latency_ns > 0 && std::cmp_greater(answered_ns - due_ns, plan.e2e_latency_ns)) {
    return false;
  }
  const int64_t token_count = record.TokenCount(query);
  if (token_count < 2) return true;
  return !std::cmp_greater((answered_ns - first_token_ns) / (token_count - 1),
                           plan.tpot_latency_ns);
}

}  // namespace

uint64_t CountWithinBounds(const RunPlan& plan, const RunRecord& record) {
  const std::vector<bool> within_itl =
      plan.itl_latency_ns > 0 ? WithinItl(plan, record) : std::vector<bool>();
  uint64_t count = 0;
  record.ForEachIssuedQuery([&](uint64_t query) {
    if (plan.itl_latency_ns > 0 && !within_itl[query]) return;
    if (KeepsOthers(plan, record, query)) ++count;
  });
  return count;
}

uint64_t CountRequests(const RunRecord& record) {
  return record.samples_issued - record.samples_cancelled;
}

}  // namespace mlperf::loadgen
