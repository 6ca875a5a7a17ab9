#include "write/accuracy_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>

namespace mlperf::loadgen {
namespace {

constexpr size_t kBlockSize = size_t{1} << 20;
constexpr size_t kMaxFullBlocks = 8;
constexpr size_t kMaxSpareBlocks = kMaxFullBlocks;
// A record is handed to the operating system after this time, also from a block that is not full.
constexpr std::chrono::milliseconds kLongestKept(500);

constexpr std::string_view kTokenDataField = "\", \"token_data\" : \"";

using HexPair = std::array<char, 2>;

constexpr std::array<HexPair, 256> MakeHexPairs() {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::array<HexPair, 256> pairs{};
  for (size_t byte = 0; byte < 256; ++byte) {
    pairs[byte] = {kDigits[byte >> 4], kDigits[byte & 0xF]};
  }
  return pairs;
}
constexpr std::array<HexPair, 256> kHexPairs = MakeHexPairs();

char* WriteHex(const void* data, size_t size, char* out) {
  const unsigned char* bytes = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < size; ++i) std::memcpy(out + 2 * i, kHexPairs[bytes[i]].data(), 2);
  return out + 2 * size;
}

char* WriteText(std::string_view text, char* out) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

// A record but for its hex digits, which are too many for the stack.
class Envelope {
 public:
  Envelope(const LoggedResponse& record, AccuracyFormat format)
      : record_(record), token_data_(format.token_data) {
    char* end = WriteText("{ \"seq_id\" : ", head_.data());
    end = std::to_chars(end, head_.data() + head_.size(), record.sequence_id).ptr;
    end = WriteText(", \"qsl_idx\" : ", end);
    end = std::to_chars(end, head_.data() + head_.size(), record.sample_index).ptr;
    end = WriteText(", \"data\" : \"", end);
    head_size_ = static_cast<size_t>(end - head_.data());

    end = WriteText("\"", tail_.data());
    if (format.token_count) {
      end = WriteText(", \"token_count\" : ", end);
      end = std::to_chars(end, tail_.data() + tail_.size(), record.token_count).ptr;
    }
    end = WriteText(" }", end);
    tail_size_ = static_cast<size_t>(end - tail_.data());
  }

  size_t record_size() const {
    const size_t token_size = token_data_ ? kTokenDataField.size() + 2 * record_.token_size : 0;
    return head_size_ + 2 * record_.size + token_size + tail_size_;
  }

  void Write(char* out) const {
    out = WriteText({head_.data(), head_size_}, out);
    out = WriteHex(record_.data, record_.size, out);
    if (token_data_) {
      out = WriteText(kTokenDataField, out);
      out = WriteHex(record_.token_data, record_.token_size, out);
    }
    WriteText({tail_.data(), tail_size_}, out);
  }

 private:
  const LoggedResponse& record_;
  const bool token_data_;
  // Room for the fixed text and 20 digits a number.
  std::array<char, 96> head_;
  std::array<char, 64> tail_;
  size_t head_size_;
  size_t tail_size_;
};

}  // namespace

struct AccuracyLog::Block {
  explicit Block(size_t size) : bytes(new char[size]), capacity(size) {}
  bool HasRoom(size_t size) const { return capacity - used >= size; }

  std::unique_ptr<char[]> bytes;
  size_t capacity;
  size_t used = 0;
  size_t unfinished_records = 0;  // Space taken, but not given back yet.
};

AccuracyLog::AccuracyLog(OutputFile* file, AccuracyFormat format) : file_(file), format_(format) {
  file_->Append("[");
  spare_.reserve(kMaxSpareBlocks);  // The writing thread must not fail.
}

AccuracyLog::~AccuracyLog() { Finish(); }

void AccuracyLog::Start() {
  if (!writer_.joinable()) writer_ = std::thread(&AccuracyLog::WriteBlocks, this);
}

void AccuracyLog::Append(const LoggedResponse& record) {
  const Envelope envelope(record, format_);
  const Space space = TakeSpace(envelope.record_size());
  envelope.Write(space.begin);
  GiveBack(space);
}

void AccuracyLog::Finish() {
  if (std::exchange(finished_, true)) return;
  if (writer_.joinable()) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      finishing_ = true;
      if (current_) full_.push_back(std::move(current_));
    }
    work_or_room_.notify_all();
    writer_.join();
  }
  file_->Append("\n]\n");
  file_->Flush();
}

uint64_t AccuracyLog::record_count() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return record_count_;
}

AccuracyLog::Space AccuracyLog::TakeSpace(size_t record_size) {
  std::unique_lock<std::mutex> lock(mutex_);
  RequireRoom(record_size + 2, &lock);
  const std::string_view separator = record_count_ == 0 ? "\n" : ",\n";
  ++record_count_;
  Block* block = current_.get();
  char* begin = WriteText(separator, block->bytes.get() + block->used);
  block->used += separator.size() + record_size;
  ++block->unfinished_records;
  return {block, begin};
}

void AccuracyLog::GiveBack(const Space& space) {
  bool writer_may_wait_for_it = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    --space.block->unfinished_records;
    writer_may_wait_for_it = space.block->unfinished_records == 0 && space.block != current_.get();
  }
  if (writer_may_wait_for_it) work_or_room_.notify_all();
}

// Makes `current_` a block with at least `size` bytes left.
void AccuracyLog::RequireRoom(size_t size, std::unique_lock<std::mutex>* lock) {
  while (!current_ || !current_->HasRoom(size)) {
    if (current_ && full_.size() == kMaxFullBlocks) {
      work_or_room_.wait(*lock);
      continue;  // Another thread may have put a new block in place meanwhile.
    }
    std::unique_ptr<Block> block = EmptyBlock(size);
    if (current_) full_.push_back(std::move(current_));
    current_ = std::move(block);
    work_or_room_.notify_all();
  }
}

std::unique_ptr<AccuracyLog::Block> AccuracyLog::EmptyBlock(size_t size) {
  if (size > kBlockSize || spare_.empty()) {
    return std::make_unique<Block>(std::max(size, kBlockSize));
  }
  std::unique_ptr<Block> block = std::move(spare_.back());
  spare_.pop_back();
  return block;
}

// Takes back the block that was written last, if any, and waits for the next to write; none: that
// was the last.
std::unique_ptr<AccuracyLog::Block> AccuracyLog::NextBlock(std::unique_ptr<Block> written) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (written && written->capacity == kBlockSize && spare_.size() < kMaxSpareBlocks) {
    written->used = 0;
    spare_.push_back(std::move(written));
  }
  const auto has_work = [this] {
    return full_.empty() ? finishing_ : full_.front()->unfinished_records == 0;
  };
  while (!work_or_room_.wait_for(lock, kLongestKept, has_work)) {
    if (full_.empty() && current_) full_.push_back(std::move(current_));
  }
  if (full_.empty()) return nullptr;
  std::unique_ptr<Block> next = std::move(full_.front());
  full_.pop_front();
  work_or_room_.notify_all();
  return next;
}

// The writer thread. A file that has failed drops what it is given, so the queue keeps moving.
void AccuracyLog::WriteBlocks() {
  std::unique_ptr<Block> block;
  while ((block = NextBlock(std::move(block)))) {
    file_->Append({block->bytes.get(), block->used});
    file_->Flush();
  }
}

}  // namespace mlperf::loadgen
