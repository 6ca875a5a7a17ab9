// The lane of the load generator that a node works for, at the node's end: reads samples into the
// bookkeeping and the queue of the hosted system.
#ifndef MLPERF_LOADGEN_NETWORK_NODE_LANE_H_
#define MLPERF_LOADGEN_NETWORK_NODE_LANE_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "answer_writer.h"
#include "descriptor.h"
#include "held_payloads.h"
#include "lane_wire.h"
#include "record_reader.h"
#include "serve/served_samples.h"
#include "shared_poller.h"
#include "work_queue.h"

namespace mlperf::network {

// What a node's lanes work with. Threads that serve the poller read the lanes.
struct HostedSystem {
  SharedPoller poller;
  WorkQueue work{&poller};
  HeldPayloads payloads;
  std::shared_ptr<loadgen::ServedSamples> served = std::make_shared<loadgen::ServedSamples>();
};

// How a lane ended that its run still needed.
struct LaneEnd {
  enum class Kind {
    kBroken,    // `text` goes on from the load generator's name.
    kNonsense,  // It sent what cannot be read: `text` says what.
  };
  Kind kind;
  std::string text;
};

struct LaneLimits {
  uint64_t max_payload_bytes;
  uint64_t max_answer_bytes;
  size_t max_unread_answers;
};

// Any thread may call any method.
class NodeLane : public std::enable_shared_from_this<NodeLane> {
 public:
  // `socket`: a stream socket that does not block, whose other end has proved the secret. `ended`
  // is called at most once, from any thread; it may not call this object.
  // `arena`: where its samples of the kind kPlaced lie; null: there are none.
  NodeLane(std::shared_ptr<HostedSystem> system, transfer::Descriptor socket, ForeignArena arena,
           LaneLimits limits, std::function<void(LaneEnd)> ended);

  // Once, before all else: from now on samples are read and answers written.
  void Open();
  // Nothing more is read or written when this returns, and the other end sees the end.
  void Close();

  // When bytes came last; the monotonic clock.
  int64_t last_received_ns() const { return last_received_ns_; }
  // Waits until all that the other end has sent is read, which it ends by shutting down its
  // writing. False if it does not within `timeout_ms`.
  bool WaitForEnd(int timeout_ms);

 private:
  // To be called with the lock.
  void Read();
  bool ReadOnce(bool* may_have_more);
  void TakeRecords(int64_t now_ns);
  bool IsInArena(const SampleRecord& record) const;
  void TakeSample(Received<SampleRecord>* received, int64_t now_ns);
  void IssueWhole();
  void End(LaneEnd::Kind kind, std::string text);

  std::shared_ptr<HostedSystem> system_;
  std::shared_ptr<const transfer::Descriptor> socket_;
  ForeignArena arena_;
  std::function<void(LaneEnd)> ended_;
  std::shared_ptr<AnswerWriter> writer_;
  std::atomic<int64_t> last_received_ns_{0};

  std::mutex mutex_;
  std::condition_variable read_to_end_;
  RecordReader<SampleRecord> reader_;
  std::vector<loadgen::AdmittedSample> samples_;  // Read, and not issued yet.
  std::vector<size_t> query_ends_;                // Of the whole queries among them.
  bool is_at_end_ = false;
  bool is_closed_ = false;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_NODE_LANE_H_
