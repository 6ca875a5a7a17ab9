// The kernels of one path, as its files call each other.
#ifndef MLPERF_COMPRESS_KERNELS_PATH_H_
#define MLPERF_COMPRESS_KERNELS_PATH_H_

#include <cstddef>
#include <cstdint>

#include "bit_stream.h"
#include "kernels.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

bool Pack(const uint8_t* codes, size_t count, int bits, uint8_t* stream);
bool Pack(const uint16_t* codes, size_t count, int bits, uint8_t* stream);
void Unpack(const uint8_t* stream, size_t count, int bits, uint8_t* codes);
void Unpack(const uint8_t* stream, size_t count, int bits, uint16_t* codes);

bool FindRanges(const float* weights, size_t count, size_t per_range, Range* ranges);
extern const GridKernels<AffineGrid> kAffineKernels;
extern const GridKernels<ZeroGrid> kZeroKernels;

void RestoreGroups(const float* weights, size_t count, const GroupGrid& grid, float* restored);
void EncodeGroups(const float* weights, size_t count, const GroupGrid& grid,
                  const GroupStreams& streams, uint8_t* to);
void DecodeGroups(const uint8_t* from, size_t count, const GroupGrid& grid,
                  const GroupStreams& streams, float* weights);

bool RestoreLsq(const float* weights, size_t count, float step, int bits, float* restored);
StepGradient LsqGradients(const float* weights, const float* upstream, size_t count, float step,
                          int bits, float* by_weight);

void AddNoise(const float* weights, size_t count, size_t group_size, const float* steps,
              uint64_t key, const float* table, float* noisy);
void SumNoise(const float* upstream, size_t count, size_t group_size, uint64_t key,
              const float* table, float* sums, float* copy);

void FindGroupSteps(const float* logits, size_t count, BitLimits limits, double span, float* steps);
double GroupGradients(const float* logits, const float* sums, size_t count, BitLimits limits,
                      double span, float* by_logit);
double SumBits(const float* logits, size_t count, BitLimits limits);
void FindBitsGradients(const float* logits, size_t count, BitLimits limits, double scale,
                       float* by_logit);

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH

#endif  // MLPERF_COMPRESS_KERNELS_PATH_H_
