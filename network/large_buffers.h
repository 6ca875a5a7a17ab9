// Memory of large records, used again: fresh memory from the kernel costs more than the copy into
// it.
#ifndef MLPERF_LOADGEN_NETWORK_LARGE_BUFFERS_H_
#define MLPERF_LOADGEN_NETWORK_LARGE_BUFFERS_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace mlperf::network {

// Gives memory back to the buffers of the process if it came from there, or frees it.
class ReturnBytes {
 public:
  ReturnBytes() = default;
  ReturnBytes(std::default_delete<std::byte[]>) {}  // Of memory that came from elsewhere.
  explicit ReturnBytes(size_t capacity) : capacity_(capacity) {}
  void operator()(std::byte* bytes) const;

 private:
  size_t capacity_ = 0;
};

using OwnedBytes = std::unique_ptr<std::byte[], ReturnBytes>;

// Any thread may call any method.
class LargeBuffers {
 public:
  // Of this process.
  static LargeBuffers& Instance();

  // At least `size` bytes of any content.
  OwnedBytes Take(size_t size);
  void Return(std::byte* bytes, size_t capacity);

 private:
  struct Buffer {
    std::unique_ptr<std::byte[]> bytes;
    size_t capacity;
  };

  std::mutex mutex_;
  std::vector<Buffer> free_;  // Few.
  size_t free_bytes_ = 0;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_LARGE_BUFFERS_H_
