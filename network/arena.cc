#include "arena.h"

#include <algorithm>
#include <utility>

namespace mlperf::network {
namespace {

constexpr uint64_t kLine = 64;  // Where a block begins, for vectors of any width.

}  // namespace

std::byte* Arena::Block::data() const {
  return reinterpret_cast<std::byte*>(arena_->memory_.data()) + place_;
}

transfer::Status Arena::Make(uint64_t nbytes, std::shared_ptr<Arena>* arena) {
  auto made = std::make_shared<Arena>();
  transfer::Status status =
      transfer::SharedMemory::Make("mlperf_loadgen payloads", nbytes, true, &made->memory_);
  if (status.ok()) *arena = std::move(made);
  return status;
}

std::unique_ptr<Arena::Block> Arena::Take(uint64_t nbytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (nbytes > memory_.nbytes() - top_) return nullptr;
  auto block = std::make_unique<Block>(shared_from_this(), top_);
  top_ = std::min((top_ + nbytes + kLine - 1) / kLine * kLine, memory_.nbytes());
  ++blocks_;
  return block;
}

void Arena::Free() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (--blocks_ == 0) top_ = 0;
}

}  // namespace mlperf::network
