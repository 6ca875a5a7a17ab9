#include "lane_fleet.h"

#include <algorithm>

namespace mlperf::network {

LaneFleet::LaneFleet(size_t node_count, DispatchLimits limits, Balance balance)
    : limits_(limits), balance_(balance), nodes_(node_count) {}

bool LaneFleet::HasUsable() const {
  return std::ranges::any_of(nodes_, [](const LaneNode& node) { return node.is_usable; });
}

bool LaneFleet::HasRoom(const LaneNode& node, size_t count) const {
  return node.is_usable && !node.connection->is_broken &&
         node.outstanding + count <= limits_.samples &&
         node.outstanding_bytes < limits_.payload_bytes;
}

size_t LaneFleet::CountWithRoom(size_t count) const {
  return static_cast<size_t>(
      std::ranges::count_if(nodes_, [&](const LaneNode& node) { return HasRoom(node, count); }));
}

uint32_t LaneFleet::Choose(size_t count) const {
  const size_t able_count = CountWithRoom(count);
  size_t skip = balance_ == Balance::kRoundRobin ? turn_ % able_count : 0;
  uint32_t chosen = UINT32_MAX;
  for (uint32_t number = 0; number < nodes_.size(); ++number) {
    if (!HasRoom(nodes_[number], count)) continue;
    if (balance_ == Balance::kRoundRobin) {
      if (skip-- == 0) return number;
    } else if (chosen == UINT32_MAX || nodes_[number].outstanding < nodes_[chosen].outstanding) {
      chosen = number;
    }
  }
  return chosen;
}

}  // namespace mlperf::network
