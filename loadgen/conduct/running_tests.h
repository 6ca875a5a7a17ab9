// Which test of the process is running, and the threads lent to it.
#ifndef MLPERF_LOADGEN_CONDUCT_RUNNING_TESTS_H_
#define MLPERF_LOADGEN_CONDUCT_RUNNING_TESTS_H_

#include <cstdint>
#include <mutex>

#include "issue/issue_threads.h"
#include "platform/run_control.h"

namespace mlperf::loadgen {

class TestRegistry {
 public:
  TestRegistry();

  // Marks a test as the running one. Throws std::logic_error if there is one already. Returns the
  // test's tag, which differs from those of earlier tests.
  uint64_t Begin(RunControl* control);
  // Ends it and gives the lent threads back.
  void End();
  // Stops the running test, if there is one.
  void Abort();
  // True if there is one that is to stop.
  bool stop_requested();

  IssueThreads* issue_threads() { return &issue_threads_; }

  // Around a fork of the process. The child has no test, but the callback that made it may still
  // return into one.
  void BeforeFork() { mutex_.lock(); }
  void AfterForkInParent() { mutex_.unlock(); }
  void AfterForkInChild();

 private:
  std::mutex mutex_;
  RunControl* running_ = nullptr;
  uint64_t test_count_ = 0;
  IssueThreads issue_threads_;
};

// The process's own. Never destroyed: threads may use it while the process ends.
TestRegistry& TheTestRegistry();

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_CONDUCT_RUNNING_TESTS_H_
