// What the thread of a hosted system is to do, in order: queries, flushes, and calls of its owner.
#ifndef MLPERF_LOADGEN_NETWORK_WORK_QUEUE_H_
#define MLPERF_LOADGEN_NETWORK_WORK_QUEUE_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "query_sample.h"
#include "shared_poller.h"

namespace mlperf::network {

struct Work {
  enum class Kind {
    kQueries,
    kFlush,
    kCall,  // The owner's next call.
  };
  Kind kind = Kind::kQueries;
  std::vector<QuerySample> samples;  // Of kQueries: response ids, which follow one another.
  std::vector<size_t> query_ends;    // Where each query ends among them.
};

// One thread, the worker, takes; others put in. While the worker waits it serves the poller, and so
// it reads the sockets itself that its work comes from.
class WorkQueue {
 public:
  explicit WorkQueue(SharedPoller* poller) : poller_(poller) {}

  void Push(Work work);
  // The oldest; none if there is none for `timeout_ms`, or if a signal came.
  std::optional<Work> Take(int timeout_ms);
  bool IsEmpty();

  // For a thread that only serves the poller: if it was woken in the worker's place, lets the
  // worker have what is queued. To be called before it waits again.
  void LetWorkerGoFirst();

 private:
  void Wait(int timeout_ms, std::unique_lock<std::mutex>* lock);

  SharedPoller* poller_;
  std::mutex mutex_;
  std::condition_variable worker_is_awake_;
  std::deque<Work> works_;
  bool worker_waits_ = false;
  std::thread::id worker_;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_WORK_QUEUE_H_
