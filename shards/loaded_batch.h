// Samples in memory: what one call loaded, in one mapping.
#ifndef MLPERF_SHARDS_LOADED_BATCH_H_
#define MLPERF_SHARDS_LOADED_BATCH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace mlperf::shards {

struct LoadedField {
  uint32_t field;  // Its place among the library's fields.
  uint64_t size;
  const char* data;

  std::string_view bytes() const { return {data, size}; }
};

class LoadedBatch;

struct LoadedSample {
  LoadedBatch* batch;
  uint64_t index;
  const LoadedField* fields_begin;
  size_t field_count;

  std::span<const LoadedField> fields() const { return {fields_begin, field_count}; }
};

// Where the memory of a batch comes from.
enum class BatchMemory : uint8_t {
  kMapping,  // A mapping of its own if it is large: all goes back to the system at once.
  kHeap,     // For what is let go of soon: the heap has pages that the system need not clear.
};

// One piece of memory, with the tables of the samples at its beginning. Whoever holds a batch can
// read it; the last one that lets it go frees it.
class LoadedBatch {
 public:
  // Null: the system has no memory for it. The caller holds it once.
  static LoadedBatch* Make(size_t sample_count, size_t field_count, uint64_t body_bytes,
                           BatchMemory memory);

  void Hold() { holds_.fetch_add(1, std::memory_order_relaxed); }
  void Release();

  LoadedSample* samples() { return samples_; }
  LoadedField* fields() { return fields_; }
  char* bodies() { return bodies_; }

 private:
  LoadedBatch() = default;

  std::atomic<size_t> holds_ = 1;
  size_t mapping_size_ = 0;  // 0: it is from the heap.
  LoadedSample* samples_ = nullptr;
  LoadedField* fields_ = nullptr;
  char* bodies_ = nullptr;
};

// Holds a batch as long as it lives.
class BatchHold {
 public:
  BatchHold() = default;
  // Takes over a hold that is there already.
  explicit BatchHold(LoadedBatch* held) : batch_(held) {}
  ~BatchHold() {
    if (batch_ != nullptr) batch_->Release();
  }
  BatchHold(BatchHold&& other) noexcept : batch_(other.batch_) { other.batch_ = nullptr; }
  BatchHold& operator=(BatchHold&& other) noexcept {
    std::swap(batch_, other.batch_);
    return *this;
  }

  LoadedBatch* get() const { return batch_; }
  LoadedBatch* operator->() const { return batch_; }

 private:
  LoadedBatch* batch_ = nullptr;
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_LOADED_BATCH_H_
