// A hint to the CPU that a loop only waits.
#ifndef MLPERF_LOADGEN_PLATFORM_CPU_RELAX_H_
#define MLPERF_LOADGEN_PLATFORM_CPU_RELAX_H_

#include <thread>

namespace mlperf::loadgen {

inline void CpuRelax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_PLATFORM_CPU_RELAX_H_
