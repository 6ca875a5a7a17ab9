// Figures of answers whose tokens' arrivals are known: what docs/llm.md defines. Pure.
#ifndef MLPERF_LOADGEN_EVALUATE_STREAM_STATS_H_
#define MLPERF_LOADGEN_EVALUATE_STREAM_STATS_H_

#include <cstdint>
#include <vector>

#include "plan/run_plan.h"
#include "record/run_record.h"
#include "record/token_record.h"
#include "test_result.h"

namespace mlperf::loadgen {

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
