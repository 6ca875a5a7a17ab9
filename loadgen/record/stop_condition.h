// When issuing ends. Pure: numbers in, decision out.
#ifndef MLPERF_LOADGEN_RECORD_STOP_CONDITION_H_
#define MLPERF_LOADGEN_RECORD_STOP_CONDITION_H_

#include <algorithm>
#include <cstdint>

namespace mlperf::loadgen {

enum class StopReason : uint8_t {
  kNone,              // Go on.
  kMinimumsMet,       // The natural end of closed loops and one shot.
  kScheduleEnd,       // The natural end of the open loop and of accuracy sets.
  kSamplesExhausted,  // performance_issue_unique: no unissued sample is left.
  kMaxQueryCount,
  kMaxDuration,
  kTooManyOutstanding,
  kSeenEnough,  // An observer of the set has seen enough.
  kAborted,
};

// The limits of one issue thread (counts are already divided among the threads).
struct StopLimits {
  bool until_list_ends = false;  // Accuracy sets: no test but the end of the list.
  bool natural_end = true;       // Ends once the minimums are met (all but the open loop).
  uint64_t min_query_count = 1;
  int64_t target_duration_ns = 0;
  uint64_t max_query_count = 0;  // 0: none.
  int64_t max_duration_ns = 0;   // 0: none.
  // Open loop: a query that is due later than this is not waited for; issuing ends once
  // max_duration_ns is over. 0: none.
  int64_t last_due_ns = 0;
  uint64_t max_async_queries = 0;  // 0: none; only tested in the open loop.
};

// The last_due_ns of a longest duration. The reference issues the query that is due next after it,
// and some runs need that one to be VALID: it is waited for unless it is far away.
constexpr int64_t LastDueNs(int64_t max_duration_ns) {
  constexpr int64_t kShortestWaitNs = 1000000000;
  if (max_duration_ns == 0) return 0;
  return max_duration_ns + std::max(max_duration_ns, kShortestWaitNs);
}

// Asked after each IssueQuery. `issued`: queries issued by this thread so far; `elapsed_ns`: issue
// time of the last query minus the start; `outstanding`: queries of the whole test that were
// issued and not completed (only needed if max_async_queries > 0).
constexpr StopReason Evaluate(const StopLimits& limits, uint64_t issued, int64_t elapsed_ns,
                              uint64_t outstanding) {
  if (limits.until_list_ends) return StopReason::kNone;
  if (limits.max_async_queries > 0 && outstanding > limits.max_async_queries) {
    return StopReason::kTooManyOutstanding;
  }
  if (limits.natural_end && issued >= limits.min_query_count &&
      elapsed_ns >= limits.target_duration_ns) {
    return StopReason::kMinimumsMet;
  }
  if (limits.max_query_count > 0 && issued >= limits.max_query_count) {
    return StopReason::kMaxQueryCount;
  }
  if (limits.max_duration_ns > 0 && elapsed_ns > limits.max_duration_ns) {
    return StopReason::kMaxDuration;
  }
  return StopReason::kNone;
}

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_RECORD_STOP_CONDITION_H_
