// The functions that weights go through, for the instructions in use (cpu_path.h). They check
// nothing: whoever calls them has checked sizes and values.
#ifndef MLPERF_COMPRESS_KERNELS_H_
#define MLPERF_COMPRESS_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "grids.h"

namespace mlperf::compress {

// Bytes of a bit stream of `count` codes.
inline constexpr size_t PackedSize(size_t count, int bits) {
  return count / 8 * static_cast<size_t>(bits) + (count % 8 * static_cast<size_t>(bits) + 7) / 8;
}

// Codes are uint8_t up to 8 bits, else uint16_t.
template <typename Grid>
struct GridKernels {
  void (*quantize)(const float* weights, size_t count, const Grid& grid, void* codes);
  void (*dequantize)(const void* codes, size_t count, const Grid& grid, float* weights);
  // Both at once; `restored` may be `weights`.
  void (*restore)(const float* weights, size_t count, const Grid& grid, float* restored);
  // To and from a bit stream.
  void (*encode)(const float* weights, size_t count, const Grid& grid, uint8_t* stream);
  void (*decode)(const uint8_t* stream, size_t count, const Grid& grid, float* weights);
};

struct Kernels {
  // False if a code has more than `bits` bits; the stream then means nothing.
  bool (*pack8)(const uint8_t* codes, size_t count, int bits, uint8_t* stream);
  bool (*pack16)(const uint16_t* codes, size_t count, int bits, uint8_t* stream);
  void (*unpack8)(const uint8_t* stream, size_t count, int bits, uint8_t* codes);
  void (*unpack16)(const uint8_t* stream, size_t count, int bits, uint16_t* codes);

  // False if a weight is not finite; the ranges then mean nothing.
  bool (*find_ranges)(const float* weights, size_t count, size_t per_range, Range* ranges);
  GridKernels<AffineGrid> affine;
  GridKernels<ZeroGrid> zero;
};

const Kernels& ActiveKernels();

}  // namespace mlperf::compress

#endif  // MLPERF_COMPRESS_KERNELS_H_
