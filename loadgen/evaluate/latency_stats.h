// Percentiles, means and extremes of latency lists. Pure.
#ifndef MLPERF_LOADGEN_EVALUATE_LATENCY_STATS_H_
#define MLPERF_LOADGEN_EVALUATE_LATENCY_STATS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "record/run_record.h"
#include "test_result.h"

namespace mlperf::loadgen {

// The position, in ascending order, of the percentile of `count` values; there must be one.
size_t PercentileIndex(size_t count, double percentile);

// Statistics of `values_ns`, whose order is changed (selection, not a full sort). The percentile
// index is floor(n * p) with the product in double, held to the last element. Empty: all 0.
LatencyStats ComputeLatencyStats(std::span<int64_t> values_ns, double target_percentile);

// The same element if `failed_count` more were above all `values_ns`, whose order is changed: what
// failed is slower than any answer. The largest number if it is one of these; 0 of nothing.
int64_t PercentileWithFailures(std::span<int64_t> values_ns, uint64_t failed_count,
                               double percentile);

// The element of rank `index` (0-based, ascending) of `values_ns`, whose order is changed.
int64_t SelectRank(std::span<int64_t> values_ns, size_t index);

// How many of `values_ns` are above `bound_ns`.
uint64_t CountOver(std::span<const int64_t> values_ns, uint64_t bound_ns);

// Latencies of the answered samples of a set, in sample order: completion minus scheduled time.
std::vector<int64_t> SampleLatencies(const RunRecord& record);

// Latencies of the issued queries of which every sample was answered: latest completion minus
// scheduled time.
std::vector<int64_t> QueryLatencies(const RunRecord& record);

// Clock reading at which the last sample of a query was completed, whatever became of it; 0 if any
// of them never was.
int64_t QueryDoneNs(const RunRecord& record, uint64_t query);

// Whether every sample of the query was answered.
bool QueryAnswered(const RunRecord& record, uint64_t query);

// Queries of which every sample was completed, and one or more failed.
uint64_t CountFailedQueries(const RunRecord& record);

// Which queries' lateness is meant.
enum class LateQueries {
  kAll,
  kHeldUp,  // Those that IssueQuery of an earlier one held up.
  kOthers,
};

// How late the queries of an open-loop set were issued: issued minus scheduled.
Lateness ComputeLateness(const RunRecord& record, LateQueries which = LateQueries::kAll);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_EVALUATE_LATENCY_STATS_H_
