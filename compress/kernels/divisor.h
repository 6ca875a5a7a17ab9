// Division of many numbers by one.
#ifndef MLPERF_COMPRESS_KERNELS_DIVISOR_H_
#define MLPERF_COMPRESS_KERNELS_DIVISOR_H_

#include "kernels/lanes.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

// A float32 above 0, by which float32 numbers are divided. Quotients are doubles, rounded once, as
// those of operator/; only the sign of a zero may be another.
class Divisor {
 public:
  explicit Divisor(double divisor)
      : divisor_(divisor), inverse_(1 / divisor), rest_(RestOf(divisor, inverse_)) {}

  double Under(double x) const { return x / divisor_; }

  // Numbers with 24 bits have quotients that are no nearer than 2^-78 of their size to the middle
  // between two doubles. The inverse in two parts is exact to 2^-105, and so the sum of the
  // products is rounded to the same double. It takes a fraction of the time of a division.
  Lanes Under(Lanes x) const {
#ifdef __FMA__
    return MultiplyAdd(x, Fill(inverse_), x * Fill(rest_));
#else
    return x / Fill(divisor_);
#endif
  }

 private:
  // 1 / divisor less its double.
  static double RestOf(double divisor, double inverse) {
    const Lanes remainder = MultiplyAdd(Fill(-inverse), Fill(divisor), Fill(1));
    double lanes[kLanes];
    ToArray(remainder / Fill(divisor), lanes);
    return lanes[0];
  }

  double divisor_;
  double inverse_;
  double rest_;
};

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH

#endif  // MLPERF_COMPRESS_KERNELS_DIVISOR_H_
