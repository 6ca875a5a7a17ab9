// Goal: a payload is there as long as a sample of its index is worked on, and for the run after.
// Method: records as a reader hands them on, with bytes that say which one they were.
#include "held_payloads.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

namespace mlperf::network {
namespace {

// A sample with the layout "L" and the parts `text`; with memory of its own if `large`.
void Hold(HeldPayloads* payloads, uint64_t index, const std::string& text, bool large = false) {
  const size_t size = 8 + Padded(text.size());
  auto bytes = std::make_unique<std::byte[]>(size);
  bytes[0] = std::byte{'L'};
  std::memcpy(bytes.get() + 8, text.data(), text.size());
  Received<SampleRecord> received;
  received.record.index = index;
  received.record.layout_bytes = 1;
  received.record.size = text.size();
  received.bytes = {bytes.get(), size};
  if (large) received.owned = std::move(bytes);
  payloads->Hold(&received);
}

std::string Text(const std::shared_ptr<const HeldPayload>& payload) {
  if (payload == nullptr) return "none";
  const Bytes parts = payload->parts();
  return std::string(payload->layout()) + ":" +
         std::string(reinterpret_cast<const char*>(parts.data()), parts.size());
}

TEST(HeldPayloadsTest, APayloadStaysUntilItsLastSampleIsAnswered) {
  HeldPayloads payloads;
  EXPECT_EQ(Text(payloads.Find(7)), "none");
  Hold(&payloads, 7, "first");
  Hold(&payloads, 7, "second");
  Hold(&payloads, 8, "", true);
  EXPECT_EQ(Text(payloads.Find(7)), "L:first");
  EXPECT_EQ(Text(payloads.Find(8)), "L:");
  payloads.Release(7);
  EXPECT_EQ(Text(payloads.Find(7)), "L:first");
  payloads.Release(7);
  EXPECT_EQ(Text(payloads.Find(7)), "none");
  payloads.Release(7);
  Hold(&payloads, 7, "third", true);
  EXPECT_EQ(Text(payloads.Find(7)), "L:third");
}

TEST(HeldPayloadsTest, WhoHasAPayloadMayKeepIt) {
  HeldPayloads payloads;
  Hold(&payloads, 1, "kept");
  const auto kept = payloads.Find(1);
  payloads.Release(1);
  EXPECT_EQ(Text(kept), "L:kept");
}

TEST(HeldPayloadsTest, ThoseOfTheRunBeforeStayUntilTheNext) {
  HeldPayloads payloads;
  Hold(&payloads, 1, "old");
  Hold(&payloads, 2, "old");
  payloads.BeginRun();
  Hold(&payloads, 1, "new");
  EXPECT_EQ(Text(payloads.Find(1)), "L:new");
  EXPECT_EQ(Text(payloads.Find(2)), "L:old");
  payloads.BeginRun();
  EXPECT_EQ(Text(payloads.Find(1)), "L:new");
  EXPECT_EQ(Text(payloads.Find(2)), "none");
}

}  // namespace
}  // namespace mlperf::network
