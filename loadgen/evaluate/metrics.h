// RunRecord to the numbers of a PerformanceResult, and to those that only the verdict needs. Pure.
#ifndef MLPERF_LOADGEN_EVALUATE_METRICS_H_
#define MLPERF_LOADGEN_EVALUATE_METRICS_H_

#include <cstdint>

#include "plan/run_plan.h"
#include "record/run_record.h"
#include "test_result.h"

namespace mlperf::loadgen {

// Times of the last issued query, from the start of issuing.
struct FinalQuery {
  int64_t scheduled_ns = 0;
  int64_t issued_ns = 0;
  int64_t done_ns = 0;  // If it was not completed: the latest completion of any sample, or 0.
};

// What is judged and not reported. Percentiles are those of the target, with failed samples as the
// slowest.
struct Judged {
  int64_t latency_ns = 0;
  int64_t first_token_ns = 0;
  int64_t time_per_token_ns = 0;
  int64_t e2e_ns = 0;      // The whole latency in token mode.
  int64_t longest_ns = 0;  // From the schedule of a sample to its answer or failure.
};

FinalQuery FindFinalQuery(const RunRecord& record);

// Sets the metrics of `result`, early stopping included.
Judged ComputeMetrics(const RunPlan& plan, const RunRecord& record, const FinalQuery& final_query,
                      PerformanceResult* result);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_EVALUATE_METRICS_H_
