// Ranges in which zero is a level, as integer kernels of inference engines need.
#ifndef MLPERF_COMPRESS_ZERO_POINTS_H_
#define MLPERF_COMPRESS_ZERO_POINTS_H_

#include <cstddef>
#include <cstdint>

#include "grids.h"

namespace mlperf::compress {

// The step, and the code of zero, for each of `count` ranges of weights. An end of the range may be
// clipped by half a step. With 1 bit the step may be less than the range is wide: it is a float32.
void FindZeroPoints(const Range* ranges, size_t count, int bits, float* steps, uint16_t* zeros);

}  // namespace mlperf::compress

#endif  // MLPERF_COMPRESS_ZERO_POINTS_H_
