#include "conduct/running_tests.h"

#include <pthread.h>

#include <stdexcept>

#include "issue/completion_registry.h"
#include "issue/recorder.h"

namespace mlperf::loadgen {

TestRegistry::TestRegistry() {
  pthread_atfork([] { TheTestRegistry().BeforeFork(); },
                 [] { TheTestRegistry().AfterForkInParent(); },
                 [] { TheTestRegistry().AfterForkInChild(); });
}

void TestRegistry::AfterForkInChild() {
  if (running_ != nullptr) running_->RequestStop(StopCause::kForked);
  running_ = nullptr;
  mutex_.unlock();
}

uint64_t TestRegistry::Begin(RunControl* control) {
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

void TestRegistry::End() {
  std::lock_guard<std::mutex> lock(mutex_);
  running_ = nullptr;
  issue_threads_.ReleaseAll();
}

void TestRegistry::Abort() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (running_ != nullptr) running_->RequestStop(StopCause::kAbort);
}

bool TestRegistry::stop_requested() {
  std::lock_guard<std::mutex> lock(mutex_);
  return running_ != nullptr && running_->stop_requested();
}

TestRegistry& TheTestRegistry() {
  static TestRegistry* registry = new TestRegistry;
  return *registry;
}

}  // namespace mlperf::loadgen
