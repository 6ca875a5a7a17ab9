#include "lane_connect.h"

#include <string_view>

#include "handshake.h"
#include "stream_socket.h"

namespace mlperf::network {
namespace {

using transfer::Status;

Status ExchangePrefaces(const transfer::Descriptor& socket, int64_t deadline_ns) {
  const LanePreface own;
  Status status =
      transfer::SendAll(socket, {reinterpret_cast<const char*>(&own), sizeof(own)}, deadline_ns);
  LanePreface others;
  if (status.ok()) status = transfer::ReceiveAll(socket, &others, sizeof(others), deadline_ns);
  if (status.ok() && others.arena_bytes > 0) {
    return Status::Refused("the node offers an arena that was not asked for");
  }
  return status;
}

}  // namespace

Status ConnectLane(const std::string& address, const std::string& secret, int64_t deadline_ns,
                   transfer::Descriptor* socket) {
  transfer::Descriptor connected;
  Status status = transfer::Connect(address, deadline_ns, &connected);
  if (status.ok()) {
    status = transfer::ProveSecret(connected, transfer::Role::kConnecting, secret, kLaneProtocol,
                                   deadline_ns);
  }
  if (status.ok() && address.starts_with("unix://")) {
    status = ExchangePrefaces(connected, deadline_ns);
  }
  if (status.ok()) *socket = std::move(connected);
  return status;
}

}  // namespace mlperf::network
