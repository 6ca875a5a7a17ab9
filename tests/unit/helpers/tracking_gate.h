// A gate that knows whether it is held, and how often it was left and polled.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_TRACKING_GATE_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_TRACKING_GATE_H_

#include <atomic>
#include <functional>

#include "platform/run_control.h"

namespace mlperf::loadgen {

class TrackingGate final : public CallbackGate {
 public:
  explicit TrackingGate(int held = 0) : held_(held) {}

  void Enter() override {
    if (on_enter) on_enter();
    ++held_;
  }
  void Leave() override {
    --held_;
    ++leave_count_;
  }
  void Poll() override {
    ++poll_count_;
    if (held_ != 0) polled_inside_ = true;
    if (on_poll) on_poll();
  }

  int held() const { return held_; }
  int leave_count() const { return leave_count_; }
  int poll_count() const { return poll_count_; }
  bool polled_inside() const { return polled_inside_; }

  std::function<void()> on_enter, on_poll;

 private:
  std::atomic<int> held_;
  std::atomic<int> leave_count_{0};
  std::atomic<int> poll_count_{0};
  std::atomic<bool> polled_inside_{false};
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_TRACKING_GATE_H_
