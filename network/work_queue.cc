#include "work_queue.h"

#include <utility>

namespace mlperf::network {

void WorkQueue::Push(Work work) {
  std::lock_guard<std::mutex> lock(mutex_);
  works_.push_back(std::move(work));
  // The worker may have read it from a socket itself, and so is awake.
  if (worker_waits_ && worker_ != std::this_thread::get_id()) poller_->Wake();
}

std::optional<Work> WorkQueue::Take(int timeout_ms) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (works_.empty()) Wait(timeout_ms, &lock);
  if (works_.empty()) return std::nullopt;
  Work work = std::move(works_.front());
  works_.pop_front();
  return work;
}

void WorkQueue::Wait(int timeout_ms, std::unique_lock<std::mutex>* lock) {
  worker_ = std::this_thread::get_id();
  worker_waits_ = true;
  bool served = true;
  while (works_.empty() && served) {
    lock->unlock();
    served = poller_->Wait(timeout_ms);
    lock->lock();
  }
  worker_waits_ = false;
  worker_is_awake_.notify_all();
}

bool WorkQueue::IsEmpty() {
  std::lock_guard<std::mutex> lock(mutex_);
  return works_.empty();
}

// Waking the worker alone would not do: this thread would take the event again, before the worker
// is awake, and so on.
void WorkQueue::LetWorkerGoFirst() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!worker_waits_ || works_.empty()) return;
  poller_->Wake();
  worker_is_awake_.wait(lock, [&] { return !worker_waits_; });
}

}  // namespace mlperf::network
