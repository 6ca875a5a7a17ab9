// RunRecord to PerformanceResult: metrics, verdict, reasons and advice. Pure.
#ifndef MLPERF_LOADGEN_VERDICT_H_
#define MLPERF_LOADGEN_VERDICT_H_

#include "run_plan.h"
#include "run_record.h"
#include "test_result.h"

namespace mlperf::loadgen {

// Judges a performance set that was run by `plan`.
PerformanceResult EvaluatePerformance(const RunPlan& plan, const RunRecord& record);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_VERDICT_H_
