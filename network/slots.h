// The samples that are at nodes, and the keys by which nodes identify them.
#ifndef MLPERF_LOADGEN_NETWORK_SLOTS_H_
#define MLPERF_LOADGEN_NETWORK_SLOTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "serve/query_queue.h"

namespace mlperf::network {

// The times of a sample on the load generator's clock, 0 if one is not known: ROW of
// qdl/dispatch/timings.py.
struct TimingRow {
  uint64_t id;
  uint64_t index;
  uint64_t node;
  int64_t issued_ns;
  int64_t taken_ns;
  int64_t sent_ns;
  int64_t node_received_ns;
  int64_t node_issued_ns;
  int64_t node_completed_ns;
  int64_t node_sent_ns;
  int64_t received_ns;
  int64_t completed_ns;
};

struct Slot {
  TimingRow row = {};
  std::shared_ptr<const void> payload;  // What the node may read meanwhile.
  uint64_t payload_bytes = 0;
  uint32_t node = 0;
  uint32_t turn = 0;  // How often the slot was used.
  bool in_use = false;
};

// Slots that are used again and again. A key is a slot's turn and number: one that comes twice, or
// is another sample's, has a different turn from the slot. Not thread-safe.
class SlotTable {
 public:
  // Puts a sample into a slot. Returns its key. `payload` is kept until the slot is released.
  uint64_t Occupy(uint32_t node, const loadgen::QueuedSample& sample, uint64_t payload_bytes,
                  int64_t taken_ns, std::shared_ptr<const void> payload = nullptr);
  // The slot of a sample that this node has; null: it has none of this key.
  Slot* Find(uint32_t node, uint64_t key);
  // Notes when a sample was sent, unless its slot is another's by now.
  void MarkSent(uint64_t key, int64_t sent_ns);
  // Frees a slot that Find returned.
  void Release(Slot* slot);
  // Frees all slots of a node. Returns the ids of their samples.
  std::vector<uint64_t> ReleaseAll(uint32_t node);

 private:
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_SLOTS_H_
