// Which samples of a performance run are written to the accuracy log.
#ifndef MLPERF_LOADGEN_TRAFFIC_ACCURACY_SAMPLING_H_
#define MLPERF_LOADGEN_TRAFFIC_ACCURACY_SAMPLING_H_

#include <cstdint>

#include "plan/run_plan.h"
#include "traffic/random.h"

namespace mlperf::loadgen {

// One draw a sample, in sample order over the whole test, from one engine with the default seed;
// accuracy_log_rng_seed only shifts the draws. A sample is logged if its shifted draw is not above
// the probability.
class AccuracySampling {
 public:
  explicit AccuracySampling(const RunPlan& plan)
      : probability_(plan.accuracy_log_effective_probability),
        offset_(RandomEngine(plan.accuracy_log_rng_seed).Unit()),
        random_(kDefaultSeed) {}

  bool enabled() const { return probability_ > 0; }

  bool NextIsLogged() {
    double value = random_.Unit() + offset_;
    if (value >= 1.0) value -= 1.0;
    return value <= probability_;
  }

  // Passes over samples that are not subject to sampling.
  void Skip(uint64_t sample_count) {
    if (enabled()) random_.SkipUnits(sample_count);
  }

 private:
  double probability_;
  double offset_;
  RandomEngine random_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TRAFFIC_ACCURACY_SAMPLING_H_
