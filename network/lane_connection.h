// The lane to one node while it holds: its socket, what waits to be written to it, and what came.
#ifndef MLPERF_LOADGEN_NETWORK_LANE_CONNECTION_H_
#define MLPERF_LOADGEN_NETWORK_LANE_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "descriptor.h"
#include "lane_wire.h"
#include "outbox.h"
#include "prepared_samples.h"
#include "record_reader.h"

namespace mlperf::network {

// Its users lock; `writing` and `reader` are used without the lock, by the one thread that set
// `is_writing`, and by the one that reads.
struct LaneConnection {
  // `sees_arena`: the node reads what is prepared in the arena.
  LaneConnection(transfer::Descriptor connected, uint64_t max_answer_bytes, bool sees_the_arena)
      : socket(std::move(connected)), sees_arena(sees_the_arena), reader(max_answer_bytes) {}

  // Adds a sample to `pending`.
  void Add(uint64_t key, uint64_t index, bool ends_query,
           const std::shared_ptr<const PreparedSample>& sample);
  void AddFlush();

  transfer::Descriptor socket;
  const bool sees_arena;
  Outbox pending;
  std::vector<uint64_t> pending_keys;  // Of the samples in it.
  Outbox writing;
  bool is_writing = false;  // A thread is in a call that writes.
  bool is_full = false;     // The socket took not all: to be watched until it takes more.
  bool is_broken = false;   // Nothing can be written any more.
  bool has_ended = false;   // Nothing comes any more.
  RecordReader<AnswerRecord> reader;
  int64_t sent_ns = 0;  // Of the answers being read: when the node wrote them.
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_LANE_CONNECTION_H_
