// What this process holds now, as Linux says in /proc.
#ifndef MLPERF_LOADGEN_TESTS_SOAK_PROCESS_WATCH_H_
#define MLPERF_LOADGEN_TESTS_SOAK_PROCESS_WATCH_H_

#include <malloc.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

namespace mlperf::soak {

// A line of /proc/self/status, in KiB: "VmRSS:" for resident memory, "VmHWM:" for its peak.
inline uint64_t StatusKib(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != key) continue;
    uint64_t kib = 0;
    status >> kib;
    return kib;
  }
  return 0;
}

// Resident memory without what the allocator only keeps for later.
inline uint64_t UsedKib() {
  malloc_trim(0);
  return StatusKib("VmRSS:");
}

inline size_t CountEntries(const char* directory) {
  const std::filesystem::directory_iterator begin(directory);
  return static_cast<size_t>(std::distance(begin, std::filesystem::directory_iterator()));
}

struct Holdings {
  size_t threads = CountEntries("/proc/self/task");
  size_t descriptors = CountEntries("/proc/self/fd");
  bool operator==(const Holdings&) const = default;
};

// Whether the process holds this again. A thread that was joined is listed a moment longer.
inline bool HoldsAgain(const Holdings& before) {
  for (int look = 0; look < 1000; ++look) {
    if (Holdings() == before) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

}  // namespace mlperf::soak

#endif  // MLPERF_LOADGEN_TESTS_SOAK_PROCESS_WATCH_H_
