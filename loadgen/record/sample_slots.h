// Memory for what is known of every query and sample of one issued set: what was planned, and
// when things happened. Structure of arrays in fixed-size chunks, so that it grows without moving
// and a slot stays valid while other threads write to it.
#ifndef MLPERF_LOADGEN_RECORD_SAMPLE_SLOTS_H_
#define MLPERF_LOADGEN_RECORD_SAMPLE_SLOTS_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>

namespace mlperf::loadgen {

// An array of T that grows in chunks of 2^kChunkBits elements, zeroed. One thread grows it;
// any thread that knows of an element (by a release/acquire pair) may use it.
template <typename T>
class ChunkedArray {
 public:
  static constexpr size_t kChunkBits = 16;
  static constexpr size_t kChunkSize = size_t{1} << kChunkBits;
  static constexpr size_t kMaxChunks = size_t{1} << 16;

  ChunkedArray() = default;
  ChunkedArray(const ChunkedArray&) = delete;
  ChunkedArray& operator=(const ChunkedArray&) = delete;
  ~ChunkedArray() {
    for (size_t i = 0; i < chunk_count_; ++i) std::free(chunks_.get()[i]);
  }

  // Makes elements [0, count) usable. Not on the hot path: allocates and touches new memory.
  void Grow(size_t count) {
    if (count == 0) return;
    if (count > kMaxChunks * kChunkSize) throw std::length_error("ChunkedArray: too many elements");
    if (!chunks_) {
      chunks_.reset(static_cast<T**>(std::calloc(kMaxChunks, sizeof(T*))));
      if (!chunks_) throw std::bad_alloc();
    }
    const size_t wanted = (count + kChunkSize - 1) >> kChunkBits;
    while (chunk_count_ < wanted) {
      void* memory = std::calloc(kChunkSize, sizeof(T));
      if (memory == nullptr) throw std::bad_alloc();
      chunks_.get()[chunk_count_++] = static_cast<T*>(memory);
    }
  }

  // Copies `values` to the elements from `begin` on, which must be usable.
  template <typename Value>
  void Assign(size_t begin, const Value* values, size_t count) {
    static_assert(sizeof(Value) == sizeof(T));
    while (count > 0) {
      const size_t run = std::min(count, kChunkSize - begin % kChunkSize);
      std::memcpy(static_cast<void*>(&(*this)[begin]), values, run * sizeof(T));
      begin += run;
      values += run;
      count -= run;
    }
  }

  // Writes one zero element in each page of [begin, end), which is all zero: its first use later
  // meets no page fault.
  void Touch(size_t begin, size_t end) {
    constexpr size_t kStep = 4096 / sizeof(T);
    for (size_t i = begin; i < end; i += kStep) Zero(&(*this)[i]);
    if (begin < end) Zero(&(*this)[end - 1]);
  }

  bool empty() const { return chunk_count_ == 0; }
  size_t capacity() const { return chunk_count_ << kChunkBits; }

  T& operator[](size_t i) { return chunks_.get()[i >> kChunkBits][i & (kChunkSize - 1)]; }
  const T& operator[](size_t i) const {
    return chunks_.get()[i >> kChunkBits][i & (kChunkSize - 1)];
  }

 private:
  template <typename Value>
  static void Zero(std::atomic<Value>* element) {
    element->store(0, std::memory_order_relaxed);
  }
  template <typename Value>
  static void Zero(Value* element) {
    *static_cast<volatile Value*>(element) = 0;
  }

  struct Free {
    void operator()(T** p) const { std::free(p); }
  };
  std::unique_ptr<T*, Free> chunks_;
  size_t chunk_count_ = 0;
};

// Slots of one set. Queries have a fixed number of samples, so query q owns the samples
// [q * samples_per_query, (q + 1) * samples_per_query), both counted from 0 within the set.
// Times are clock readings in ns; 0 means "has not happened".
struct SampleSlots {
  uint64_t samples_per_query = 1;
  bool scheduled_is_issued = false;  // Closed loop: one array serves both times.

  // Per query.
  ChunkedArray<int64_t> scheduled_delta_ns;  // From the start of issuing; unused in closed loops.
  ChunkedArray<std::atomic<int64_t>> issued_ns;
  ChunkedArray<int64_t> issue_returned_ns;  // Only with the trace on.
  // 1: was due already when the system under test returned from the IssueQuery before. Open loops.
  ChunkedArray<uint8_t> held_up;

  // Per sample.
  ChunkedArray<uint32_t> sample_index;
  // Negative: it failed then, as one value says both to who reads it while others write. With
  // kCancelledBit as well: the system gave it up on purpose.
  ChunkedArray<std::atomic<int64_t>> completed_ns;
  ChunkedArray<std::atomic<int64_t>> first_token_ns;  // Only in token mode.
  ChunkedArray<std::atomic<int64_t>> token_count;     // Only in token mode; as reported.
  ChunkedArray<uint8_t> log_response;                 // Only with accuracy-log sampling.

  static constexpr int64_t kCancelledBit = int64_t{1} << 62;
  static int64_t CancelledAt(int64_t time_ns) { return -(time_ns | kCancelledBit); }

  // When the sample was answered, failed or was cancelled; 0: none of these.
  int64_t CompletedNs(uint64_t sample) const {
    return std::abs(completed_ns[sample].load(std::memory_order_relaxed)) & ~kCancelledBit;
  }
  // When it was answered; 0: it failed, was cancelled, or is outstanding.
  int64_t AnsweredNs(uint64_t sample) const {
    return std::max<int64_t>(completed_ns[sample].load(std::memory_order_relaxed), 0);
  }
  bool Failed(uint64_t sample) const {
    const int64_t time_ns = completed_ns[sample].load(std::memory_order_relaxed);
    return time_ns < 0 && time_ns > -kCancelledBit;
  }
  bool Cancelled(uint64_t sample) const {
    return completed_ns[sample].load(std::memory_order_relaxed) <= -kCancelledBit;
  }
  uint64_t QueryOf(uint64_t sample) const {
    if (samples_per_query == 1) return sample;
    return sample < samples_per_query ? 0 : sample / samples_per_query;  // A division costs more.
  }
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_RECORD_SAMPLE_SLOTS_H_
