#include "slots.h"

#include <utility>

namespace mlperf::network {

uint64_t SlotTable::Occupy(uint32_t node, const loadgen::QueuedSample& sample,
                           uint64_t payload_bytes, int64_t taken_ns,
                           std::shared_ptr<const void> payload) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t number = free_.back();
  free_.pop_back();
  Slot& slot = slots_[number];
  slot.row = {};
  slot.row.id = sample.id;
  slot.row.index = sample.index;
  slot.row.node = node;
  slot.row.issued_ns = sample.issued_ns;
  slot.row.taken_ns = taken_ns;
  slot.payload = std::move(payload);
  slot.payload_bytes = payload_bytes;
  slot.node = node;
  slot.in_use = true;
  ++slot.turn;
  return uint64_t{slot.turn} << 32 | number;
}

Slot* SlotTable::Find(uint32_t node, uint64_t key) {
  const size_t number = key & UINT32_MAX;
  if (number >= slots_.size()) return nullptr;
  Slot& slot = slots_[number];
  return slot.in_use && slot.node == node && slot.turn == key >> 32 ? &slot : nullptr;
}

void SlotTable::MarkSent(uint64_t key, int64_t sent_ns) {
  Slot& slot = slots_[key & UINT32_MAX];
  if (slot.turn == key >> 32) slot.row.sent_ns = sent_ns;
}

void SlotTable::Release(Slot* slot) {
  slot->in_use = false;
  slot->payload.reset();
  free_.push_back(static_cast<uint32_t>(slot - slots_.data()));
}

std::vector<uint64_t> SlotTable::ReleaseAll(uint32_t node) {
  std::vector<uint64_t> ids;
  for (Slot& slot : slots_) {
    if (!slot.in_use || slot.node != node) continue;
    ids.push_back(slot.row.id);
    Release(&slot);
  }
  return ids;
}

}  // namespace mlperf::network
