// Samples that wait for a node with room, and how many of them go to a node together.
#ifndef MLPERF_LOADGEN_NETWORK_BACKLOG_H_
#define MLPERF_LOADGEN_NETWORK_BACKLOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "query_sample.h"
#include "serve/query_queue.h"

namespace mlperf::network {

// How much may be outstanding at each node.
struct DispatchLimits {
  size_t samples;
  uint64_t payload_bytes;
};

// A query goes to a node whole, unless it has more samples or bytes than may be outstanding at a
// node. Not thread-safe.
class Backlog {
 public:
  explicit Backlog(DispatchLimits limits);

  // A query was issued.
  void Push(const QuerySample* samples, size_t count, int64_t issued_ns);

  bool empty() const { return samples_.empty(); }
  size_t size() const { return samples_.size(); }
  const loadgen::QueuedSample& operator[](size_t place) const { return samples_[place]; }

  // How many samples of the next query must go together: 1 if it has begun, or is one to be cut.
  // There is a next one.
  size_t Together() const;
  // How many samples go to a node that has `outstanding` ones, so that `nodes_with_room` get a
  // share: whole queries, unless the next one is to be cut.
  size_t ShareFor(size_t outstanding, size_t nodes_with_room) const;
  // Whether `count` of the samples, above 0, with these bytes may go without those behind them.
  // `together`: as Together() says.
  bool MayEndAfter(size_t count, uint64_t bytes, size_t together) const;
  // Removes the next `count` samples, above 0.
  void Drop(size_t count);

 private:
  bool IsSameQuery(size_t place, size_t other) const {
    return samples_[place].query == samples_[other].query;
  }
  // Where the query at `place` ends, or `most` if that is less.
  size_t EndOfQuery(size_t place, size_t most) const;

  DispatchLimits limits_;
  size_t most_whole_;
  std::deque<loadgen::QueuedSample> samples_;
  uint64_t queries_ = 0;
  uint64_t begun_ = UINT64_MAX;  // The query of the last sample that went.
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_BACKLOG_H_
