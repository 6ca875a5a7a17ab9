// Memory that goes back to the system as soon as it is not needed: what is large has a mapping of
// its own.
#ifndef MLPERF_SHARDS_MAPPED_ALLOCATOR_H_
#define MLPERF_SHARDS_MAPPED_ALLOCATOR_H_

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace mlperf::shards {

template <typename T>
class MappedAllocator {
 public:
  using value_type = T;

  MappedAllocator() = default;
  template <typename Other>
  MappedAllocator(const MappedAllocator<Other>&) {}

  T* allocate(size_t count) {
    const size_t size = count * sizeof(T);
    if (size < kMinMapping) return static_cast<T*>(::operator new(size));
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS;
    void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, kFlags, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }

  void deallocate(T* memory, size_t count) {
    const size_t size = count * sizeof(T);
    if (size < kMinMapping) return ::operator delete(memory);
    munmap(memory, size);
  }

  bool operator==(const MappedAllocator&) const { return true; }

 private:
  static constexpr size_t kMinMapping = 64 << 10;
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_MAPPED_ALLOCATOR_H_
