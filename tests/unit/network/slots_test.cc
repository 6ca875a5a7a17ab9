// Goal: a key is good once, and for its node alone. Method: keys used twice, of other nodes, and
// made up.
#include "slots.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace mlperf::network {
namespace {

loadgen::QueuedSample Sample(uint64_t id) { return {id, id + 100, 7, 0}; }

TEST(SlotTableTest, ASlotKeepsWhatIsKnownOfItsSample) {
  SlotTable slots;
  const uint64_t key = slots.Occupy(4, Sample(10), 55, 9);
  slots.MarkSent(key, 12);
  const Slot* slot = slots.Find(4, key);
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(slot->row.id, 10u);
  EXPECT_EQ(slot->row.index, 110u);
  EXPECT_EQ(slot->row.node, 4u);
  EXPECT_EQ(slot->row.issued_ns, 7);
  EXPECT_EQ(slot->row.taken_ns, 9);
  EXPECT_EQ(slot->row.sent_ns, 12);
  EXPECT_EQ(slot->payload_bytes, 55u);
}

TEST(SlotTableTest, AKeyIsGoodOnceAndForItsNode) {
  SlotTable slots;
  const uint64_t key = slots.Occupy(4, Sample(10), 1, 0);
  EXPECT_EQ(slots.Find(3, key), nullptr);
  slots.Release(slots.Find(4, key));
  EXPECT_EQ(slots.Find(4, key), nullptr);
  const uint64_t again = slots.Occupy(4, Sample(11), 1, 0);
  EXPECT_NE(again, key);
  EXPECT_EQ(slots.Find(4, key), nullptr);
  slots.MarkSent(key, 99);  // Of the sample before.
  EXPECT_EQ(slots.Find(4, again)->row.sent_ns, 0);
}

TEST(SlotTableTest, MadeUpKeysAreNoSamples) {
  SlotTable slots;
  const uint64_t key = slots.Occupy(0, Sample(10), 1, 0);
  for (const uint64_t other : {key ^ (uint64_t{1} << 40), key + 1, uint64_t{0}, UINT64_MAX}) {
    EXPECT_EQ(slots.Find(0, other), nullptr) << other;
  }
}

TEST(SlotTableTest, AllSamplesOfANodeAreReleased) {
  SlotTable slots;
  std::set<uint64_t> keys;
  for (uint64_t id = 0; id < 3000; ++id) {
    keys.insert(slots.Occupy(static_cast<uint32_t>(id % 3), Sample(id), 1, 0));
  }
  EXPECT_EQ(keys.size(), 3000u);
  std::vector<uint64_t> ids = slots.ReleaseAll(1);
  std::ranges::sort(ids);
  ASSERT_EQ(ids.size(), 1000u);
  EXPECT_EQ(ids.front(), 1u);
  EXPECT_EQ(ids.back(), 2998u);
  EXPECT_EQ(slots.ReleaseAll(1).size(), 0u);
  EXPECT_EQ(slots.ReleaseAll(0).size(), 1000u);
}

}  // namespace
}  // namespace mlperf::network
