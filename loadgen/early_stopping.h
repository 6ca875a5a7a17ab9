// Early stopping: how many queries must be seen, given how many were over the latency bound, to
// say with confidence c that the percentile holds. Pure.
#ifndef MLPERF_LOADGEN_EARLY_STOPPING_H_
#define MLPERF_LOADGEN_EARLY_STOPPING_H_

#include <cstdint>
#include <optional>

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

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_EARLY_STOPPING_H_
