// When queries are due: the gaps between them, in ns. Pure: no clock, no thread.
#ifndef MLPERF_LOADGEN_TRAFFIC_ARRIVAL_PROCESS_H_
#define MLPERF_LOADGEN_TRAFFIC_ARRIVAL_PROCESS_H_

#include <algorithm>
#include <cstdint>

#include "traffic/random.h"

namespace mlperf::loadgen {

// Poisson arrivals at a mean rate, or a constant period where the schedule only counts queries.
class ArrivalProcess {
 public:
  static ArrivalProcess Poisson(double rate_per_s, uint64_t seed) {
    return ArrivalProcess(rate_per_s, seed, true);
  }
  static ArrivalProcess Constant(double rate_per_s) { return ArrivalProcess(rate_per_s, 0, false); }

  bool is_constant() const { return !poisson_; }
  int64_t period_ns() const { return period_ns_; }  // Constant arrivals only.

  // The gap from one query to the next.
  int64_t NextGapNs() { return poisson_ ? random_.ExponentialNs(rate_per_s_) : period_ns_; }

 private:
  ArrivalProcess(double rate_per_s, uint64_t seed, bool poisson)
      : rate_per_s_(rate_per_s),
        poisson_(poisson),
        period_ns_(poisson || rate_per_s <= 0 ? 0 : PeriodNs(rate_per_s)),
        random_(seed) {}

  static int64_t PeriodNs(double rate_per_s) {
    return static_cast<int64_t>(std::min(1e9 * (1.0 / rate_per_s), 2305843009213693952.0));
  }

  double rate_per_s_;
  bool poisson_;
  int64_t period_ns_;
  RandomEngine random_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TRAFFIC_ARRIVAL_PROCESS_H_
