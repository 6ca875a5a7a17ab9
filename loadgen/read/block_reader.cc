#include "read/block_reader.h"

#include <system_error>

namespace mlperf::loadgen {

BlockReader::BlockReader(const Source& source, size_t block_size, size_t block_count)
    : source_(source), block_size_(block_size), blocks_(block_count) {
  for (Block& block : blocks_) block.bytes = std::make_unique_for_overwrite<char[]>(block_size);
  if (block_count == 1) return;
  try {
    thread_ = std::thread(&BlockReader::ReadAhead, this);
  } catch (const std::system_error&) {  // No thread left: slower, no more.
  }
}

BlockReader::~BlockReader() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

std::string_view BlockReader::Next() {
  if (ended_) return {};
  Block& block = BlockAt(next_);
  if (thread_.joinable()) {
    WaitForNext();
  } else {
    Fill(&block);
  }
  ++next_;
  ended_ = block.size == 0;
  if (block.error) std::rethrow_exception(block.error);
  return {block.bytes.get(), block.size};
}

void BlockReader::WaitForNext() {
  std::unique_lock lock(mutex_);
  released_ = next_;
  changed_.notify_one();
  changed_.wait(lock, [this] { return filled_ > next_; });
}

void BlockReader::ReadAhead() {
  bool is_last = false;
  for (size_t i = 0; !is_last; ++i) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopped_ || i < released_ + blocks_.size(); });
      if (stopped_) return;
    }
    Fill(&BlockAt(i));
    is_last = BlockAt(i).size == 0;
    {
      const std::lock_guard lock(mutex_);
      filled_ = i + 1;
    }
    changed_.notify_one();
  }
}

void BlockReader::Fill(Block* block) {
  try {
    block->size = source_(block->bytes.get(), block_size_);
  } catch (...) {
    block->size = 0;
    block->error = std::current_exception();
  }
}

}  // namespace mlperf::loadgen
