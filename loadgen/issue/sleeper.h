// One thread that sleeps until others have made something true.
#ifndef MLPERF_LOADGEN_ISSUE_SLEEPER_H_
#define MLPERF_LOADGEN_ISSUE_SLEEPER_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace mlperf::loadgen {

// While no thread sleeps, the others pay one load of an atomic for each change. Whether to sleep is
// asked only after the sleep was announced: who changes something after the question finds the
// announcement, so that no wake-up is lost.
class Sleeper {
 public:
  // Sleeps unless `ready()`, until it is woken, for `longest` at most. `ready` reads with
  // memory_order_seq_cst what others change.
  template <typename Ready>
  void SleepUnless(const Ready& ready, std::chrono::milliseconds longest) {
    std::unique_lock<std::mutex> lock(mutex_);
    asleep_.store(true, std::memory_order_seq_cst);
    if (!ready()) woken_.wait_for(lock, longest);
    asleep_.store(false, std::memory_order_relaxed);
  }

  // To be called after each change, which is made with memory_order_seq_cst.
  void Wake() {
    if (!asleep_.load(std::memory_order_seq_cst)) return;
    std::lock_guard<std::mutex> lock(mutex_);
    woken_.notify_all();
  }

 private:
  std::atomic<bool> asleep_{false};
  std::mutex mutex_;
  std::condition_variable woken_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_SLEEPER_H_
