// RunRecord to PerformanceResult: metrics, verdict, reasons and advice. Pure.
#ifndef MLPERF_LOADGEN_EVALUATE_VERDICT_H_
#define MLPERF_LOADGEN_EVALUATE_VERDICT_H_

#include <string>
#include <vector>

#include "plan/run_plan.h"
#include "record/run_record.h"
#include "test_result.h"

namespace mlperf::loadgen {

// What else spoilt the set, whatever its numbers: broken promises of the system under test, an
// abort, samples that were never completed. One reason each, in words; empty: not at all.
std::vector<std::string> ContractReasons(const RunRecord& record);

// Makes a result INVALID because of the phases before it.
void ObjectToEarlierPhases(PerformanceResult* result);

// Judges a performance set that was run by `plan`.
PerformanceResult EvaluatePerformance(const RunPlan& plan, const RunRecord& record);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_EVALUATE_VERDICT_H_
