// Pieces of an array that have a parameter of their own: ranges, or groups.
#ifndef MLPERF_COMPRESS_KERNELS_RUNS_H_
#define MLPERF_COMPRESS_KERNELS_RUNS_H_

#include <cstddef>

namespace mlperf::compress::MLPERF_COMPRESS_PATH {

inline size_t Least(size_t a, size_t b) { return a < b ? a : b; }

// Calls work(number, begin, count) for each piece of begin..end that lies within one of the runs of
// `length`, which are numbered from the start of the array.
template <typename Work>
inline void ForEachRun(size_t length, size_t begin, size_t end, Work work) {
  size_t number = begin / length;
  size_t left = length - begin % length;
  for (size_t at = begin; at < end; ++number) {
    const size_t count = Least(left, end - at);
    work(number, at, count);
    at += count;
    left = length;
  }
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH

#endif  // MLPERF_COMPRESS_KERNELS_RUNS_H_
