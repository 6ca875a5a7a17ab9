// Learnt numbers of bits: b = least + (most - least) * sigmoid(logit) for each group of weights.
#ifndef MLPERF_COMPRESS_BIT_WIDTHS_H_
#define MLPERF_COMPRESS_BIT_WIDTHS_H_

namespace mlperf::compress {

// Between 1 and kMaxBits, not necessarily whole.
struct BitLimits {
  double least;
  double most;
};

}  // namespace mlperf::compress

#endif  // MLPERF_COMPRESS_BIT_WIDTHS_H_
