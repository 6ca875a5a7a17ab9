// Which instructions the kernels use. Results do not depend on it: tests run all paths.
#ifndef MLPERF_COMPRESS_CPU_PATH_H_
#define MLPERF_COMPRESS_CPU_PATH_H_

#include <array>

namespace mlperf::compress {

enum class CpuPath { kPortable, kAvx2, kAvx512 };

inline constexpr std::array kCpuPaths = {CpuPath::kPortable, CpuPath::kAvx2, CpuPath::kAvx512};

const char* CpuPathName(CpuPath path);

// Whether this program has the path and this processor its instructions.
bool IsSupported(CpuPath path);

// The fastest supported path, unless UsePath chose another.
CpuPath ActivePath();
// For all threads; the path must be supported.
void UsePath(CpuPath path);

}  // namespace mlperf::compress

#endif  // MLPERF_COMPRESS_CPU_PATH_H_
