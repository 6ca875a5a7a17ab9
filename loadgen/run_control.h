// What reaches into a running test from outside: requests to stop, and the gate around callbacks.
#ifndef MLPERF_LOADGEN_RUN_CONTROL_H_
#define MLPERF_LOADGEN_RUN_CONTROL_H_

#include <atomic>
#include <exception>
#include <mutex>

namespace mlperf::loadgen {

// Shared by all threads of a test.
class RunControl {
 public:
  bool stop_requested() const { return stop_.load(std::memory_order_relaxed); }
  void RequestStop() { stop_.store(true, std::memory_order_relaxed); }

  // Keeps the first exception and stops the test.
  void ReportException(std::exception_ptr exception) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!exception_) exception_ = exception;
    }
    RequestStop();
  }

  std::exception_ptr exception() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return exception_;
  }

 private:
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::exception_ptr exception_;
};

// What must be held while user callbacks run and given up while the generator waits: a language
// runtime's lock. The thread that runs a test enters with the gate closed behind it, and every
// wait of an issue loop leaves it.
class CallbackGate {
 public:
  virtual ~CallbackGate() = default;
  virtual void Enter() {}
  virtual void Leave() {}
  // Called now and then outside the gate while the generator waits: a chance to see signals. What
  // it throws stops the test.
  virtual void Poll() {}
};

// Holds the gate for a scope.
class GateScope {
 public:
  explicit GateScope(CallbackGate* gate) : gate_(gate) { gate_->Enter(); }
  ~GateScope() { gate_->Leave(); }
  GateScope(const GateScope&) = delete;
  GateScope& operator=(const GateScope&) = delete;

 private:
  CallbackGate* gate_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_RUN_CONTROL_H_
