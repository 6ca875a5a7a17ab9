// Goal: a token record keeps times and tokens of events as they were told, by the clock asked for,
// and impossible times are found. Method: answers written down by hand.
#include "record/token_record.h"

#include <gtest/gtest.h>

#include <vector>

namespace mlperf::loadgen {
namespace {

constexpr int64_t kIssuedNs = 1'000'000;
constexpr int64_t kNowNs = 2'000'000;

class Answer {
 public:
  explicit Answer(std::vector<TokenEvent> events) : events_(std::move(events)) {
    answer.sent_ns = kIssuedNs + 5;
    answer.first_token_ns = kIssuedNs + 10;
    answer.first_output_ns = kIssuedNs + 30;
    answer.completed_ns = kIssuedNs + 50;
    answer.completed_lag_ns = 4;
    answer.events = events_.data();
    answer.event_count = static_cast<uint32_t>(events_.size());
  }

  TimedAnswer answer;

 private:
  std::vector<TokenEvent> events_;
};

Answer ThreeEvents() {
  return Answer({{kIssuedNs + 10, 1, 7}, {kIssuedNs + 30, 0, kUnknownLag}, {kIssuedNs + 40, 9, 2}});
}

TEST(TokenRecordTest, KeepsEventsAndLags) {
  TokenRecord record;
  record.Append(3, kIssuedNs, ThreeEvents().answer, TokenClock::Arrival, true);
  record.Append(1, kIssuedNs, Answer({{kIssuedNs + 20, 2, 0}}).answer, TokenClock::Arrival, true);
  ASSERT_EQ(record.answer_count(), 2u);
  ASSERT_EQ(record.event_count(), 4u);
  EXPECT_EQ(record.answer(0).sample, 3u);
  EXPECT_EQ(record.answer(0).event_count, 3u);
  EXPECT_EQ(record.answer(1).first_event, 3u);
  EXPECT_EQ(record.event(0).since_issue_ns, 10);
  EXPECT_EQ(record.event(1).tokens, 0u);
  EXPECT_EQ(record.event(2).tokens, 9u);
  EXPECT_EQ(record.event(3).since_issue_ns, 20);
  ASSERT_EQ(record.lag_count(), 5u);  // The one that is not known is in no list.
  EXPECT_EQ(record.lag_ns(0), 7u);
  EXPECT_EQ(record.lag_ns(1), 2u);
  EXPECT_EQ(record.lag_ns(2), 4u);
}

TEST(TokenRecordTest, TheClockOfReadingAddsLags) {
  Answer three = ThreeEvents();
  three.answer.first_token_lag_ns = 7;
  TokenRecord record;
  record.Append(0, kIssuedNs, three.answer, TokenClock::Read, true);
  EXPECT_EQ(record.event(0).since_issue_ns, 17);
  EXPECT_EQ(record.event(1).since_issue_ns, 30);
  EXPECT_EQ(FirstTokenNs(three.answer, TokenClock::Read), kIssuedNs + 17);
  EXPECT_EQ(FirstTokenNs(three.answer, TokenClock::Arrival), kIssuedNs + 10);
  EXPECT_EQ(CompletedNs(three.answer, TokenClock::Read), kIssuedNs + 54);
  three.answer.first_output_ns = kIssuedNs + 40;
  EXPECT_EQ(FirstOutputNs(three.answer, TokenClock::Read), kIssuedNs + 42);
}

TEST(TokenRecordTest, ManyTokensAreNotKnown) {
  TokenRecord record;
  record.Append(0, kIssuedNs,
                Answer({{kIssuedNs + 10, 65535, 0}, {kIssuedNs + 11, 65536, 0}}).answer,
                TokenClock::Arrival, true);
  EXPECT_EQ(record.event(0).tokens, 65535u);
  EXPECT_EQ(record.event(1).tokens, 0u);
}

TEST(TokenRecordTest, OfAnAnswerWithoutTimesItKeepsTheCounts) {
  Answer three = ThreeEvents();
  three.answer.prompt_tokens = 12;
  TokenRecord record;
  record.Append(0, kIssuedNs, three.answer, TokenClock::Arrival, false);
  EXPECT_EQ(record.event_count(), 0u);
  EXPECT_EQ(record.answer(0).event_count, 0u);
  EXPECT_EQ(record.answer(0).sent_ns, 0);
  EXPECT_EQ(record.answer(0).prompt_tokens, 12);
  EXPECT_EQ(record.lag_count(), 3u);
}

TEST(TokenRecordTest, MoreEventsThanAChunkHolds) {
  std::vector<TokenEvent> events;
  for (int64_t i = 0; i < 70'000; ++i) events.push_back({kIssuedNs + 10 + i / 2000, 1, 1});
  TokenRecord record;
  for (uint64_t sample = 0; sample < 3; ++sample) {
    record.Append(sample, kIssuedNs, Answer(events).answer, TokenClock::Arrival, true);
  }
  EXPECT_EQ(record.event_count(), 210'000u);
  EXPECT_EQ(record.lag_count(), 210'003u);
  EXPECT_EQ(record.event(209'999).since_issue_ns, 10 + 34);
}

bool Possible(const TimedAnswer& answer, TokenClock clock = TokenClock::Arrival) {
  return TimesArePossible(answer, clock, kIssuedNs, kNowNs);
}

TEST(TimesArePossibleTest, FromTheIssueToNow) {
  EXPECT_TRUE(Possible(ThreeEvents().answer));
  TimedAnswer plain;
  plain.completed_ns = kIssuedNs;
  EXPECT_TRUE(Possible(plain));
  plain.completed_ns = kNowNs;
  EXPECT_TRUE(Possible(plain));
  plain.completed_ns = kIssuedNs - 1;
  EXPECT_FALSE(Possible(plain));
  plain.completed_ns = kNowNs + 1;
  EXPECT_FALSE(Possible(plain));
  plain.completed_ns = kNowNs;
  plain.completed_lag_ns = 1;
  EXPECT_TRUE(Possible(plain));
  EXPECT_FALSE(Possible(plain, TokenClock::Read));
}

TEST(TimesArePossibleTest, LongerThanTheLogCanSay) {
  TimedAnswer answer;
  answer.completed_ns = kIssuedNs + kMaxEventNs;
  EXPECT_TRUE(TimesArePossible(answer, TokenClock::Arrival, kIssuedNs, answer.completed_ns));
  ++answer.completed_ns;
  EXPECT_FALSE(TimesArePossible(answer, TokenClock::Arrival, kIssuedNs, answer.completed_ns));
}

TEST(TimesArePossibleTest, EventsAreInOrderAndBetweenFirstTokenAndCompletion) {
  const auto with = [](std::vector<TokenEvent> events) { return Possible(Answer(events).answer); };
  EXPECT_TRUE(with({{kIssuedNs + 10, 1, 0}, {kIssuedNs + 10, 1, 0}, {kIssuedNs + 50, 1, 0}}));
  EXPECT_FALSE(with({{kIssuedNs + 9, 1, 0}}));
  EXPECT_FALSE(with({{kIssuedNs + 51, 1, 0}}));
  EXPECT_FALSE(with({{kIssuedNs + 20, 1, 0}, {kIssuedNs + 19, 1, 0}}));
}

}  // namespace
}  // namespace mlperf::loadgen
