// Which levels codes stand for: 2^bits equally distant weights for each range of consecutive ones.
#ifndef MLPERF_COMPRESS_GRIDS_H_
#define MLPERF_COMPRESS_GRIDS_H_

#include <cstddef>
#include <cstdint>

namespace mlperf::compress {

inline constexpr int kMaxBits = 16;

// The least and the greatest weight.
struct Range {
  float lo;
  float hi;
};

// `count` weights have RangeCount(count, per_range) ranges, the last of which may be shorter.
inline constexpr size_t RangeCount(size_t count, size_t per_range) {
  return count / per_range + (count % per_range != 0 ? 1 : 0);
}

// Code c is the weight lo + c * step, step = (hi - lo) / (2^bits - 1).
struct AffineGrid {
  const Range* ranges;
  size_t per_range;
  int bits;
};

// Code c is the weight (c - zero) * step: zero is a level.
struct ZeroGrid {
  const float* steps;
  const uint16_t* zeros;
  size_t per_range;
  int bits;
};

}  // namespace mlperf::compress

#endif  // MLPERF_COMPRESS_GRIDS_H_
