// Cuts what comes on a lane into records, wherever the stream was cut into pieces. It knows no
// socket: its owner puts bytes into Room().
#ifndef MLPERF_LOADGEN_NETWORK_RECORD_READER_H_
#define MLPERF_LOADGEN_NETWORK_RECORD_READER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "lane_wire.h"
#include "large_buffers.h"

namespace mlperf::network {

using Bytes = std::span<const std::byte>;

// A record as it came.
template <typename Record>
struct Received {
  Record record;
  Bytes bytes;       // With their padding, aligned to kAlignment; they are there until Room().
  OwnedBytes owned;  // The same bytes if there are many, for who wants to keep them; else null.
};

// `Record`: SampleRecord or AnswerRecord. Not thread-safe.
template <typename Record>
class RecordReader {
 public:
  // Bytes of a record from here on have memory of their own, into which they come without a copy.
  static constexpr uint64_t kLargeBytes = 32 << 10;

  // `most_bytes`: of a payload or an answer.
  explicit RecordReader(uint64_t most_bytes) : most_bytes_(most_bytes) {}

  // Where the next bytes of the stream belong; never empty. Invalidates what Next returned.
  std::span<std::byte> Room() {
    if (large_.owned) return {large_.owned.get() + filled_, large_.bytes.size() - filled_};
    if (begin_ > 0) {
      std::memmove(stage_.get(), stage_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    return {stage_.get() + end_, kStageBytes - end_};
  }

  // `count` bytes were put into Room().
  void Filled(size_t count) { (large_.owned ? filled_ : end_) += count; }

  // Takes the next record. False if it is not complete yet, or the stream is broken: see fault().
  bool Next(Received<Record>* received) {
    if (!fault_.empty()) return false;
    if (large_.owned) return NextLarge(received);
    Record record;
    if (end_ - begin_ < sizeof(record)) return false;
    std::memcpy(&record, stage_.get() + begin_, sizeof(record));
    fault_ = FaultOf(record, most_bytes_);
    if (!fault_.empty()) return false;
    const uint64_t size = BytesAfter(record);
    if (size >= kLargeBytes) {
      begin_ += sizeof(record);
      BeginLarge(record, size);
      return NextLarge(received);
    }
    if (end_ - begin_ < sizeof(record) + size) return false;
    *received = {record, {stage_.get() + begin_ + sizeof(record), size}, nullptr};
    begin_ += sizeof(record) + size;
    return true;
  }

  // Why nothing more can be read; empty if it can.
  const std::string& fault() const { return fault_; }

 private:
  static constexpr size_t kStageBytes = 256 << 10;
  static_assert(kStageBytes > sizeof(Record) + kLargeBytes);

  void BeginLarge(const Record& record, uint64_t size) {
    large_.record = record;
    large_.owned = LargeBuffers::Instance().Take(size);
    large_.bytes = {large_.owned.get(), size};
    filled_ = std::min<uint64_t>(size, end_ - begin_);
    std::memcpy(large_.owned.get(), stage_.get() + begin_, filled_);
    begin_ += filled_;
  }

  bool NextLarge(Received<Record>* received) {
    if (filled_ < large_.bytes.size()) return false;
    *received = std::exchange(large_, {});
    return true;
  }

  uint64_t most_bytes_;
  OwnedBytes stage_ = std::make_unique_for_overwrite<std::byte[]>(kStageBytes);
  size_t begin_ = 0;  // What is not read yet, in `stage_`.
  size_t end_ = 0;
  Received<Record> large_;  // Being filled, if it owns bytes.
  size_t filled_ = 0;
  std::string fault_;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_RECORD_READER_H_
