// A node's lanes: one for each run, whose load generator opens it by proving the secret of the run.
#ifndef MLPERF_LOADGEN_NETWORK_LANE_SERVER_H_
#define MLPERF_LOADGEN_NETWORK_LANE_SERVER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "lane_door.h"
#include "node_lane.h"
#include "platform/wake_pipe.h"
#include "status.h"

namespace mlperf::network {

// Any thread may call any method. A thread of its own serves the system's poller, so that a lane is
// read while the system is at work.
class LaneServer {
 public:
  explicit LaneServer(std::shared_ptr<HostedSystem> system);
  // Ends the run, and waits for its threads.
  ~LaneServer();
  LaneServer(const LaneServer&) = delete;
  LaneServer& operator=(const LaneServer&) = delete;

  // Listens at one more address (transfer/stream_socket.h); `bound` is where others connect to.
  transfer::Status Listen(const std::string& address, std::string* bound) {
    return door_.Listen(address, bound);
  }

  // From now on a load generator may open the lane of a run with its secret, once.
  void BeginRun(std::string secret, LaneLimits limits);
  // Closes it: none of its samples is admitted any more when this returns.
  void EndRun();

  // When the lane brought bytes last, by the monotonic clock; 0 if there is no lane.
  int64_t last_received_ns();
  // Waits until the lane is read to its end (NodeLane::WaitForEnd); true if there is none.
  bool WaitForEnd(int timeout_ms);

  // How the run's lane ended before EndRun; none if it did not. Once.
  std::optional<LaneEnd> TakeEnd();
  // Readable while there is one to take. Belongs to this object.
  int fd() const { return end_came_.fd(); }

 private:
  void Open(const std::string& secret, transfer::Descriptor socket, ForeignArena arena);
  void Report(uint64_t run, LaneEnd end);
  std::shared_ptr<NodeLane> lane();

  std::shared_ptr<HostedSystem> system_;
  std::mutex mutex_;
  std::string secret_;  // Empty: no lane is waited for.
  LaneLimits limits_ = {};
  std::shared_ptr<NodeLane> lane_;

  std::mutex end_mutex_;
  uint64_t run_ = 0;
  std::optional<LaneEnd> end_;
  loadgen::WakePipe end_came_;

  std::atomic<bool> is_stopping_{false};
  LaneDoor door_;
  std::thread thread_;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_LANE_SERVER_H_
