// The same work on several threads.
#ifndef MLPERF_SHARDS_RUN_THREADS_H_
#define MLPERF_SHARDS_RUN_THREADS_H_

#include <cstddef>
#include <functional>

namespace mlperf::shards {

// Runs `work` on `count` threads, the calling one among them, and returns when all have ended.
// Where the system has no more threads, fewer do it.
void RunThreads(size_t count, const std::function<void()>& work);

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_RUN_THREADS_H_
