// mlperf_log_summary.txt: the result for people, line by line as the reference prints it.
#ifndef MLPERF_LOADGEN_WRITE_SUMMARY_LOG_H_
#define MLPERF_LOADGEN_WRITE_SUMMARY_LOG_H_

#include <cstdint>
#include <string>

#include "plan/run_plan.h"
#include "test_result.h"

namespace mlperf::loadgen {

// Blocks A to F: header, metric, validity, early stopping, statistics, parameters.
std::string SummaryOfPerformance(const RunPlan& plan, const PerformanceResult& result,
                                 const std::string& sut_name);

// FindPeakPerformance: the rate found. Not in the reference.
std::string SummaryOfPeak(const PeakSearchResult& peak);

// Block G, the last lines of every summary: how many warnings and errors.
std::string SummaryTrailer(uint64_t warning_count, uint64_t error_count);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_SUMMARY_LOG_H_
