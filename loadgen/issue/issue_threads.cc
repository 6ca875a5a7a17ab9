#include "issue/issue_threads.h"

#include <algorithm>
#include <stdexcept>

#include "issue/completion_registry.h"

namespace mlperf::loadgen {
namespace {
constexpr std::chrono::milliseconds kIdleInterval(20);
constexpr std::chrono::milliseconds kGiveUpInterval(200);
}  // namespace

void IssueThreads::Lend(const std::function<bool()>& give_up) {
  if (IsIssuingThread()) {
    throw std::logic_error(
        "RegisterIssueQueryThread: called from a callback of the test that this thread issues; "
        "call "
        "it from a thread of its own");
  }
  Lent self;
  std::unique_lock<std::mutex> lock(mutex_);
  const size_t index = lent_.size();
  lent_.push_back(&self);
  changed_.notify_all();
  while (true) {
    const auto wanted = [&self] { return self.job != nullptr || self.released; };
    while (!changed_.wait_for(lock, kGiveUpInterval, wanted)) {
      lock.unlock();
      const bool gives_up = give_up();
      lock.lock();
      if (!gives_up || wanted()) continue;
      std::erase(lent_, &self);
      return;
    }
    if (self.job == nullptr) return;
    const std::function<void(size_t)>* job = self.job;
    lock.unlock();
    (*job)(index);
    lock.lock();
    self.job = nullptr;
    changed_.notify_all();
  }
}

size_t IssueThreads::Await(size_t count, std::chrono::milliseconds timeout) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return lent_.size() >= count; });
  return lent_.size();
}

void IssueThreads::RunOnAll(size_t count, const std::function<void(size_t)>& job,
                            const std::function<void()>& idle) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto end = lent_.begin() + static_cast<ptrdiff_t>(std::min(count, lent_.size()));
  std::for_each(lent_.begin(), end, [&job](Lent* lent) { lent->job = &job; });
  changed_.notify_all();
  // Threads that are lent meanwhile come after these and have no job.
  const auto all_done = [this] {
    return std::none_of(lent_.begin(), lent_.end(),
                        [](const Lent* lent) { return lent->job != nullptr; });
  };
  while (!changed_.wait_for(lock, kIdleInterval, all_done)) {
    lock.unlock();
    idle();
    lock.lock();
  }
}

void IssueThreads::ReleaseAll() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (Lent* lent : lent_) lent->released = true;
  lent_.clear();
  changed_.notify_all();
}

}  // namespace mlperf::loadgen
