// The nodes of a test with their lanes, and which of them is next.
#ifndef MLPERF_LOADGEN_NETWORK_LANE_FLEET_H_
#define MLPERF_LOADGEN_NETWORK_LANE_FLEET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backlog.h"
#include "lane_connection.h"

namespace mlperf::network {

enum class Balance { kLeastOutstanding, kRoundRobin };

struct LaneNode {
  std::string address;  // For texts.
  uint64_t max_payload_bytes = UINT64_MAX;
  bool is_usable = false;                      // It was not lost.
  std::shared_ptr<LaneConnection> connection;  // While it is usable.
  size_t outstanding = 0;
  uint64_t outstanding_bytes = 0;
  uint64_t answered = 0;
  int64_t clock_offset_ns = 0;  // The node's clock minus this machine's.
};

// Not thread-safe.
class LaneFleet {
 public:
  LaneFleet(size_t node_count, DispatchLimits limits, Balance balance);

  std::vector<LaneNode>& nodes() { return nodes_; }
  const std::vector<LaneNode>& nodes() const { return nodes_; }
  bool HasUsable() const;

  // How many nodes may be sent `count` samples more.
  size_t CountWithRoom(size_t count) const;
  // Of these, at least one, the one whose turn it is.
  uint32_t Choose(size_t count) const;
  // Samples go to the one that was chosen: it is the next one's turn.
  void Turn() { ++turn_; }

 private:
  bool HasRoom(const LaneNode& node, size_t count) const;

  DispatchLimits limits_;
  Balance balance_;
  uint64_t turn_ = 1;
  std::vector<LaneNode> nodes_;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_LANE_FLEET_H_
