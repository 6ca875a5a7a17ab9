// Which requests kept all the bounds of a Server test in token mode. Pure.
#ifndef MLPERF_LOADGEN_EVALUATE_GOODPUT_H_
#define MLPERF_LOADGEN_EVALUATE_GOODPUT_H_

#include <cstdint>

#include "plan/run_plan.h"
#include "record/run_record.h"

namespace mlperf::loadgen {

// How many did: the bounds of TTFT and TPOT, and those of ITL and the whole latency where there are
// any. An answer keeps that of ITL if the target percentile of its own tokens does. What has no
// TPOT or ITL, for want of a second token, cannot miss that bound; what failed kept none.
uint64_t CountWithinBounds(const RunPlan& plan, const RunRecord& record);

// How many requests that is a part of: those that were issued and not cancelled.
uint64_t CountRequests(const RunRecord& record);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_EVALUATE_GOODPUT_H_
