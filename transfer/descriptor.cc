#include "descriptor.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

namespace mlperf::transfer {
namespace {

std::atomic<uint64_t> process_generation{0};

// All open descriptors of this process. It is never destroyed: objects may outlive static ones.
struct OpenDescriptors {
  std::mutex mutex;
  std::vector<int> fds;
};

OpenDescriptors& TheOpenDescriptors();

void LockBeforeFork() { TheOpenDescriptors().mutex.lock(); }

void UnlockInParent() { TheOpenDescriptors().mutex.unlock(); }

void CloseInChild() {
  OpenDescriptors& open = TheOpenDescriptors();
  for (const int fd : open.fds) close(fd);
  open.fds.clear();
  process_generation.fetch_add(1, std::memory_order_relaxed);
  open.mutex.unlock();
}

OpenDescriptors& TheOpenDescriptors() {
  static OpenDescriptors* const open = [] {
    pthread_atfork(LockBeforeFork, UnlockInParent, CloseInChild);
    return new OpenDescriptors;
  }();
  return *open;
}

}  // namespace

uint64_t ProcessGeneration() { return process_generation.load(std::memory_order_relaxed); }

Descriptor::Descriptor(int fd) : fd_(fd), generation_(ProcessGeneration()) {
  if (fd < 0) return;
  OpenDescriptors& open = TheOpenDescriptors();
  const std::lock_guard lock(open.mutex);
  open.fds.push_back(fd);
}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), generation_(other.generation_) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this == &other) return *this;
  Close();
  fd_ = std::exchange(other.fd_, -1);
  generation_ = other.generation_;
  return *this;
}

void Descriptor::Close() {
  const int fd = std::exchange(fd_, -1);
  // In a child the number may belong to another file by now.
  if (fd < 0 || generation_ != ProcessGeneration()) return;
  OpenDescriptors& open = TheOpenDescriptors();
  // The lock keeps a fork from happening between the two steps.
  const std::lock_guard lock(open.mutex);
  const auto place = std::find(open.fds.begin(), open.fds.end(), fd);
  if (place != open.fds.end()) {
    *place = open.fds.back();
    open.fds.pop_back();
  }
  close(fd);
}

}  // namespace mlperf::transfer
