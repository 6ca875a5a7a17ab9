// Sleeping until another thread of this process changes a word, with a deadline, which
// std::atomic::wait does not have.
#ifndef MLPERF_TRANSFER_FUTEX_H_
#define MLPERF_TRANSFER_FUTEX_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>

#include "deadline.h"

namespace mlperf::transfer {

// Returns at once if the word is not `expected`, else when it is woken, at the deadline, or for no
// reason at all.
inline void FutexWait(std::atomic<uint32_t>* word, uint32_t expected, int64_t deadline_ns) {
  constexpr int64_t kNsPerS = 1'000'000'000;
  const timespec until{deadline_ns / kNsPerS, static_cast<long>(deadline_ns % kNsPerS)};
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
          deadline_ns == kNever ? nullptr : &until, nullptr, FUTEX_BITSET_MATCH_ANY);
}

inline void FutexWakeAll(std::atomic<uint32_t>* word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_FUTEX_H_
