#include "evaluate/verdict.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evaluate/client_lag.h"
#include "evaluate/early_stopping.h"
#include "evaluate/lateness_caution.h"
#include "evaluate/metrics.h"
#include "evaluate/violation_words.h"
#include "evaluate/whole_answers.h"
#include "record/failed_samples.h"
#include "record/missing_samples.h"
#include "settings/count_text.h"

namespace mlperf::loadgen {
namespace {

// ---------------------------------------------------------------------------------------------
// Words.

std::string Format(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

// With all digits, so that a duration never looks equal to a bound that it misses.
std::string FormatDuration(double duration_ns) {
  if (duration_ns >= 1e9) return Format("%.12g s", duration_ns / 1e9);
  if (duration_ns >= 1e6) return Format("%.12g ms", duration_ns / 1e6);
  if (duration_ns >= 1e3) return Format("%.12g us", duration_ns / 1e3);
  return Format("%.12g ns", duration_ns);
}

std::string FormatPercentile(double percentile) { return "p" + Format("%g", percentile * 100); }

std::string Join(std::span<const std::string> parts, std::string_view separator) {
  std::string joined;
  for (const std::string& part : parts) {
    if (!joined.empty()) joined += separator;
    joined += part;
  }
  return joined;
}

bool IsFailure(size_t kind) { return static_cast<Violation>(kind) == Violation::kFailed; }

// Why issuing ended before the minimums were met, to be appended to a reason; empty: unknown.
std::string_view WhyIssuingEnded(const RunRecord& record) {
  for (const IssueEnd& end : record.issue_ends) {
    switch (end.reason) {
      case StopReason::kSamplesExhausted:
        return " (issuing ended: no sample was left that was not issued yet)";
      case StopReason::kMaxQueryCount:
        return " (issuing ended: max_query_count was reached)";
      case StopReason::kMaxDuration:
        return " (issuing ended: max_duration was reached)";
      case StopReason::kTooManyOutstanding:
        return " (issuing ended: more queries were outstanding than server_max_async_queries)";
      case StopReason::kAborted:
        return record.stalled_for_ns > 0
                   ? " (issuing ended: the system under test stopped answering)"
                   : " (issuing ended: the test was aborted)";
      case StopReason::kSeenEnough:
        return " (issuing ended: the outcome of the trial was plain)";
      case StopReason::kNone:
      case StopReason::kMinimumsMet:
      case StopReason::kScheduleEnd:
        break;
    }
  }
  return "";
}

// ---------------------------------------------------------------------------------------------
// Verdict: each Judge function decides one rule and says what speaks against the run.

// Whether the target percentile of what was measured keeps the bound, with what failed as the
// slowest. Nothing measured shows nothing.
bool KeepsBound(const RunPlan& plan, std::string_view what, const LatencyStats& stats,
                int64_t judged_ns, uint64_t bound_ns, PerformanceResult* result) {
  if (stats.count > 0 && !std::cmp_greater(judged_ns, bound_ns)) return true;
  const std::string name =
      FormatPercentile(plan.target_latency_percentile) + " " + std::string(what);
  const std::string bound = "the bound of " + FormatDuration(static_cast<double>(bound_ns));
  if (stats.count == 0) {
    result->reasons.push_back(name + " is unknown, nothing was measured against " + bound);
    return false;
  }
  const bool is_failure = judged_ns == std::numeric_limits<int64_t>::max();
  std::string reason = name;
  if (!is_failure) reason += " " + FormatDuration(static_cast<double>(judged_ns));
  reason += " is above " + bound;
  if (result->failed_sample_count > 0) {
    reason += ", with failed samples counted as slower than any other";
  }
  result->reasons.push_back(reason);
  return false;
}

bool KeepsGoodput(const RunPlan& plan, PerformanceResult* result) {
  const double share = result->tokens->goodput_share.value_or(0);
  if (share >= plan.goodput_share) return true;
  result->reasons.push_back(
      Format("%.6g", 100 * share) + " % of the requests kept all bounds, goodput_share asks for " +
      Format("%.6g", 100 * plan.goodput_share) + " %" +
      (result->failed_sample_count > 0 ? ", with failed samples counted as keeping none" : ""));
  return false;
}

// Whether what was answered keeps the bound, so that what failed alone missed it. The reference,
// which knows no failures, has no words for that.
bool MissedByFailures(const LatencyStats& stats, uint64_t bound_ns,
                      const PerformanceResult& result) {
  return result.failed_sample_count > 0 && !std::cmp_greater(stats.target_percentile_ns, bound_ns);
}

constexpr const char* kSeeToFailures =
    "Find out why samples failed first: they count as slower than any other.";

// `logged`: in the words of the reference, with its spelling, where scripts look for those.
void Advise(const std::string& advice, const std::string& logged, PerformanceResult* result) {
  result->recommendations.push_back(advice);
  result->logged_recommendations.push_back(logged);
}
void Advise(const std::string& advice, PerformanceResult* result) {
  Advise(advice, advice, result);
}

void JudgeConstraints(const RunPlan& plan, const Judged& judged, PerformanceResult* result) {
  if (!plan.has_latency_bound) return;
  const std::string advice = "Reduce target QPS to improve latency.";
  std::vector<std::string> objections;  // As logged.
  const auto object = [&](const std::string& text, const std::string& logged) {
    Advise(text, logged, result);
    objections.push_back(logged);
  };
  const auto object_to_failures = [&](const std::string& what) {
    const std::string text = (what.empty() ? "" : what + " constraint not met: ") + kSeeToFailures;
    object(text, text);
  };
  const auto judge_token_bound = [&](const std::string& what, const LatencyStats& stats,
                                     int64_t judged_ns, uint64_t bound_ns) {
    if (KeepsBound(plan, what, stats, judged_ns, bound_ns, result)) return;
    if (MissedByFailures(stats, bound_ns, *result)) return object_to_failures(what);
    object(what + " constraint not met: " + advice, what + " constrain not met: " + advice);
  };
  if (result->tokens) {
    judge_token_bound("TTFT", result->tokens->first_token, judged.first_token_ns,
                      plan.ttft_latency_ns);
    judge_token_bound("TPOT", result->tokens->time_per_token, judged.time_per_token_ns,
                      plan.tpot_latency_ns);
    if (plan.itl_latency_ns > 0) {
      const LatencyStats& inter_token = result->tokens->inter_token;
      judge_token_bound("ITL", inter_token, inter_token.target_percentile_ns, plan.itl_latency_ns);
    }
    if (plan.e2e_latency_ns > 0) {
      judge_token_bound("latency", result->sample_latency, judged.e2e_ns, plan.e2e_latency_ns);
    }
    if (!KeepsGoodput(plan, result)) {
      const std::string text = "Goodput constraint not met: " + advice;
      object(text, text);
    }
  } else if (!KeepsBound(plan, "latency", result->sample_latency, judged.latency_ns,
                         plan.target_latency_ns, result)) {
    MissedByFailures(result->sample_latency, plan.target_latency_ns, *result)
        ? object_to_failures("")
        : object(advice, advice);
  }
  result->perf_constraints_met = objections.empty();
  if (objections.empty()) return;
  result->perf_constraints_reason = Join(objections, "  * ");
  result->invalid_reason += result->perf_constraints_reason + " ";
}

// What min_duration is compared with.
int64_t MeasuredDurationNs(const RunPlan& plan, const FinalQuery& final_query,
                           const Judged& judged) {
  switch (plan.shape) {
    case LoopShape::kClosedLoop:
      return final_query.issued_ns;
    case LoopShape::kOpenLoop:
      return final_query.scheduled_ns;
    case LoopShape::kOneShot:
      break;
  }
  return judged.longest_ns;
}

const char* DurationAdvice(LoopShape shape, bool has_failures) {
  switch (shape) {
    case LoopShape::kClosedLoop:
      return "Decrease the expected latency so the loadgen pre-generates more queries.";
    case LoopShape::kOpenLoop:
      return "Increase the target QPS so the loadgen pre-generates more queries.";
    case LoopShape::kOneShot:
      break;
  }
  if (has_failures) {
    return "Find out why samples failed first: how long the query takes without is not known.";
  }
  return "Increase expected QPS so the loadgen pre-generates a larger (coalesced) query.";
}

// The offline_expected_qps to set, as a line of the recommendations.
void AdviseOfflineQps(const RunPlan& plan, const RunRecord& record, PerformanceResult* result) {
  const bool answers_all = record.samples_issued > 0 &&
                           result->sample_count == record.samples_issued &&
                           result->sample_latency.max_ns > 0;
  if (plan.shape != LoopShape::kOneShot || plan.performance_issue_unique || !answers_all) {
    return;
  }
  const double enough = OfflineQpsFor(result->samples_per_second, plan.min_duration_ms);
  if (enough <= plan.target_qps) {
    result->recommendations.push_back("Lower min_duration_ms: at this speed one query of " +
                                      std::to_string(kMaxOfflineSamples) +
                                      " samples, the most there can be, is too short.");
    return;
  }
  result->sufficient_offline_qps = enough;
  const std::string was = plan.offline_probe_duration_ms > 0
                              ? ", and offline_probe_duration_ms to 0 or higher than " +
                                    std::to_string(plan.offline_probe_duration_ms)
                              : " (it was " + Format("%.10g", plan.target_qps) + ")";
  result->recommendations.push_back("Set offline_expected_qps to " + Format("%.10g", enough) + was +
                                    ": at this speed the query then lasts min_duration_ms and a "
                                    "third more.");
}

void JudgeDuration(const RunPlan& plan, const RunRecord& record, const FinalQuery& final_query,
                   const Judged& judged, PerformanceResult* result) {
  const int64_t measured_ns = MeasuredDurationNs(plan, final_query, judged);
  // Whole milliseconds, as settings have no smaller ones and their ns may not fit 64 bits.
  result->min_duration_met =
      std::cmp_greater_equal(std::max<int64_t>(measured_ns, 0) / 1000000, plan.min_duration_ms);
  if (result->min_duration_met) return;
  const std::string advice = DurationAdvice(plan.shape, record.samples_failed > 0);
  Advise(advice, result);
  result->invalid_reason += advice + " ";
  result->reasons.push_back("ran " + FormatDuration(static_cast<double>(measured_ns)) +
                            ", min_duration asks for " +
                            FormatDuration(static_cast<double>(plan.min_duration_ms) * 1e6) +
                            std::string(WhyIssuingEnded(record)));
  AdviseOfflineQps(plan, record, result);
}

void JudgeCounts(const RunPlan& plan, const RunRecord& record, PerformanceResult* result) {
  const bool enough_queries = result->query_count >= plan.min_query_count;
  // Of what failed there is a reason of its own: it was not too few.
  const bool enough_samples = record.samples_completed >= plan.min_sample_count;
  result->min_queries_met = enough_queries && enough_samples;
  if (result->min_queries_met) return;
  const std::string advice = "The test exited early, before enough queries were issued.";
  Advise(advice + "\n   See the detailed log for why this may have occurred.", result);
  result->invalid_reason += advice;
  const std::string why(WhyIssuingEnded(record));
  if (!enough_queries) {
    result->reasons.push_back("issued " + Counted(result->query_count, "query", "queries") +
                              ", min_query_count asks for " + std::to_string(plan.min_query_count) +
                              why);
  } else {
    result->reasons.push_back("completed " + Counted(record.samples_completed, "sample") +
                              ", the test asks for " + std::to_string(plan.min_sample_count) + why);
  }
}

void JudgeConfidence(const EarlyStopping& early_stopping, const std::string& of_what,
                     PerformanceResult* result) {
  if (early_stopping.met) return;
  result->early_stopping_met = false;
  const std::string missing = Counted(early_stopping.queries_missing, "more query", "more queries");
  result->reasons.push_back("early stopping" + of_what + " needs " + missing +
                            (result->failed_sample_count > 0
                                 ? ", with failed samples counted as slower than any other"
                                 : ""));
}

void Object(const std::string& line, PerformanceResult* result) {
  Advise(line, result);
  std::string& all = result->invalid_reason;
  if (!all.empty() && all.back() != ' ') all += ' ';
  all += line;
}

std::string StallWords(const RunRecord& record) {
  return "stalled: no sample was completed for " +
         FormatDuration(static_cast<double>(record.stalled_for_ns)) +
         " while some were outstanding; complete every sample, or raise stall_timeout_ms";
}

// Before all else, as the other rules only see what was answered.
void JudgeFailures(const RunRecord& record, PerformanceResult* result) {
  if (record.samples_failed == 0) return;
  Object(FailedShare(record) + ": see the detailed log.", result);
  result->invalid_reason += " ";
  result->reasons.push_back(FailureReason(record));
}

// False if what the numbers say of the system cannot be trusted.
bool JudgeClient(const RunPlan& plan, const RunRecord& record, PerformanceResult* result) {
  LagFinding lag = JudgeClientLag(plan, record);
  if (!lag.caution.empty()) result->cautions.push_back(std::move(lag.caution));
  if (lag.reason.empty()) return true;
  Object("This machine reads too late to judge: see the result.", result);
  result->reasons.push_back(std::move(lag.reason));
  return false;
}

// False if there is no time per token to judge.
bool JudgeStreaming(const RunPlan& plan, const RunRecord& record, PerformanceResult* result) {
  WholeAnswerFinding found = JudgeWholeAnswers(plan, record);
  if (!found.caution.empty()) result->cautions.push_back(std::move(found.caution));
  if (found.reason.empty()) return true;
  Object("The answers came whole: see the result.", result);
  result->reasons.push_back(std::move(found.reason));
  return false;
}

// What the reference lets pass: a system that breaks the rules has no valid result.
void JudgeConduct(const RunRecord& record, PerformanceResult* result) {
  std::vector<std::string> broken;
  for (size_t kind = 0; kind < kViolationKinds; ++kind) {
    if (record.violations.counts[kind] == 0 || IsFailure(kind)) continue;
    broken.push_back(CountViolation(record.violations, kind));
  }
  if (!broken.empty()) {
    Object("The system under test broke its contract (" + Join(broken, ", ") +
               "): see the detailed log.",
           result);
  }
  if (record.aborted) {
    Object("The test was aborted before its end: see the detailed log.", result);
  }
  if (record.stalled_for_ns > 0) {
    Object("The system under test stopped answering: see the detailed log.", result);
  }
  const MissingSamples missing = FindMissingSamples(record);
  if (!missing.none()) {
    Object("The test is incomplete, " + std::to_string(missing.sample_count) + " of " +
               Counted(record.samples_issued, "issued sample") +
               (missing.sample_count == 1 ? " was" : " were") +
               " never completed: see the detailed log.",
           result);
  }
}

}  // namespace

std::vector<std::string> ContractReasons(const RunRecord& record) {
  std::vector<std::string> reasons;
  for (size_t kind = 0; kind < kViolationKinds; ++kind) {
    if (record.violations.counts[kind] == 0 || IsFailure(kind)) continue;
    const bool fault = static_cast<Violation>(kind) == Violation::kFault;
    reasons.push_back(CountViolation(record.violations, kind) + ": " +
                      (fault ? Join(record.violations.faults, "; ") : FixOfViolation(kind)));
  }
  if (record.aborted) {
    reasons.push_back("the test was aborted: only a run to the end can be VALID");
  }
  if (record.stalled_for_ns > 0) reasons.push_back(StallWords(record));
  const MissingSamples missing = FindMissingSamples(record);
  if (!missing.none()) {
    reasons.push_back(missing.Words(record.samples_issued) +
                      ": call QuerySamplesComplete for every sample, even if it failed");
  }
  return reasons;
}

void ObjectToEarlierPhases(PerformanceResult* result) {
  result->valid = false;
  Object("The phase before this one was spoilt: see the detailed log.", result);
}

PerformanceResult EvaluatePerformance(const RunPlan& plan, const RunRecord& record) {
  PerformanceResult result;
  const FinalQuery final_query = FindFinalQuery(record);
  const Judged judged = ComputeMetrics(plan, record, final_query, &result);

  JudgeFailures(record, &result);
  JudgeConstraints(plan, judged, &result);
  JudgeDuration(plan, record, final_query, judged, &result);
  JudgeCounts(plan, record, &result);
  result.early_stopping_met = true;
  if (result.tokens) {
    JudgeConfidence(result.tokens->early_stopping_ttft, " of TTFT", &result);
    JudgeConfidence(result.tokens->early_stopping_tpot, " of TPOT", &result);
    JudgeConfidence(result.tokens->early_stopping_e2e, " of the latency", &result);
  } else {
    JudgeConfidence(result.early_stopping, "", &result);
  }
  const bool in_time = JudgeClient(plan, record, &result);
  const bool streamed = JudgeStreaming(plan, record, &result);
  JudgeConduct(record, &result);
  if (std::string caution = LatenessCaution(plan, record); !caution.empty()) {
    result.cautions.push_back(std::move(caution));
  }
  const std::vector<std::string> broken = ContractReasons(record);
  result.reasons.insert(result.reasons.end(), broken.begin(), broken.end());
  result.valid = result.perf_constraints_met && result.min_duration_met && result.min_queries_met &&
                 result.early_stopping_met && in_time && streamed && record.samples_failed == 0 &&
                 broken.empty();
  return result;
}

}  // namespace mlperf::loadgen
