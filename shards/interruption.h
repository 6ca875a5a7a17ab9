// Long work on several threads that its caller may want no more.
#ifndef MLPERF_SHARDS_INTERRUPTION_H_
#define MLPERF_SHARDS_INTERRUPTION_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

namespace mlperf::shards {

class Interruption {
 public:
  // `is_wanted` is asked on the thread that makes this. It may be empty.
  explicit Interruption(const std::function<bool()>& is_wanted) : is_wanted_(is_wanted) {}

  // Whether to stop. Any thread may ask between two pieces of its work.
  bool Check() {
    if (is_stopped()) return true;
    if (!is_wanted_ || std::this_thread::get_id() != caller_) return false;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return false;
    next_ = now + kInterval;
    if (is_wanted_()) is_stopped_.store(true, std::memory_order_relaxed);
    return is_stopped();
  }

  bool is_stopped() const { return is_stopped_.load(std::memory_order_relaxed); }

 private:
  // Asking may mean to wait for a lock.
  static constexpr std::chrono::milliseconds kInterval{100};

  const std::function<bool()>& is_wanted_;
  const std::thread::id caller_ = std::this_thread::get_id();
  std::chrono::steady_clock::time_point next_;
  std::atomic<bool> is_stopped_ = false;
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_INTERRUPTION_H_
