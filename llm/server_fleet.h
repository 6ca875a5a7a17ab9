// The servers of a worker: where they are, who has room, and which is next.
#ifndef MLPERF_LLM_SERVER_FLEET_H_
#define MLPERF_LLM_SERVER_FLEET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "socket.h"
#include "tls.h"

namespace mlperf::llm {

struct FleetServer {
  std::vector<SocketAddress> addresses;
  size_t address = 0;               // The one to use: another one where it does not answer.
  std::shared_ptr<TlsContext> tls;  // Null: none.
  std::string shown;
  size_t outstanding = 0;
  int64_t lost_until_ns = INT64_MIN;  // Not tried before, while another one can be.
  bool is_lost = false;
  std::vector<uint32_t> idle;  // Connections; the one that was used last is used next.
};

class ServerFleet {
 public:
  ServerFleet(std::vector<FleetServer> servers, size_t max_outstanding, bool round_robin)
      : servers_(std::move(servers)),
        max_outstanding_(max_outstanding),
        is_round_robin_(round_robin) {}

  // The server for the next request; none: it has to wait for room. A lost one comes only where
  // all are.
  std::optional<uint32_t> Choose(int64_t now_ns);
  // Whether a server is there that is not lost.
  bool HasOther(uint32_t lost) const;

  FleetServer& operator[](uint32_t server) { return servers_[server]; }
  uint32_t size() const { return static_cast<uint32_t>(servers_.size()); }

 private:
  std::optional<uint32_t> ChooseAmong(bool lost, int64_t now_ns);

  std::vector<FleetServer> servers_;
  const size_t max_outstanding_;
  const bool is_round_robin_;
  uint32_t turn_ = 0;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_SERVER_FLEET_H_
