#include "loaded_batch.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace mlperf::shards {
namespace {

constexpr size_t kHugePage = 2 << 20;
constexpr size_t kMinMapping = 64 << 10;  // Less comes from the heap.
constexpr size_t kAlignment = 64;

size_t Aligned(size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

void* Map(size_t size) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  if (size >= kHugePage) madvise(memory, size, MADV_HUGEPAGE);
  return memory;
}

}  // namespace

LoadedBatch* LoadedBatch::Make(size_t sample_count, size_t field_count, uint64_t body_bytes,
                               BatchMemory from) {
  const size_t samples_at = Aligned(sizeof(LoadedBatch));
  const size_t fields_at = samples_at + Aligned(sample_count * sizeof(LoadedSample));
  const size_t bodies_at = fields_at + Aligned(field_count * sizeof(LoadedField));
  if (body_bytes > SIZE_MAX / 2 - bodies_at) return nullptr;
  const size_t size = bodies_at + body_bytes;
  const bool is_mapped = from == BatchMemory::kMapping && size >= kMinMapping;
  void* const memory = is_mapped ? Map(size) : std::malloc(size);
  if (memory == nullptr) return nullptr;
  char* const bytes = static_cast<char*>(memory);
  auto* const batch = new (memory) LoadedBatch;
  batch->mapping_size_ = is_mapped ? size : 0;
  batch->samples_ = reinterpret_cast<LoadedSample*>(bytes + samples_at);
  batch->fields_ = reinterpret_cast<LoadedField*>(bytes + fields_at);
  batch->bodies_ = bytes + bodies_at;
  return batch;
}

void LoadedBatch::Release() {
  if (holds_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (mapping_size_ == 0) {
    std::free(this);
  } else {
    munmap(this, mapping_size_);
  }
}

}  // namespace mlperf::shards
