#include "test_registry.h"

#include <pthread.h>

#include <stdexcept>

#include "completion_registry.h"
#include "recorder.h"

namespace mlperf::loadgen {

RunningTests::RunningTests() {
  pthread_atfork([] { TestRegistry().BeforeFork(); }, [] { TestRegistry().AfterForkInParent(); },
                 [] { TestRegistry().AfterForkInChild(); });
}

void RunningTests::AfterForkInChild() {
  if (running_ != nullptr) running_->RequestStop(StopCause::kForked);
  running_ = nullptr;
  mutex_.unlock();
}

uint64_t RunningTests::Begin(RunControl* control) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (running_ != nullptr) {
    throw std::logic_error(
        "StartTest: a test is already running in this process; wait until it has ended, or end it "
        "with AbortTest");
  }
  running_ = control;
  ExpectCompletions();
  // Tags are used again after a million tests.
  return test_count_++ % ((uint64_t{1} << kTagBits) - 1) + 1;
}

void RunningTests::End() {
  std::lock_guard<std::mutex> lock(mutex_);
  running_ = nullptr;
  issue_threads_.ReleaseAll();
}

void RunningTests::Abort() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (running_ != nullptr) running_->RequestStop(StopCause::kAbort);
}

bool RunningTests::stop_requested() {
  std::lock_guard<std::mutex> lock(mutex_);
  return running_ != nullptr && running_->stop_requested();
}

RunningTests& TestRegistry() {
  static RunningTests* registry = new RunningTests;
  return *registry;
}

}  // namespace mlperf::loadgen
