#include "search/control_queue.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace mlperf::loadgen {
namespace {

constexpr double kFewestServices = 4;  // In a latency bound.
constexpr size_t kBisections = 60;

// The positive root of load * (exp(y) - 1) = y: the tail's rate of decay a service. load in (0, 1).
double Decay(double load) {
  double low = 0, high = 2 * (1 - load) / load + 1;  // exp(y) - 1 > y + y * y / 2.
  for (size_t i = 0; i < kBisections; ++i) {
    const double mid = (low + high) / 2;
    (load * std::expm1(mid) < mid ? low : high) = mid;
  }
  return high;
}

}  // namespace

double ControlShare(double qps, double service_s, double bound_s) {
  const double load = qps * service_s;
  if (load <= 0) return 0;
  if (load >= 1) return 1;
  const double decay = Decay(load);
  const double level = (1 - load) / (load * std::exp(decay) - 1);
  return std::min(1.0, level * std::exp(-decay * (bound_s / service_s - 1)));
}

double ControlService(double qps, double bound_s, double over_share) {
  double low = 0, high = std::min(1 / qps, bound_s / kFewestServices);
  if (ControlShare(qps, high, bound_s) < over_share) return 0;
  for (size_t i = 0; i < kBisections; ++i) {
    const double mid = (low + high) / 2;
    (ControlShare(qps, mid, bound_s) < over_share ? low : high) = mid;
  }
  return low;
}

}  // namespace mlperf::loadgen
