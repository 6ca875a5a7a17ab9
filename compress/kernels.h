// The functions that weights go through, for the instructions in use (cpu_path.h). They check
// nothing: whoever calls them has checked sizes and values.
#ifndef MLPERF_COMPRESS_KERNELS_H_
#define MLPERF_COMPRESS_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "bit_widths.h"
#include "grids.h"
#include "groups.h"

namespace mlperf::compress {

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

// The gradient by the step of LSQ.
struct StepGradient {
  double value;
  // If no weight was clipped, the gradient by the weights is `upstream`, and `by_weight` is not
  // written: memory takes more time than arithmetic.
  bool is_any_clipped;
};

struct Kernels {
  // False if a code has more than `bits` bits; the stream then means nothing.
  bool (*pack8)(const uint8_t* codes, size_t count, int bits, uint8_t* stream);
  bool (*pack16)(const uint16_t* codes, size_t count, int bits, uint8_t* stream);
  void (*unpack8)(const uint8_t* stream, size_t count, int bits, uint8_t* codes);
  void (*unpack16)(const uint8_t* stream, size_t count, int bits, uint16_t* codes);

  // False if a weight is not finite; the ranges then mean nothing.
  bool (*find_ranges)(const float* weights, size_t count, size_t per_range, Range* ranges);
  const GridKernels<AffineGrid>* affine;
  const GridKernels<ZeroGrid>* zero;

  void (*restore_groups)(const float* weights, size_t count, const GroupGrid& grid,
                         float* restored);
  void (*encode_groups)(const float* weights, size_t count, const GroupGrid& grid,
                        const GroupStreams& streams, uint8_t* to);
  void (*decode_groups)(const uint8_t* from, size_t count, const GroupGrid& grid,
                        const GroupStreams& streams, float* weights);

  // The weights as multiples of `step`, as the kernels of a grid make them; false if one of them is
  // not finite.
  bool (*restore_lsq)(const float* weights, size_t count, float step, int bits, float* restored);
  // The gradients of weights that were restored as multiples of `step`, for the gradient `upstream`
  // of the restored ones; `by_weight` may be `upstream`.
  StepGradient (*lsq_gradients)(const float* weights, const float* upstream, size_t count,
                                float step, int bits, float* by_weight);

  // Noise of a table (noise.h): times the step of its group added to weights; times gradients,
  // summed over each group. `noisy` may be `weights`; `copy`, unless it is null, gets `upstream`.
  void (*add_noise)(const float* weights, size_t count, size_t group_size, const float* steps,
                    uint64_t key, const float* table, float* noisy);
  void (*sum_noise)(const float* upstream, size_t count, size_t group_size, uint64_t key,
                    const float* table, float* sums, float* copy);

  // The steps span / (2^b - 1) of groups with learnt bits b.
  void (*group_steps)(const float* logits, size_t count, BitLimits limits, double span,
                      float* steps);
  // The gradients of noisy weights by the logits, from the sums of `sum_noise`; returns that by the
  // span.
  double (*group_gradients)(const float* logits, const float* sums, size_t count, BitLimits limits,
                            double span, float* by_logit);
  // The sum of b over the groups, and its gradient times `scale`.
  double (*sum_bits)(const float* logits, size_t count, BitLimits limits);
  void (*bits_gradients)(const float* logits, size_t count, BitLimits limits, double scale,
                         float* by_logit);
};

const Kernels& ActiveKernels();

}  // namespace mlperf::compress

#endif  // MLPERF_COMPRESS_KERNELS_H_
