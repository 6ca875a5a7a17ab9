// Goal: answers with times of their own complete each sample once, from many threads at a time, and
// go to the test of another process where this one hosts a system for it. Method: a recorder whose
// samples threads race for, each with answers of several events; a sink that writes down its calls.
#include "issue/timed_completions.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "helpers/fake_clock.h"
#include "issue/completion_registry.h"
#include "issue/recorder.h"
#include "serve/completion_sink.h"

namespace mlperf::loadgen {
namespace {

constexpr int64_t kIssuedNs = 1000;

std::unique_ptr<Recorder> IssuedSet(const Recorder::Options& options, const Clock* clock,
                                    uint64_t query_count) {
  auto recorder = std::make_unique<Recorder>(options, clock);
  QueryBlock block;
  block.query_count = query_count;
  block.sample_indices.resize(query_count);
  block.scheduled_delta_ns.resize(query_count);
  recorder->Append(block);
  for (uint64_t query = 0; query < query_count; ++query) recorder->MarkIssued(query, kIssuedNs);
  return recorder;
}

// An answer whose times follow from its number.
class Answer {
 public:
  Answer(ResponseId id, int64_t number) {
    const int64_t first_ns = kIssuedNs + 10 + number;
    events_ = {{{first_ns, 1, 5}, {first_ns + 2, 2, kUnknownLag}, {first_ns + 4, 1, 6}}};
    answer.response = {id, 0, 0, 4};
    answer.first_token_ns = first_ns;
    answer.completed_ns = first_ns + 7;
    answer.events = events_.data();
    answer.event_count = 3;
    answer.source = TokenSource::kUsage;
  }

  TimedAnswer answer;

 private:
  std::array<TokenEvent, 3> events_;
};

TEST(TimedCompletionsTest, ThreadsThatRaceCompleteEachSampleOnce) {
  constexpr uint64_t kSamples = 4000;
  constexpr int kThreads = 4;
  FakeClock clock;
  Recorder::Options options;
  options.tokens = true;
  const auto set = IssuedSet(options, &clock, kSamples);
  {
    const ActiveRecorder active(set.get());
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&] {
        for (uint64_t sample = 0; sample < kSamples; ++sample) {
          const Answer answer(set->IdOf(sample), static_cast<int64_t>(sample));
          CompleteAt(&answer.answer, 1);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(set->completed_count(), kSamples);
  EXPECT_EQ(set->CountCompleted(), kSamples);
  const auto slots = set->slots();
  for (uint64_t sample = 0; sample < kSamples; ++sample) {
    ASSERT_EQ(slots->first_token_ns[sample], kIssuedNs + 10 + static_cast<int64_t>(sample));
    ASSERT_EQ(slots->AnsweredNs(sample), kIssuedNs + 17 + static_cast<int64_t>(sample));
    ASSERT_EQ(slots->token_count[sample], 4);
  }
  const auto tokens = set->tokens();
  ASSERT_NE(tokens, nullptr);
  EXPECT_EQ(tokens->answer_count(), kSamples);
  EXPECT_EQ(tokens->event_count(), 3 * kSamples);
  EXPECT_EQ(tokens->lag_count(), 2 * kSamples);
  const ViolationRecord violations = set->TakeViolations();
  EXPECT_EQ(violations[Violation::kDoubleCompletion], (kThreads - 1) * kSamples);
  EXPECT_EQ(violations[Violation::kImpossibleTime], 0u);
}

TEST(TimedCompletionsTest, WithoutTimedAnswersThereIsNoRecordOfTokens) {
  FakeClock clock;
  const auto set = IssuedSet({}, &clock, 1);
  EXPECT_EQ(set->tokens(), nullptr);
  EXPECT_EQ(set->CountCancelled(), 0u);
}

TEST(TimedCompletionsTest, ACancelledSampleIsCompletedButNeitherAnsweredNorFailed) {
  FakeClock clock;
  const auto set = IssuedSet({}, &clock, 2);
  const ActiveRecorder active(set.get());
  Answer answer(set->IdOf(1), 0);
  answer.answer.cancelled = true;
  CompleteAt(&answer.answer, 1);
  EXPECT_EQ(set->completed_count(), 1u);
  EXPECT_EQ(set->CountCancelled(), 1u);
  EXPECT_EQ(set->CountFailed(), 0u);
  EXPECT_EQ(set->slots()->CompletedNs(1), kIssuedNs + 17);
  EXPECT_EQ(set->slots()->AnsweredNs(1), 0);
  EXPECT_TRUE(set->slots()->Cancelled(1));
  EXPECT_FALSE(set->slots()->Failed(1));
  EXPECT_FALSE(set->slots()->Cancelled(0));
}

TEST(TimedCompletionsTest, AnAnswerAfterAFirstTokenOfTheUsualKindIsADoubleFirstToken) {
  FakeClock clock;
  Recorder::Options options;
  options.tokens = true;
  const auto set = IssuedSet(options, &clock, 1);
  const ActiveRecorder active(set.get());
  uint64_t sample = 0;
  ASSERT_TRUE(set->FirstToken(set->IdOf(0), kIssuedNs + 3, &sample));
  const Answer answer(set->IdOf(0), 0);
  CompleteAt(&answer.answer, 1);
  EXPECT_EQ(set->completed_count(), 1u);
  EXPECT_EQ(set->slots()->first_token_ns[0], kIssuedNs + 3);
  EXPECT_EQ(set->TakeViolations()[Violation::kDoubleFirstToken], 1u);
}

// Writes down what it is called with.
class Sink : public CompletionSink {
 public:
  bool Claim(ResponseId id) override { return id != 13; }
  void Complete(const QuerySampleResponse& response, int64_t now_ns) override {
    Note("complete", response.id, now_ns);
  }
  void Fail(ResponseId id, const std::string& reason, int64_t now_ns) override {
    Note("fail (" + reason + ")", id, now_ns);
  }
  void FirstToken(const QuerySampleResponse& response, int64_t now_ns) override {
    Note("first", response.id, now_ns);
  }
  void Abort() override {}
  void Publish() override { calls.push_back("publish"); }

  std::vector<std::string> calls;

 private:
  void Note(const std::string& what, ResponseId id, int64_t at_ns) {
    calls.push_back(what + " " + std::to_string(id) + " at " + std::to_string(at_ns));
  }
};

TEST(TimedCompletionsTest, WhereTheProcessHostsASystemTheAnswersGoToItsTest) {
  const auto sink = std::make_shared<Sink>();
  SetCompletionSink(sink);
  Answer one(5, 0), cancelled(6, 0);
  const Answer unknown(13, 0);
  cancelled.answer.cancelled = true;
  one.answer.first_token_ns = 0;
  const TimedAnswer answers[] = {one.answer, cancelled.answer, unknown.answer};
  CompleteAt(answers, 3);
  SetCompletionSink(nullptr);
  EXPECT_EQ(sink->calls, (std::vector<std::string>{
                             "complete 5 at 1017", "first 6 at 1010",
                             "fail (the system under test cancelled the request) 6 at 1017",
                             "first 13 at 1010", "publish"}));
}

TEST(TimedCompletionsTest, WithoutATestTheyAreLate) {
  TakeLateCompletions();
  const Answer answer(5, 0);
  CompleteAt(&answer.answer, 1);
  EXPECT_EQ(TakeLateCompletions(), 1u);
}

}  // namespace
}  // namespace mlperf::loadgen
