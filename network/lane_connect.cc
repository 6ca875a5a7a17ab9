#include "lane_connect.h"

#include <string_view>

#include "handshake.h"
#include "shared_memory.h"
#include "stream_socket.h"

namespace mlperf::network {
namespace {

using transfer::Status;

Status ExchangePrefaces(const transfer::Descriptor& socket, const Arena* arena,
                        int64_t deadline_ns) {
  LanePreface own;
  if (arena != nullptr) own.arena_bytes = arena->memory().nbytes();
  Status status =
      transfer::SendAll(socket, {reinterpret_cast<const char*>(&own), sizeof(own)}, deadline_ns);
  if (status.ok() && arena != nullptr) {
    status = transfer::SendDescriptor(socket, arena->memory().descriptor(), deadline_ns);
  }
  LanePreface others;
  if (status.ok()) status = transfer::ReceiveAll(socket, &others, sizeof(others), deadline_ns);
  if (status.ok() && others.arena_bytes > 0) {
    return Status::Refused("the node offers an arena that was not asked for");
  }
  return status;
}

}  // namespace

Status ConnectLane(const std::string& address, const std::string& secret, const Arena* arena,
                   int64_t deadline_ns, transfer::Descriptor* socket) {
  transfer::Descriptor connected;
  Status status = transfer::Connect(address, deadline_ns, &connected);
  if (status.ok()) {
    status = transfer::ProveSecret(connected, transfer::Role::kConnecting, secret, kLaneProtocol,
                                   deadline_ns);
  }
  if (status.ok() && address.starts_with("unix://")) {
    status = ExchangePrefaces(connected, arena, deadline_ns);
  }
  if (status.ok()) *socket = std::move(connected);
  return status;
}

}  // namespace mlperf::network
