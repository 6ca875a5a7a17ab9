// Early stopping: how many queries must be seen, given how many were over the latency bound, to
// say with confidence c that the percentile holds; and its verdicts as the logs print them. Pure.
#ifndef MLPERF_LOADGEN_EVALUATE_EARLY_STOPPING_H_
#define MLPERF_LOADGEN_EVALUATE_EARLY_STOPPING_H_

#include <cstdint>
#include <optional>
#include <span>

#include "test_result.h"

namespace mlperf::loadgen {

// 1 - confidence, as the reference computes it in double (0.010000000000000009).
constexpr double kEarlyStoppingThreshold = 1 - 0.99;

// P[Binomial(n, 1 - p) <= t].
double OverlatencyProbability(uint64_t n, uint64_t t, double p);

// n(t): the smallest total query count of which `t` may be over the bound, for percentile `p`:
// the smallest n > t with P[Binomial(n, 1 - p) <= t] < threshold.
uint64_t MinQueriesForOverlatency(uint64_t t, double p);

// The largest t with n(t) <= n; nothing if even n(0) > n.
std::optional<uint64_t> MaxOverlatency(uint64_t n, double p);

// Server: `over_count` of `count` values were over the bound.
EarlyStopping JudgeOverlatency(uint64_t count, uint64_t over_count, double percentile);

// SingleStream and MultiStream: the estimate of `percentile` that `values_ns`, whose order is
// changed, and `failed_count` queries that count as slower than these support; met if they are
// enough for one.
EarlyStopping EstimatePercentile(std::span<int64_t> values_ns, uint64_t failed_count,
                                 double percentile);

// The same, and once met, an estimate of the 99th percentile, which does not affect the verdict.
EarlyStopping EstimatePercentileAndP99(std::span<int64_t> values_ns, uint64_t failed_count,
                                       double percentile);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_EVALUATE_EARLY_STOPPING_H_
