// Codes in a bit stream: code i is in bits i * bits to i * bits + bits - 1, counted from the lowest
// bit of the first byte.
#ifndef MLPERF_COMPRESS_BIT_STREAM_H_
#define MLPERF_COMPRESS_BIT_STREAM_H_

#include <cstddef>

namespace mlperf::compress {

// Bytes of `count` codes. Kernels of all paths use it, so that each must have its own (lanes.h).
[[gnu::always_inline]] inline constexpr size_t PackedSize(size_t count, int bits) {
  return count / 8 * static_cast<size_t>(bits) + (count % 8 * static_cast<size_t>(bits) + 7) / 8;
}

}  // namespace mlperf::compress

#endif  // MLPERF_COMPRESS_BIT_STREAM_H_
