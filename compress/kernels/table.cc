// The table of one path.
#include "kernels/path.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

extern const Kernels kKernels;
const Kernels kKernels = {
    .pack8 = Pack,
    .pack16 = Pack,
    .unpack8 = Unpack,
    .unpack16 = Unpack,
    .find_ranges = FindRanges,
    .affine = kAffineKernels,
    .zero = kZeroKernels,
};

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH
