// Connects to a node's lane.
#ifndef MLPERF_LOADGEN_NETWORK_LANE_CONNECT_H_
#define MLPERF_LOADGEN_NETWORK_LANE_CONNECT_H_

#include <cstdint>
#include <string>

#include "arena.h"
#include "descriptor.h"
#include "status.h"

namespace mlperf::network {

// The protocol that both ends prove their secret for.
inline constexpr char kLaneProtocol[] = "lane 1";

// What each end sends on a Unix socket before its records.
struct LanePreface {
  uint64_t arena_bytes = 0;  // 0: no arena; its descriptor does not follow.
  uint64_t reserved = 0;
};
static_assert(sizeof(LanePreface) == 16);

// `address`: "tcp://HOST:PORT" or "unix://@NAME". `secret`: the text that the node gave over its
// control connection. `arena`: the memory for the node to read, over a Unix socket; may be null.
// Blocks until `deadline_ns` (deadline.h) at most.
transfer::Status ConnectLane(const std::string& address, const std::string& secret,
                             const Arena* arena, int64_t deadline_ns, transfer::Descriptor* socket);

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_LANE_CONNECT_H_
