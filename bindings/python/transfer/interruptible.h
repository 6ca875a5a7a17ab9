// Waiting without the interpreter's lock that Ctrl-C ends.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_INTERRUPTIBLE_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_INTERRUPTIBLE_H_

#include <Python.h>

#include <algorithm>

#include "deadline.h"

namespace mlperf::python {

// Turns of a wait, each without the lock and short enough for signals to be noticed in between.
class Interruptible {
 public:
  explicit Interruptible(double timeout_s) : deadline_ns_(transfer::DeadlineAfter(timeout_s)) {}

  // What `wait(timeout_s)` returns; it runs without the lock.
  template <typename Wait>
  auto Turn(const Wait& wait) {
    const double turn_s =
        deadline_ns_ == transfer::kNever
            ? kTurnS
            : std::clamp(1e-9 * static_cast<double>(deadline_ns_ - transfer::MonotonicNs()), 0.0,
                         kTurnS);
    PyThreadState* const state = PyEval_SaveThread();
    auto result = wait(turn_s);
    PyEval_RestoreThread(state);
    return result;
  }

  // Whether another turn is due after one that brought nothing: not once the time is over, nor with
  // an exception set by a signal's handler.
  bool GoesOn() {
    is_interrupted_ = PyErr_CheckSignals() != 0;
    return !is_interrupted_ && transfer::MonotonicNs() < deadline_ns_;
  }
  bool is_interrupted() const { return is_interrupted_; }

 private:
  static constexpr double kTurnS = 0.1;

  const int64_t deadline_ns_;
  bool is_interrupted_ = false;
};

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_INTERRUPTIBLE_H_
