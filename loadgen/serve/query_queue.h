// Queries kept until another thread fetches them: for systems that forward them, whose own thread
// (an event loop, say) must not hold up the one that issues.
#ifndef MLPERF_LOADGEN_SERVE_QUERY_QUEUE_H_
#define MLPERF_LOADGEN_SERVE_QUERY_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "platform/wake_pipe.h"
#include "query_sample.h"

namespace mlperf::loadgen {

struct QueuedSample {
  uint64_t id;
  uint64_t index;
  int64_t issued_ns;  // Reading of the monotonic clock.
  uint64_t query;     // Counts the queries of this queue: samples of one query have the same.
};

class QueryQueue {
 public:
  void Push(const QuerySample* samples, size_t count, int64_t now_ns);

  // At most `most` samples, the oldest first.
  std::vector<QueuedSample> Take(size_t most);
  // Forgets what is queued.
  void Clear();

  // Readable while samples are queued. Belongs to the queue.
  int fd() const { return wake_.fd(); }

 private:
  std::mutex mutex_;
  std::deque<QueuedSample> samples_;  // No push or take moves those that are there.
  uint64_t queries_ = 0;
  WakePipe wake_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SERVE_QUERY_QUEUE_H_
