#include "cpu_path.h"

#include <atomic>

#include "kernels.h"

namespace mlperf::compress {

// Each in table.cc, which is compiled once a path.
namespace portable {
extern const Kernels kKernels;
}
#ifdef MLPERF_COMPRESS_X86
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
#endif

namespace {

CpuPath FastestPath() {
  CpuPath fastest = CpuPath::kPortable;
  for (const CpuPath path : kCpuPaths) {
    if (IsSupported(path)) fastest = path;
  }
  return fastest;
}

std::atomic<CpuPath>& Path() {
  static std::atomic<CpuPath> path = FastestPath();
  return path;
}

}  // namespace

const char* CpuPathName(CpuPath path) {
  switch (path) {
    case CpuPath::kAvx512:
      return "avx512";
    case CpuPath::kAvx2:
      return "avx2";
    default:
      return "portable";
  }
}

#ifdef MLPERF_COMPRESS_X86

bool IsSupported(CpuPath path) {
  switch (path) {
    case CpuPath::kAvx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("fma");
    case CpuPath::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    default:
      return true;
  }
}

const Kernels& ActiveKernels() {
  switch (ActivePath()) {
    case CpuPath::kAvx512:
      return avx512::kKernels;
    case CpuPath::kAvx2:
      return avx2::kKernels;
    default:
      return portable::kKernels;
  }
}

#else

bool IsSupported(CpuPath path) { return path == CpuPath::kPortable; }

const Kernels& ActiveKernels() { return portable::kKernels; }

#endif

CpuPath ActivePath() { return Path().load(std::memory_order_relaxed); }

void UsePath(CpuPath path) { Path().store(path, std::memory_order_relaxed); }

}  // namespace mlperf::compress
