// The table of one path.
#include "kernels/path.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

extern const Kernels kKernels;
// No instructions run to make it, as the processor might lack them.
constinit const Kernels kKernels = {
    .pack8 = Pack,
    .pack16 = Pack,
    .unpack8 = Unpack,
    .unpack16 = Unpack,
    .find_ranges = FindRanges,
    .affine = &kAffineKernels,
    .zero = &kZeroKernels,
    .restore_groups = RestoreGroups,
    .encode_groups = EncodeGroups,
    .decode_groups = DecodeGroups,
    .restore_lsq = RestoreLsq,
    .lsq_gradients = LsqGradients,
    .add_noise = AddNoise,
    .sum_noise = SumNoise,
    .group_steps = FindGroupSteps,
    .group_gradients = GroupGradients,
    .sum_bits = SumBits,
    .bits_gradients = FindBitsGradients,
};

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH
