// A model of a system under test, one worker that takes the same time for each query (M/D/1), fed
// the very arrivals of a trial. Its long-run share of queries over the latency bound is known, so
// that what it shows in a trial is how lucky the arrivals were: a control variate. Pure.
#ifndef MLPERF_LOADGEN_SEARCH_CONTROL_QUEUE_H_
#define MLPERF_LOADGEN_SEARCH_CONTROL_QUEUE_H_

namespace mlperf::loadgen {

class ControlQueue {
 public:
  // service_s 0: no query is over the bound.
  ControlQueue(double service_s, double bound_s) : service_s_(service_s), bound_s_(bound_s) {}

  // A query that is due at a time, not before the last one: is its latency over the bound?
  bool Over(double due_s) {
    free_s_ = (free_s_ > due_s ? free_s_ : due_s) + service_s_;
    return service_s_ > 0 && free_s_ - due_s > bound_s_;
  }

 private:
  double service_s_, bound_s_;
  double free_s_ = 0;
};

// The queue's long-run share of queries over the bound at Poisson arrivals; 0 for service_s 0, 1
// for a rate at or above its capacity. Cramer-Lundberg asymptote, exact to 1e-3 of the share from a
// bound of 4 services on.
double ControlShare(double qps, double service_s, double bound_s);

// The service time at which a queue reaches a share at a rate; 0 if its bound would be less than 4
// services, where neither the formula nor the model is of use.
double ControlService(double qps, double bound_s, double over_share);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SEARCH_CONTROL_QUEUE_H_
