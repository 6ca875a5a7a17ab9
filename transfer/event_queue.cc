#include "event_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>

namespace mlperf::transfer {
namespace {

std::chrono::steady_clock::time_point TimePoint(int64_t deadline_ns) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline_ns));
}

}  // namespace

void EventQueue::AddPeer(std::shared_ptr<Peer> peer) {
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return;
    peers_.push_back(std::move(peer));
    Signal();
  }
  changed_.notify_all();
}

void EventQueue::RemovePeer(uint64_t number) {
  std::vector<std::shared_ptr<Peer>> removed;  // Ends without the lock.
  const std::lock_guard lock(mutex_);
  std::erase_if(peers_, [&](std::shared_ptr<Peer>& peer) {
    if (peer->number() != number) return false;
    removed.push_back(std::move(peer));
    return true;
  });
  Signal();
}

bool EventQueue::AddImmediate(const Immediate& immediate) {
  std::vector<std::function<void()>> calls;
  {
    const std::lock_guard lock(mutex_);
    uint32_t& count = immediates_of_peer_[immediate.peer];
    if (is_closed_ || count >= kMaxImmediatesOfPeer) return false;
    ++count;
    immediates_.push_back(immediate);
    Signal();
    calls = std::exchange(on_immediate_, {});
  }
  changed_.notify_all();
  for (const auto& call : calls) call();
  return true;
}

Status EventQueue::TakePeer(int64_t deadline_ns, std::shared_ptr<Peer>* peer) {
  std::unique_lock lock(mutex_);
  Status status = WaitFor(&lock, deadline_ns, "no peer connected", [&] { return !peers_.empty(); });
  if (!status.ok()) return status;
  *peer = std::move(peers_.front());
  peers_.pop_front();
  Signal();
  return {};
}

Status EventQueue::TakeImmediates(int64_t deadline_ns, std::vector<Immediate>* immediates) {
  std::unique_lock lock(mutex_);
  Status status =
      WaitFor(&lock, deadline_ns, "no immediate came", [&] { return !immediates_.empty(); });
  if (!status.ok()) return status;
  *immediates = std::exchange(immediates_, {});
  immediates_of_peer_.clear();
  Signal();
  return {};
}

bool EventQueue::OnImmediate(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  if (is_closed_ || !immediates_.empty()) return false;
  on_immediate_.push_back(std::move(call));
  return true;
}

template <typename Ready>
Status EventQueue::WaitFor(std::unique_lock<std::mutex>* lock, int64_t deadline_ns,
                           const char* what, const Ready& ready) {
  const auto is_over = [&] { return ready() || is_closed_; };
  if (deadline_ns == kNever) {
    changed_.wait(*lock, is_over);
  } else {
    changed_.wait_until(*lock, TimePoint(deadline_ns), is_over);
  }
  if (ready()) return {};
  if (is_closed_) return Status::Failed("the engine is closed; start another");
  return Status::Timeout(std::string(what) + " in time");
}

int EventQueue::descriptor() {
  const std::lock_guard lock(mutex_);
  if (!descriptor_) {
    descriptor_ = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    Signal();
  }
  return descriptor_.get();
}

// Makes the descriptor readable, or not, as it should be.
void EventQueue::Signal() {
  if (!descriptor_) return;
  const bool should = !peers_.empty() || !immediates_.empty();
  if (should == is_signalled_) return;
  is_signalled_ = should;
  uint64_t count = 1;
  // Neither can fail: the counter is 0 or 1.
  const ssize_t moved = should ? write(descriptor_.get(), &count, sizeof count)
                               : read(descriptor_.get(), &count, sizeof count);
  static_cast<void>(moved);
}

void EventQueue::Close() {
  std::vector<std::function<void()>> calls;
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    peers_.clear();
    calls = std::exchange(on_immediate_, {});
  }
  changed_.notify_all();
  for (const auto& call : calls) call();
}

}  // namespace mlperf::transfer
