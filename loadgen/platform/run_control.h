// What reaches into a running test from outside: requests to stop, and the gate around callbacks.
#ifndef MLPERF_LOADGEN_PLATFORM_RUN_CONTROL_H_
#define MLPERF_LOADGEN_PLATFORM_RUN_CONTROL_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

#include "plan/checkpoint.h"

namespace mlperf::loadgen {

// Why a test is ended before its time.
enum class StopCause : uint8_t {
  kNone,
  kAbort,      // AbortTest.
  kInterrupt,  // SIGINT or SIGTERM.
  kException,  // Of a user's callback.
  kStall,      // The system under test stopped answering.
  kForked,     // This is a child process that a callback made: the test is the parent's.
};

// Never returns.
[[noreturn]] void StayHere();

// Shared by all threads of a test.
class RunControl {
 public:
  bool stop_requested() const { return cause() != StopCause::kNone; }
  StopCause cause() const { return cause_.load(); }
  // The first cause stays. May be called from a signal handler.
  void RequestStop(StopCause cause) {
    StopCause none = StopCause::kNone;
    cause_.compare_exchange_strong(none, cause);
  }

  // For work that takes long: throws TestStopped once the test is to stop.
  Checkpoint checkpoint() const {
    return [this] {
      if (stop_requested()) throw TestStopped();
    };
  }

  // Keeps the first exception and stops the test; TestStopped says nothing new. None: the thread is
  // being ended from outside (by an interpreter that goes away, say), and stays where it is, for
  // nothing that follows can be relied on.
  void ReportException(std::exception_ptr exception) {
    if (!exception) StayHere();
    if (IsTestStopped(exception)) return;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!exception_) exception_ = exception;
    }
    RequestStop(StopCause::kException);
  }

  std::exception_ptr exception() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return exception_;
  }

 private:
  static bool IsTestStopped(const std::exception_ptr& exception) {
    try {
      std::rethrow_exception(exception);
    } catch (const TestStopped&) {
      return true;
    } catch (...) {
      return false;
    }
  }

  std::atomic<StopCause> cause_{StopCause::kNone};
  static_assert(std::atomic<StopCause>::is_always_lock_free);
  mutable std::mutex mutex_;
  std::exception_ptr exception_;
};

// Ends this child process, and says why.
[[noreturn]] void EndForkedChild();

// Called after each callback of the user: one that forked and came back in the child has nothing to
// come back to, since the threads and files of the test are the parent's.
inline void LeaveIfForked(const RunControl& control) {
  if (control.cause() == StopCause::kForked) EndForkedChild();
}

// What must be held while user callbacks run and given up while the generator waits: a language
// runtime's lock. The thread that runs a test enters with the gate closed behind it, and every
// wait of an issue loop leaves it.
class CallbackGate {
 public:
  virtual ~CallbackGate() = default;
  virtual void Enter() {}
  virtual void Leave() {}
  // Called now and then outside the gate while the generator waits: a chance to see signals, or a
  // stall. What it throws stops the test.
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

#endif  // MLPERF_LOADGEN_PLATFORM_RUN_CONTROL_H_
