// Goal: frames are read as they were written, their payload lands where it is wanted and nowhere
// else. Method: frames made by wire.h, fed in pieces of all sizes; hostile ones are the fuzzer's
// (tests/fuzz/frame_fuzz.cc).
#include "frame_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "wire.h"

namespace mlperf::transfer {
namespace {

using Step = FrameReader::Step;

std::string Frame(const FrameHead& head, const std::vector<WireSlice>& slices = {},
                  std::string_view payload = "") {
  std::string bytes(kHeadSize + slices.size() * kSliceSize, '\0');
  WriteHead(head, bytes.data());
  for (size_t i = 0; i < slices.size(); ++i) {
    WriteSlice(slices[i], &bytes[kHeadSize + i * kSliceSize]);
  }
  return bytes.append(payload);
}

// Feeds `bytes` in pieces until the reader says something else than kMore, or they are used up.
Step Feed(std::string_view* bytes, size_t piece, FrameReader* reader) {
  for (;;) {
    const Step step = reader->Next();
    if (step != Step::kMore || bytes->empty()) return step;
    size_t fed = 0;
    for (const iovec& part : reader->Room()) {
      const size_t count = std::min({part.iov_len, piece - fed, bytes->size() - fed});
      std::memcpy(part.iov_base, bytes->data() + fed, count);
      fed += count;
    }
    bytes->remove_prefix(fed);
    reader->Received(fed);
  }
}

TEST(Wire, HeadsAndSlicesAreReadAsTheyWereWritten) {
  const FrameHead head{FrameKind::kWrite, kHasImmediate, 3, 0x0102030405060708, 1 << 20, 77, 99};
  char bytes[kHeadSize];
  WriteHead(head, bytes);
  const FrameHead read = ReadHead(bytes);
  EXPECT_EQ(FaultOf(read, bytes), nullptr);
  EXPECT_EQ(read.kind, head.kind);
  EXPECT_EQ(read.flags, head.flags);
  EXPECT_EQ(read.count, head.count);
  EXPECT_EQ(read.op, head.op);
  EXPECT_EQ(read.nbytes, head.nbytes);
  EXPECT_EQ(read.value, head.value);
  EXPECT_EQ(read.handle, head.handle);
  // The layout of the specification: little-endian, at these places.
  EXPECT_EQ(bytes[0], 6);
  EXPECT_EQ(bytes[8], 8);
  EXPECT_EQ(bytes[15], 1);
  EXPECT_EQ(bytes[18], 0x10);
  EXPECT_EQ(bytes[24], 77);
  EXPECT_EQ(bytes[28], 99);
}

TEST(FrameReader, PayloadLandsInItsPlacesHoweverItIsCut) {
  std::string payload(100'000, '\0');
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 7 + i / 251);
  FrameHead head;
  head.kind = FrameKind::kReply;
  head.nbytes = payload.size();
  const std::string bytes = Frame(head, {}, payload) + Frame({FrameKind::kReply});
  for (const size_t piece : {1u, 31u, 33u, 1000u, 65'536u, 1u << 20}) {
    FrameReader reader;
    std::string_view left = bytes;
    ASSERT_EQ(Feed(&left, piece, &reader), Step::kFrame);
    std::string one(60'000, '\0'), other(40'000, '\0');
    const iovec places[] = {{one.data(), one.size()}, {nullptr, 0}, {other.data(), other.size()}};
    reader.PlaceAt(places);
    ASSERT_EQ(Feed(&left, piece, &reader), Step::kPayload);
    EXPECT_TRUE(one + other == payload) << piece;
    ASSERT_EQ(Feed(&left, piece, &reader), Step::kFrame) << piece;
    ASSERT_EQ(Feed(&left, piece, &reader), Step::kPayload);
    EXPECT_TRUE(reader.is_between_frames());
  }
}

TEST(FrameReader, ManyPlacesAreFilledInOrder) {
  FrameHead head;
  head.kind = FrameKind::kReply;
  head.nbytes = 1000;
  const std::string bytes = Frame(head, {}, std::string(500, 'a') + std::string(500, 'b'));
  FrameReader reader;
  std::string_view left = bytes;
  ASSERT_EQ(Feed(&left, 40, &reader), Step::kFrame);
  std::string memory(1000, '\0');
  std::vector<iovec> places;
  for (size_t i = 0; i < 500; ++i) places.push_back({&memory[2 * i], 2});
  reader.PlaceAt(places);
  EXPECT_EQ(reader.Next(), Step::kMore);
  EXPECT_LE(reader.Room().size(), FrameReader::kMaxParts);
  ASSERT_EQ(Feed(&left, 1 << 20, &reader), Step::kPayload);
  EXPECT_EQ(memory, bytes.substr(kHeadSize));
}

TEST(FrameReader, DroppedPayloadTouchesNothingMore) {
  FrameHead head;
  head.kind = FrameKind::kReply;
  head.nbytes = 200'000;
  const std::string bytes =
      Frame(head, {}, std::string(200'000, 'x')) + Frame({FrameKind::kReply, 0, 0, 5});
  FrameReader reader;
  std::string_view left = bytes;
  ASSERT_EQ(Feed(&left, 100, &reader), Step::kFrame);
  std::string memory(200'000, '\0');
  const iovec place = {memory.data(), memory.size()};
  reader.PlaceAt({&place, 1});
  std::string_view some = left.substr(0, 50'000);
  left.remove_prefix(50'000);
  ASSERT_EQ(Feed(&some, 1000, &reader), Step::kMore);
  reader.DropPayload();
  const std::string before = memory;
  EXPECT_EQ(before[49'000], 'x');
  ASSERT_EQ(Feed(&left, 1 << 20, &reader), Step::kPayload);
  EXPECT_TRUE(memory == before);
  ASSERT_EQ(Feed(&left, 1 << 20, &reader), Step::kFrame);
  EXPECT_EQ(reader.head().op, 5u);
}

TEST(FrameReader, SlicesMayComeInPieces) {
  std::vector<WireSlice> slices(kMaxSlices);
  for (size_t i = 0; i < slices.size(); ++i) slices[i] = {i * 3, i};
  FrameHead head;
  head.kind = FrameKind::kRead;
  head.count = kMaxSlices;
  const std::string bytes = Frame(head, slices);
  FrameReader reader;
  std::string_view left = bytes;
  ASSERT_EQ(Feed(&left, 777, &reader), Step::kFrame);
  ASSERT_EQ(reader.slices().size(), slices.size());
  EXPECT_EQ(reader.slices().back().offset, slices.back().offset);
}

TEST(FrameReader, ABrokenStreamSaysWhy) {
  std::string bytes = Frame({FrameKind::kRead});
  bytes[0] = 77;
  FrameReader reader;
  std::string_view left = bytes;
  ASSERT_EQ(Feed(&left, 100, &reader), Step::kBroken);
  EXPECT_STREQ(reader.fault(), "an unknown kind");
}

}  // namespace
}  // namespace mlperf::transfer
