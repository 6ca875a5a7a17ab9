// Goal: a lane's records come out as they went in, wherever the stream is cut; what is no record
// ends it with words. Method: streams written by hand, read in pieces of several sizes. The fuzzer
// `lane` does the same with any bytes.
#include "record_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace mlperf::network {
namespace {

constexpr uint64_t kMostBytes = 1 << 20;

SampleRecord Sample(uint64_t key, uint64_t layout_bytes, uint64_t size) {
  SampleRecord record;
  record.layout_bytes = static_cast<uint32_t>(layout_bytes);
  record.key = key;
  record.size = size;
  return record;
}

template <typename Record>
std::string Text(const Record& record, std::string_view bytes = "") {
  std::string text(sizeof(record), '\0');
  std::memcpy(text.data(), &record, sizeof(record));
  text += bytes;
  text.resize(Padded(text.size()));
  return text;
}

struct Outcome {
  std::vector<uint64_t> keys;
  std::vector<std::string> bytes;
  std::vector<bool> owned;
  std::string fault;
};

template <typename Record>
Outcome Read(std::string_view stream, size_t piece) {
  RecordReader<Record> reader(kMostBytes);
  Outcome outcome;
  Received<Record> received;
  while (!stream.empty() && reader.fault().empty()) {
    const auto room = reader.Room();
    const size_t size = std::min({piece, room.size(), stream.size()});
    std::memcpy(room.data(), stream.data(), size);
    stream.remove_prefix(size);
    reader.Filled(size);
    while (reader.Next(&received)) {
      outcome.keys.push_back(received.record.key);
      outcome.bytes.emplace_back(reinterpret_cast<const char*>(received.bytes.data()),
                                 received.bytes.size());
      outcome.owned.push_back(received.owned != nullptr);
    }
  }
  outcome.fault = reader.fault();
  return outcome;
}

TEST(RecordReaderTest, RecordsComeOutOfAnyPieces) {
  std::string large(40'000, 'l');
  SampleRecord flush;
  flush.kind = SampleKind::kFlush;
  const std::string stream = Text(Sample(1, 8, 3), "[layout]abc") + Text(Sample(2, 0, 0)) +
                             Text(Sample(3, 0, large.size()), large) + Text(flush) +
                             Text(Sample(4, 0, 1), "x");
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{4096}, stream.size()}) {
    const Outcome outcome = Read<SampleRecord>(stream, piece);
    EXPECT_EQ(outcome.fault, "");
    EXPECT_EQ(outcome.keys, (std::vector<uint64_t>{1, 2, 3, 0, 4}));
    EXPECT_EQ(outcome.bytes[0], std::string("[layout]abc\0\0\0\0\0", 16));
    EXPECT_EQ(outcome.bytes[2], large);
    EXPECT_EQ(outcome.owned, (std::vector<bool>{false, false, true, false, false}));
  }
}

TEST(RecordReaderTest, BytesAreAligned) {
  std::string stream;
  for (uint64_t size = 1; size < 20; ++size) {
    stream += Text(Sample(size, 0, size), std::string(size, 'x'));
  }
  RecordReader<SampleRecord> reader(kMostBytes);
  std::memcpy(reader.Room().data(), stream.data(), stream.size());
  reader.Filled(stream.size());
  Received<SampleRecord> received;
  while (reader.Next(&received)) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(received.bytes.data()) % kAlignment, 0u);
  }
}

TEST(RecordReaderTest, MoreThanTheStageHoldsComesThrough) {
  std::string stream;
  for (uint64_t key = 0; key < 100; ++key) {
    stream += Text(Sample(key, 0, 9000), std::string(9000, 'x'));
  }
  EXPECT_EQ(Read<SampleRecord>(stream, stream.size()).keys.size(), 100u);
}

AnswerRecord Answer(AnswerKind kind, uint64_t size) {
  AnswerRecord record;
  record.kind = kind;
  record.size = size;
  return record;
}

TEST(RecordReaderTest, WhatIsNoRecordEndsTheStream) {
  SampleRecord unknown;
  unknown.kind = static_cast<SampleKind>(9);
  SampleRecord flush;
  flush.kind = SampleKind::kFlush;
  flush.size = 1;
  SampleRecord neither = Sample(1, 0, 0);
  neither.ends_query = 2;
  EXPECT_EQ(Read<SampleRecord>(Text(unknown), 40).fault, "a record of the unknown kind 9");
  EXPECT_NE(Read<SampleRecord>(Text(flush), 40).fault, "");
  EXPECT_NE(Read<SampleRecord>(Text(neither), 40).fault, "");
  EXPECT_EQ(Read<SampleRecord>(Text(Sample(1, 0, UINT64_MAX)), 40).fault,
            "a sample of 18446744073709551615 bytes, more than 1048576");
  EXPECT_NE(Read<SampleRecord>(Text(Sample(1, UINT32_MAX, 0)), 40).fault, "");
  EXPECT_EQ(Read<AnswerRecord>(Text(Answer(static_cast<AnswerKind>(7), 0)), 64).fault,
            "an answer of the unknown kind 7");
  EXPECT_NE(Read<AnswerRecord>(Text(Answer(AnswerKind::kCompleted, UINT64_MAX)), 64).fault, "");
  EXPECT_NE(Read<AnswerRecord>(Text(Answer(AnswerKind::kSent, 1)), 64).fault, "");
}

TEST(RecordReaderTest, NothingComesAfterAFault) {
  SampleRecord unknown;
  unknown.kind = static_cast<SampleKind>(9);
  const Outcome outcome =
      Read<SampleRecord>(Text(Sample(1, 0, 0)) + Text(unknown) + Text(Sample(2, 0, 0)), 1000);
  EXPECT_EQ(outcome.keys, (std::vector<uint64_t>{1}));
}

TEST(RecordReaderTest, ASizeNearTheLargestNumberIsNoSmallOne) {
  SampleRecord record = Sample(1, 0, UINT64_MAX - 2);
  EXPECT_NE(FaultOf(record, UINT64_MAX - 100), "");
  record.size = 5;
  EXPECT_EQ(FaultOf(record, UINT64_MAX), "");
}

}  // namespace
}  // namespace mlperf::network
