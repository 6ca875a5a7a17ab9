#include "large_buffers.h"

#include <algorithm>
#include <utility>

namespace mlperf::network {
namespace {

constexpr size_t kMostFreeBytes = 64 << 20;  // As many bytes are outstanding at a node, most often.
constexpr size_t kMostFree = 256;

}  // namespace

void ReturnBytes::operator()(std::byte* bytes) const {
  if (capacity_ == 0) {
    delete[] bytes;
  } else {
    LargeBuffers::Instance().Return(bytes, capacity_);
  }
}

LargeBuffers& LargeBuffers::Instance() {
  static LargeBuffers* buffers = new LargeBuffers;  // Records may outlive all static objects.
  return *buffers;
}

OwnedBytes LargeBuffers::Take(size_t size) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto fits = [&](const Buffer& buffer) {
      return buffer.capacity >= size && buffer.capacity / 2 <= size;
    };
    const auto found = std::find_if(free_.rbegin(), free_.rend(), fits);  // The last one is warm.
    if (found != free_.rend()) {
      Buffer buffer = std::move(*found);
      free_.erase(std::next(found).base());
      free_bytes_ -= buffer.capacity;
      return OwnedBytes(buffer.bytes.release(), ReturnBytes(buffer.capacity));
    }
  }
  return OwnedBytes(std::make_unique_for_overwrite<std::byte[]>(size).release(), ReturnBytes(size));
}

void LargeBuffers::Return(std::byte* bytes, size_t capacity) {
  Buffer buffer{std::unique_ptr<std::byte[]>(bytes), capacity};
  std::lock_guard<std::mutex> lock(mutex_);
  if (free_bytes_ + capacity > kMostFreeBytes || free_.size() == kMostFree) return;
  free_bytes_ += capacity;
  free_.push_back(std::move(buffer));
}

}  // namespace mlperf::network
