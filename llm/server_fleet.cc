#include "server_fleet.h"

#include <algorithm>

namespace mlperf::llm {

std::optional<uint32_t> ServerFleet::Choose(int64_t now_ns) {
  if (const auto found = ChooseAmong(false, now_ns)) return found;
  const bool all_lost = std::ranges::all_of(
      servers_, [&](const FleetServer& server) { return server.lost_until_ns > now_ns; });
  return all_lost ? ChooseAmong(true, now_ns) : std::nullopt;
}

std::optional<uint32_t> ServerFleet::ChooseAmong(bool lost, int64_t now_ns) {
  std::optional<uint32_t> best;
  for (uint32_t step = 0; step < size(); ++step) {
    const uint32_t number = (turn_ + step) % size();
    const FleetServer& server = servers_[number];
    if (server.outstanding >= max_outstanding_) continue;
    if ((server.lost_until_ns > now_ns) != lost) continue;
    if (!best || (!is_round_robin_ && server.outstanding < servers_[*best].outstanding)) {
      best = number;
    }
  }
  if (best) turn_ = (*best + 1) % size();
  return best;
}

bool ServerFleet::HasOther(uint32_t lost) const {
  for (uint32_t number = 0; number < size(); ++number) {
    if (number != lost && !servers_[number].is_lost) return true;
  }
  return false;
}

}  // namespace mlperf::llm
