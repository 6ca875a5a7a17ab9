// The load generator's end of a test over lanes: queries go out to nodes, and answers come back,
// without the interpreter.
//
// A query waits in the backlog until a node has room and the payloads are prepared. The thread that
// issues it writes it to the node's lane itself, unless queries come so fast that a thread of the
// dispatcher gathers them. That thread also reads the answers and completes the samples.
//
// All methods may be called from any thread.
#ifndef MLPERF_LOADGEN_NETWORK_LANE_DISPATCHER_H_
#define MLPERF_LOADGEN_NETWORK_LANE_DISPATCHER_H_

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "answer_taker.h"
#include "arena.h"
#include "backlog.h"
#include "descriptor.h"
#include "lane_event.h"
#include "lane_fleet.h"
#include "pace.h"
#include "platform/wake_pipe.h"
#include "prepared_samples.h"
#include "query_sample.h"
#include "slots.h"

namespace mlperf::network {

class LaneDispatcher {
 public:
  LaneDispatcher(size_t node_count, DispatchLimits limits, Balance balance,
                 uint64_t most_prepared_bytes);
  ~LaneDispatcher();  // As Stop.
  LaneDispatcher(const LaneDispatcher&) = delete;
  LaneDispatcher& operator=(const LaneDispatcher&) = delete;

  // ---- Nodes: numbers below node_count
  // The node can be used from now on, by a connected socket. `sees_arena`: it was given the
  // arena.
  void Open(uint32_t node, std::string address, transfer::Descriptor socket,
            uint64_t max_payload_bytes, uint64_t max_answer_bytes, bool sees_arena);
  // The node is lost. Returns the ids of the samples that it had.
  std::vector<uint64_t> Lose(uint32_t node);
  // The node's clock minus this machine's.
  void SetClockOffset(uint32_t node, int64_t offset_ns);
  uint64_t AnsweredBy(uint32_t node) const;

  // ---- Queries
  void Issue(const QuerySample* samples, size_t count);
  // No more queries follow for now: nodes hear of it after those that were issued before. The
  // payloads are forgotten, as other samples may be loaded then, unless KeepPayloads was called.
  void Flush();
  // Sends what waits, as far as nodes have room and payloads are prepared.
  void Dispatch();

  // ---- Payloads
  // The indices of samples that wait for their payloads, at most `most`: each is to be prepared or
  // refused, and then dispatched.
  std::vector<uint64_t> Wanted(size_t most) const;
  // `layout` and parts as in lane_wire.h; `payload_bytes` is what limits count. False if it is
  // there for one use alone, because the payloads that are kept leave no room for it.
  bool Prepare(uint64_t index, std::string_view layout,
               const std::vector<PreparedSamples::Part>& parts, uint64_t payload_bytes);
  void Refuse(uint64_t index, std::string reason);
  // Samples were loaded: payloads stay at a flush until ForgetPayloads, when they are unloaded.
  void KeepPayloads();
  void ForgetPayloads();
  // The memory for large payloads, for nodes that can read it; null if there is none, and it is
  // not to be made or cannot be.
  std::shared_ptr<Arena> arena(bool make);

  // ---- Reports
  // Readable while there are events, many rows, or payloads are wanted. Belongs to this object.
  int fd() const { return report_.fd(); }
  // What happened since the last call.
  std::vector<LaneEvent> TakeEvents();
  // The times of samples that were completed since the last call.
  std::vector<TimingRow> TakeRows();

  // ---- The end
  // Nothing is sent or reported to the load generator any more. A call of its that has begun ends
  // before Stop returns.
  void Cease();
  // As Cease, and the nodes hear that nothing follows.
  void Finish();
  // Ends the dispatcher's thread and closes the lanes. May be called twice.
  void Stop();

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Lane = std::shared_ptr<LaneConnection>;
  struct Parcel {
    std::vector<std::shared_ptr<const PreparedSample>> samples;
    uint64_t bytes = 0;
  };

  // With the lock held, which Write leaves during calls of the kernel.
  void DispatchLocked();
  bool SendNext();
  bool Pack(const LaneNode& node, size_t most, size_t together);
  void Commit(uint32_t number);
  std::string RefusalOf(const LaneNode& node, size_t place) const;
  void FailBacklog();
  void FlushNodes();
  void MarkSent(LaneConnection* lane);
  void Write(Lock* lock, uint32_t number, size_t most_bytes);
  void WriteAll(Lock* lock, size_t most_bytes);
  void WriteNow(Lock* lock);
  void Report(LaneEvent event);
  void WakeReader();

  // The dispatcher's thread.
  void Run();
  bool Wait();
  void Read(uint32_t number, const Lane& lane);
  bool TakeBatch(uint32_t number, const Lane& lane, int64_t received_ns);
  void Break(uint32_t number, const Lane& lane, const std::string& why);

  mutable std::mutex mutex_;
  Backlog backlog_;
  DispatchLimits limits_;
  uint64_t most_prepared_bytes_;
  std::shared_ptr<Arena> arena_;
  PreparedSamples prepared_;
  LaneFleet fleet_;
  SlotTable slots_;
  Pace pace_;
  Parcel parcel_;               // Being packed.
  bool is_blocked_ = false;     // The backlog waits for room,
  bool wants_payload_ = false;  // or for payloads.
  bool is_flushing_ = false;
  bool keeps_payloads_ = false;  // At a flush.
  bool has_ceased_ = false;
  bool is_stopping_ = false;
  bool reader_sleeps_ = false;
  std::vector<LaneEvent> events_;
  std::vector<TimingRow> rows_;
  loadgen::WakePipe report_;
  loadgen::WakePipe wake_;  // Of the dispatcher's thread.

  // Of the dispatcher's thread alone.
  std::vector<pollfd> polled_;
  std::vector<std::pair<uint32_t, Lane>> watched_;
  std::vector<Received<AnswerRecord>> batch_;
  TakenAnswers taken_;
  std::thread thread_;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_LANE_DISPATCHER_H_
