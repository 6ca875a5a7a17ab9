// Poisson arrivals at a mean rate: the gaps are independent, and exponentially distributed.
#ifndef MLPERF_LOADGEN_TRAFFIC_POISSON_ARRIVALS_H_
#define MLPERF_LOADGEN_TRAFFIC_POISSON_ARRIVALS_H_

#include <cstdint>
#include <memory>
#include <span>

#include "plan/run_plan.h"
#include "traffic/arrival_process.h"
#include "traffic/random.h"

namespace mlperf::loadgen {

class PoissonArrivals final : public ArrivalProcess {
 public:
  explicit PoissonArrivals(const RunPlan& plan)
      : rate_per_s_(plan.target_qps), random_(plan.schedule_rng_seed) {}

  void Draw(std::span<int64_t> gaps_ns) override {
    for (int64_t& gap_ns : gaps_ns) gap_ns = random_.ExponentialNs(rate_per_s_);
  }

  std::unique_ptr<ArrivalProcess> Copy() const override {
    return std::make_unique<PoissonArrivals>(*this);
  }

 private:
  double rate_per_s_;
  RandomEngine random_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TRAFFIC_POISSON_ARRIVALS_H_
