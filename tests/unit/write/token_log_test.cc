// Goal: the token log has the events of each row of the sample log at its place, whatever sets,
// gaps and samples a query there are, and leaves out from its end what there is no room for.
// Method: the words of the file, read as NumPy's format says, against records typed in.
#include "write/token_log.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "helpers/record_builder.h"
#include "helpers/test_file.h"

namespace mlperf::loadgen {
namespace {

using Words = std::vector<uint64_t>;
constexpr size_t kHeaderSize = 128;

constexpr uint64_t Event(uint64_t since_due_ns, uint64_t tokens) {
  return since_due_ns << 16 | tokens;
}

Words WordsOf(TokenEventLog* log) {
  const TestFile file;
  OutputFile output(file.path());
  log->Write(&output);
  output.Close();
  const std::string bytes = file.Read();
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_EQ(bytes[kHeaderSize - 1], '\n');
  Words words((bytes.size() - kHeaderSize) / 8);
  std::memcpy(words.data(), bytes.data() + kHeaderSize, 8 * words.size());
  const std::string literal = "{'descr': '<u8', 'fortran_order': False, 'shape': (" +
                              std::to_string(words.size()) + ",), }";
  EXPECT_EQ(bytes.substr(10, literal.size()), literal);
  return words;
}

// Events of the sample at these times since its issue, with 1, 2, 3, ... tokens.
void Answer(uint64_t sample, const RunRecord& record, const std::vector<int64_t>& since_issue_ns,
            TokenRecord* tokens) {
  const int64_t issued_ns = record.IssuedNs(record.slots->QueryOf(sample));
  std::vector<TokenEvent> events;
  for (const int64_t time_ns : since_issue_ns) {
    events.push_back({issued_ns + time_ns, static_cast<uint32_t>(events.size() + 1), 0});
  }
  TimedAnswer answer;
  answer.events = events.data();
  answer.event_count = static_cast<uint32_t>(events.size());
  tokens->Append(sample, issued_ns, answer, TokenClock::Arrival, true);
}

// Two issued queries of two samples with a gap between, whose second was issued 7 ns late.
RunRecord GappyRecord() {
  RunRecord record = RecordBuilder(2)
                         .Query(0, 0, {{90, 10, 2}, {90, 10, 2}})
                         .Gap()
                         .Query(100, 107, {{190, 110, 2}, {190, 110, 2}})
                         .Build();
  auto tokens = std::make_shared<TokenRecord>();
  Answer(5, record, {20, 30}, tokens.get());  // The last sample ends first.
  Answer(1, record, {40}, tokens.get());
  record.tokens = tokens;
  return record;
}

TEST(TokenLogTest, HasTheEventsOfEachRow) {
  TokenEventLog log;
  log.AddSet(GappyRecord(), 4);
  ASSERT_TRUE(log.has_events());
  EXPECT_EQ(WordsOf(&log), (Words{4, 0, 0, 1, 1, 3, Event(40, 1), Event(27, 1), Event(37, 2)}));
}

TEST(TokenLogTest, SetsFollowEachOtherAlsoThoseWithoutEvents) {
  TokenEventLog log;
  log.AddSet(RecordBuilder().Query(0, 0, {{5}}).Build(), 1);
  log.AddSet(GappyRecord(), 4);
  log.AddSet(RecordBuilder().Query(0, 0, {{5}}).Build(), 1);
  EXPECT_EQ(WordsOf(&log),
            (Words{6, 0, 0, 0, 1, 1, 3, 3, Event(40, 1), Event(27, 1), Event(37, 2)}));
}

TEST(TokenLogTest, RowsThatTheSampleLogLeftOutHaveNoPlace) {
  TokenEventLog log;
  log.AddSet(GappyRecord(), 3);
  EXPECT_EQ(WordsOf(&log), (Words{3, 0, 0, 1, 1, Event(40, 1)}));
}

TEST(TokenLogTest, WithoutEventsThereIsNothingToWrite) {
  TokenEventLog log;
  log.AddSet(RecordBuilder().Query(0, 0, {{5}}).Build(), 1);
  EXPECT_FALSE(log.has_events());
}

TEST(TokenLogTest, WhatThereIsNoRoomForIsLeftOutFromTheEnd) {
  TokenEventLog log(kHeaderSize + 8 * (6 + 2));  // One event too few.
  log.AddSet(GappyRecord(), 4);
  EXPECT_EQ(WordsOf(&log), (Words{4, 0, 0, 1, 1, 1, Event(40, 1)}));
  EXPECT_EQ(log.left_out_count(), 1u);
}

TEST(TokenLogTest, ATimeThatDoesNotFitIsLeftOut) {
  RunRecord record = RecordBuilder().Query(0, 10, {{90, 20, 2}}).Build();
  auto tokens = std::make_shared<TokenRecord>();
  Answer(0, record, {kMaxEventNs - 9}, tokens.get());
  record.tokens = tokens;
  TokenEventLog log;
  log.AddSet(record, 1);
  EXPECT_FALSE(log.has_events());
  EXPECT_EQ(log.left_out_count(), 1u);
}

}  // namespace
}  // namespace mlperf::loadgen
