// Figures of answers whose tokens' arrivals are known: what docs/llm.md defines. Pure.
#ifndef MLPERF_LOADGEN_EVALUATE_STREAM_STATS_H_
#define MLPERF_LOADGEN_EVALUATE_STREAM_STATS_H_

#include <cstdint>
#include <vector>

#include "plan/run_plan.h"
#include "record/run_record.h"
#include "test_result.h"

namespace mlperf::loadgen {

// The time between two arrivals of tokens, and how many came with the later one; 0: not known.
struct TokenGap {
  int64_t gap_ns = 0;
  uint32_t tokens = 0;
};

// The gaps of one answer of `token_count` tokens. Where the tokens of some event are not known,
// each has one if there are as many events as tokens.
std::vector<TokenGap> GapsOf(const TokenRecord& tokens, const RecordedAnswer& answer,
                             int64_t token_count);

// ITL: each gap divided by its tokens, truncated, and counted once for each of them; the mean is
// the sum of the gaps divided by that of the tokens. All 0 if the tokens of a gap are not known.
LatencyStats InterTokenStats(std::vector<TokenGap> gaps, double target_percentile);

// How late reads were, where that is known.
LatencyStats ComputeClientLag(const RunPlan& plan, const RunRecord& record);

// Sets the members of `metrics` that are only known of systems whose answers have times of their
// own, if there were any.
void ComputeStreamStats(const RunPlan& plan, const RunRecord& record, TokenMetrics* metrics);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_EVALUATE_STREAM_STATS_H_
