// The kernels of one path, as its files call each other.
#ifndef MLPERF_COMPRESS_KERNELS_PATH_H_
#define MLPERF_COMPRESS_KERNELS_PATH_H_

#include <cstddef>
#include <cstdint>

#include "kernels.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

bool Pack(const uint8_t* codes, size_t count, int bits, uint8_t* stream);
bool Pack(const uint16_t* codes, size_t count, int bits, uint8_t* stream);
void Unpack(const uint8_t* stream, size_t count, int bits, uint8_t* codes);
void Unpack(const uint8_t* stream, size_t count, int bits, uint16_t* codes);

bool FindRanges(const float* weights, size_t count, size_t per_range, Range* ranges);
extern const GridKernels<AffineGrid> kAffineKernels;
extern const GridKernels<ZeroGrid> kZeroKernels;

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH

#endif  // MLPERF_COMPRESS_KERNELS_PATH_H_
