// The detail log's records of what a run means: its result, or the peak of a search.
#ifndef MLPERF_LOADGEN_WRITE_DETAIL_RESULT_H_
#define MLPERF_LOADGEN_WRITE_DETAIL_RESULT_H_

#include "plan/run_plan.h"
#include "test_result.h"
#include "write/detail_block.h"

namespace mlperf::loadgen {

// result_validity ... result_caution.
void WriteResultRecords(const RunPlan& plan, const PerformanceResult& result, DetailBlock* block);

// peak_trial: an object, its fields named as the members.
void WriteTrialRecord(const PeakTrial& trial, DetailBlock* block);

// result_peak_*.
void WritePeakRecords(const PeakSearchResult& peak, DetailBlock* block);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_DETAIL_RESULT_H_
