// Goal: a recorder counts each sample once, whoever answers in whatever order, distinguishes the
// kinds of broken promises without touching memory it should not, and never lets an issuer go on
// before all is really answered, nor wait when the test is over. Method: ids built by hand from tag
// and sequence number; answers in random orders from one to eight threads, and from threads that
// race for the same ids; one test a kind of violation.
#include "issue/recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "helpers/fake_clock.h"
#include "helpers/test_file.h"
#include "helpers/tracking_gate.h"
#include "platform/cpu_relax.h"
#include "platform/output_file.h"
#include "write/accuracy_log.h"

namespace mlperf::loadgen {
namespace {

constexpr uint64_t kTag = 7;
constexpr uint64_t kFirstQuery = 50;
constexpr uint64_t kFirstSample = 100;

ResponseId Id(uint64_t tag, uint64_t sequence) { return (tag << kSampleIdBits) + sequence; }

Recorder::Options SetOptions(uint64_t samples_per_query = 1) {
  Recorder::Options options;
  options.id_tag = kTag;
  options.first_query = kFirstQuery;
  options.first_sample = kFirstSample;
  options.samples_per_query = samples_per_query;
  return options;
}

QueryBlock Block(uint64_t query_count, uint64_t samples_per_query = 1) {
  QueryBlock block;
  block.query_count = query_count;
  block.scheduled_delta_ns.resize(query_count);
  block.sample_indices.resize(query_count * samples_per_query);
  return block;
}

// A recorder of queries of which the first few are issued.
class Set {
 public:
  Set(const Recorder::Options& options, uint64_t query_count, uint64_t issued_count)
      : recorder(options, &clock) {
    recorder.Append(Block(query_count, options.samples_per_query));
    for (uint64_t query = 0; query < issued_count; ++query) recorder.MarkIssued(query, 1);
  }
  explicit Set(uint64_t query_count) : Set(SetOptions(), query_count, query_count) {}

  bool Complete(ResponseId id, int64_t now_ns = 77, int64_t n_tokens = 0, bool alone = false) {
    uint64_t sample;
    const bool good = recorder.Complete(id, now_ns, n_tokens, alone, &sample);
    if (good) alone ? recorder.PublishByIssuer(1) : recorder.Publish(1);
    return good;
  }
  bool FirstToken(ResponseId id, int64_t now_ns = 66) {
    uint64_t sample;
    return recorder.FirstToken(id, now_ns, &sample);
  }
  bool Wait(uint64_t count) { return recorder.WaitForCompleted(count, &control, &gate); }

  FakeClock clock;
  RunControl control;
  TrackingGate gate{1};
  Recorder recorder;
};

// ---- Slots -------------------------------------------------------------------------------------

TEST(Recorder, WritesDownWhatIsPlannedBlockByBlock) {
  FakeClock clock;
  Recorder recorder(SetOptions(2), &clock);
  recorder.Append({2, {10, 11, 12, 13}, {0, 500}});
  EXPECT_EQ(recorder.queries_ready(), 2u);
  recorder.Append({1, {14, 15}, {900}});
  EXPECT_EQ(recorder.queries_ready(), 3u);
  EXPECT_EQ(recorder.SampleIndex(3), 13u);
  EXPECT_EQ(recorder.SampleIndex(4), 14u);
  EXPECT_EQ(recorder.ScheduledDeltaNs(1), 500);
  EXPECT_EQ(recorder.ScheduledDeltaNs(2), 900);
  EXPECT_EQ(recorder.IdOf(5), Id(kTag, kFirstSample + 5));
  EXPECT_EQ(recorder.slots()->samples_per_query, 2u);
}

// Blocks whose samples lie across the borders of chunks.
TEST(Recorder, KeepsWhatWasWrittenWhenItGrowsPastAChunk) {
  constexpr uint64_t kBlockQueries = 30'000;
  constexpr uint32_t kSamplesPerQuery = 3;
  Set set(SetOptions(kSamplesPerQuery), 0, 0);
  const std::atomic<int64_t>* first = nullptr;
  for (uint32_t round = 0; round < 5; ++round) {
    QueryBlock block = Block(kBlockQueries, kSamplesPerQuery);
    std::iota(block.sample_indices.begin(), block.sample_indices.end(),
              round * kBlockQueries * kSamplesPerQuery);
    std::iota(block.scheduled_delta_ns.begin(), block.scheduled_delta_ns.end(),
              static_cast<int64_t>(round * kBlockQueries));
    set.recorder.Append(block);
    const uint64_t last_query = (round + 1) * kBlockQueries - 1;
    set.recorder.MarkIssued(last_query, 1);
    ASSERT_TRUE(set.Complete(set.recorder.IdOf(kSamplesPerQuery * last_query), 77));
    if (round == 0) first = &set.recorder.slots()->completed_ns[0];
  }
  const SampleSlots& slots = *set.recorder.slots();
  EXPECT_EQ(&slots.completed_ns[0], first) << "slots stay where they are";
  for (uint32_t query = 0; query < 5 * kBlockQueries; ++query) {
    const bool issued = (query + 1) % kBlockQueries == 0;
    ASSERT_EQ(slots.scheduled_delta_ns[query], query);
    ASSERT_EQ(slots.issued_ns[query], issued ? 1 : 0);
    for (uint32_t sample = 3 * query; sample < 3 * query + 3; ++sample) {
      ASSERT_EQ(slots.sample_index[sample], sample);
      ASSERT_EQ(slots.completed_ns[sample], issued && sample == 3 * query ? 77 : 0);
    }
  }
}

TEST(Recorder, ReportsTheSampleAndKeepsTheTimeOfACompletion) {
  Set set(5);
  uint64_t sample = 0;
  EXPECT_TRUE(set.recorder.Complete(Id(kTag, kFirstSample + 3), 4711, 0, false, &sample));
  EXPECT_EQ(sample, 3u);
  EXPECT_EQ(set.recorder.slots()->completed_ns[3], 4711);
  EXPECT_EQ(set.recorder.completed_count(), 0u) << "counted when published";
  set.recorder.Publish(1);
  EXPECT_EQ(set.recorder.completed_count(), 1u);
}

// ---- Violations --------------------------------------------------------------------------------

struct BadId {
  std::string name;
  ResponseId id;
  Violation violation;
};

class BadIds : public testing::TestWithParam<BadId> {};

// Samples 100 to 107 exist, 100 to 103 are issued.
TEST_P(BadIds, AreCountedAndChangeNothing) {
  Recorder::Options options = SetOptions();
  options.tokens = true;
  for (const bool first_token : {false, true}) {
    Set set(options, 8, 4);
    EXPECT_FALSE(first_token ? set.FirstToken(GetParam().id) : set.Complete(GetParam().id));
    const ViolationRecord violations = set.recorder.TakeViolations();
    EXPECT_EQ(violations[GetParam().violation], 1u);
    EXPECT_EQ(violations.total(), 1u);
    ASSERT_EQ(violations.first.size(), 1u);
    EXPECT_EQ(violations.first[0].response_id, GetParam().id);
    EXPECT_EQ(violations.first[0].time_ns, first_token ? 66 : 77);
    EXPECT_EQ(set.recorder.completed_count(), 0u);
    for (uint64_t sample = 0; sample < 8; ++sample) {
      EXPECT_EQ(set.recorder.slots()->completed_ns[sample], 0);
      EXPECT_EQ(set.recorder.slots()->first_token_ns[sample], 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , BadIds,
    testing::Values(BadId{"Reserved", kResponseIdReserved, Violation::kUnknownId},
                    BadId{"Largest", UINT64_MAX, Violation::kUnknownId},
                    BadId{"SmallNumber", 103, Violation::kUnknownId},
                    BadId{"LaterTest", Id(kTag + 1, kFirstSample), Violation::kUnknownId},
                    BadId{"BeyondTheLastSample", Id(kTag, 108), Violation::kUnknownId},
                    BadId{"EarlierTest", Id(kTag - 1, kFirstSample), Violation::kForeignId},
                    BadId{"FirstTest", Id(1, 0), Violation::kForeignId},
                    BadId{"EarlierSet", Id(kTag, kFirstSample - 1), Violation::kForeignId},
                    BadId{"NotIssuedYet", Id(kTag, 104), Violation::kEarlyCompletion}),
    [](const testing::TestParamInfo<BadId>& bad) { return bad.param.name; });

TEST(Recorder, SurvivesRandomIds) {
  Set set(1000);
  std::mt19937_64 random(3);
  for (int i = 0; i < 100'000; ++i) ASSERT_FALSE(set.Complete(random()));
  const ViolationRecord violations = set.recorder.TakeViolations();
  EXPECT_EQ(violations[Violation::kUnknownId] + violations[Violation::kForeignId], 100'000u);
  EXPECT_EQ(set.recorder.completed_count(), 0u);
}

TEST(Recorder, CountsASecondCompletionAndKeepsTheFirstTime) {
  Set set(3);
  EXPECT_TRUE(set.Complete(set.recorder.IdOf(1), 10));
  EXPECT_FALSE(set.Complete(set.recorder.IdOf(1), 20));
  EXPECT_EQ(set.recorder.completed_count(), 1u);
  EXPECT_EQ(set.recorder.slots()->completed_ns[1], 10);
  EXPECT_EQ(set.recorder.TakeViolations()[Violation::kDoubleCompletion], 1u);
}

TEST(Recorder, NamesQueryAndSampleWithinTheTest) {
  Set set(SetOptions(4), 8, 4);
  set.Complete(set.recorder.IdOf(7), 10);
  set.Complete(set.recorder.IdOf(7), 20);
  const ViolationRecord violations = set.recorder.TakeViolations();
  ASSERT_EQ(violations.first.size(), 1u);
  EXPECT_EQ(violations.first[0].kind, Violation::kDoubleCompletion);
  EXPECT_EQ(violations.first[0].query, kFirstQuery + 1);
  EXPECT_EQ(violations.first[0].sample, kFirstSample + 7);
  EXPECT_EQ(violations.first[0].time_ns, 20);
}

TEST(Recorder, CountsAllViolationsButDetailsOnlyTheFirstTenOfAKind) {
  Set set(SetOptions(), 10, 5);
  for (int i = 0; i < 25; ++i) set.Complete(0, i);
  for (int i = 0; i < 3; ++i) set.Complete(set.recorder.IdOf(9), 100 + i);
  for (int i = 0; i < 1000; ++i) set.Complete(set.recorder.IdOf(0), 200 + i);
  const ViolationRecord violations = set.recorder.TakeViolations();
  EXPECT_EQ(violations[Violation::kUnknownId], 25u);
  EXPECT_EQ(violations[Violation::kEarlyCompletion], 3u);
  EXPECT_EQ(violations[Violation::kDoubleCompletion], 999u);
  ASSERT_EQ(violations.first.size(), 10u + 3u + 10u);
  EXPECT_EQ(violations.first[9].time_ns, 9);
  EXPECT_EQ(violations.first[10].time_ns, 100);
  EXPECT_EQ(violations.first[13].time_ns, 201);
}

// ---- Tokens ------------------------------------------------------------------------------------

class TokenRecorder : public testing::Test {
 protected:
  static Recorder::Options Options() {
    Recorder::Options options = SetOptions();
    options.tokens = true;
    return options;
  }
  uint64_t Count(Violation kind) {
    const ViolationRecord violations = set_.recorder.TakeViolations();
    EXPECT_EQ(violations.total(), violations[kind]) << "nothing else";
    return violations[kind];
  }

  Set set_{Options(), 4, 4};
  const ResponseId id_ = set_.recorder.IdOf(2);
};

TEST_F(TokenRecorder, KeepsTheTimeOfTheFirstTokenAndTheCount) {
  EXPECT_TRUE(set_.FirstToken(id_, 5));
  EXPECT_TRUE(set_.Complete(id_, 9, 12));
  EXPECT_EQ(set_.recorder.slots()->first_token_ns[2], 5);
  EXPECT_EQ(set_.recorder.slots()->completed_ns[2], 9);
  EXPECT_EQ(set_.recorder.slots()->token_count[2], 12);
  EXPECT_EQ(set_.recorder.TakeViolations().total(), 0u);
}

TEST_F(TokenRecorder, CountsASecondFirstTokenAndKeepsTheFirst) {
  EXPECT_TRUE(set_.FirstToken(id_, 5));
  EXPECT_FALSE(set_.FirstToken(id_, 6));
  EXPECT_EQ(set_.recorder.slots()->first_token_ns[2], 5);
  EXPECT_EQ(Count(Violation::kDoubleFirstToken), 1u);
}

TEST_F(TokenRecorder, CountsAFirstTokenAfterTheCompletion) {
  set_.FirstToken(id_, 5);
  set_.Complete(id_, 9, 2);
  EXPECT_FALSE(set_.FirstToken(id_, 10));
  EXPECT_EQ(Count(Violation::kLateFirstToken), 1u);
}

TEST_F(TokenRecorder, CountsAMissingFirstTokenButCompletes) {
  EXPECT_TRUE(set_.Complete(id_, 9, 2));
  EXPECT_EQ(set_.recorder.completed_count(), 1u);
  EXPECT_EQ(Count(Violation::kMissingFirstToken), 1u);
}

// As in Offline.
TEST_F(TokenRecorder, DoesWithoutFirstTokensWhereNoneIsRequired) {
  Recorder::Options options = Options();
  options.first_token_required = false;
  Set set(options, 4, 4);
  EXPECT_TRUE(set.Complete(set.recorder.IdOf(0), 9, 12));
  EXPECT_TRUE(set.FirstToken(set.recorder.IdOf(1), 5));
  EXPECT_TRUE(set.Complete(set.recorder.IdOf(1), 9, 13));
  EXPECT_EQ(set.recorder.TakeViolations().total(), 0u);
  EXPECT_EQ(set.recorder.slots()->first_token_ns[0], 0);
  EXPECT_EQ(set.recorder.slots()->first_token_ns[1], 5);
  EXPECT_EQ(set.recorder.slots()->token_count[0], 12);
  EXPECT_EQ(set.recorder.slots()->token_count[1], 13);
  // All the other rules hold.
  EXPECT_TRUE(set.Complete(set.recorder.IdOf(2), 9, 1));
  EXPECT_FALSE(set.FirstToken(set.recorder.IdOf(2), 10));
  const ViolationRecord violations = set.recorder.TakeViolations();
  EXPECT_EQ(violations[Violation::kTooFewTokens], 1u);
  EXPECT_EQ(violations[Violation::kLateFirstToken], 1u);
  EXPECT_EQ(violations.total(), 2u);
}

TEST_F(TokenRecorder, CountsUselessTokenCountsButCompletes) {
  const std::vector<std::pair<int64_t, Violation>> cases = {
      {0, Violation::kMissingTokenCount},
      {-1, Violation::kNegativeTokenCount},
      {INT64_MIN, Violation::kNegativeTokenCount},
      {1, Violation::kTooFewTokens}};
  for (const auto& [n_tokens, violation] : cases) {
    Set set(Options(), 1, 1);
    set.FirstToken(set.recorder.IdOf(0));
    EXPECT_TRUE(set.Complete(set.recorder.IdOf(0), 9, n_tokens));
    EXPECT_EQ(set.recorder.slots()->token_count[0], n_tokens) << "as reported";
    const ViolationRecord violations = set.recorder.TakeViolations();
    EXPECT_EQ(violations[violation], 1u) << n_tokens;
    EXPECT_EQ(violations.total(), 1u) << n_tokens;
  }
}

TEST(Recorder, TakesFirstTokensWithoutTokenModeAndKeepsNothing) {
  Set set(2);
  EXPECT_TRUE(set.FirstToken(set.recorder.IdOf(0)));
  EXPECT_TRUE(set.FirstToken(set.recorder.IdOf(0)));
  EXPECT_TRUE(set.Complete(set.recorder.IdOf(0)));
  EXPECT_EQ(set.recorder.TakeViolations().total(), 0u);
  EXPECT_TRUE(set.recorder.slots()->first_token_ns.empty());
}

// ---- Logged responses --------------------------------------------------------------------------

TEST(Recorder, LogsResponsesWithTheirFirstTokens) {
  TestFile path;
  OutputFile file(path.path());
  AccuracyLog log(&file, {true, true});
  log.Start();
  Recorder::Options options = SetOptions();
  options.responses = &log;
  options.token_data = true;
  Set set(options, 2, 2);
  ASSERT_TRUE(set.recorder.LogsResponse(0));
  const std::string first = "A";
  const std::string whole = "BC";
  const auto response = [&](const std::string& data) {
    return QuerySampleResponse(set.recorder.IdOf(1), reinterpret_cast<uintptr_t>(data.data()),
                               data.size(), 2);
  };
  set.recorder.KeepTokenData(1, response(first), 0);
  set.recorder.LogResponse(1, response(whole), 0);
  set.recorder.LogResponse(0, response(whole), 0);
  log.Finish();
  file.Close();
  EXPECT_EQ(path.Read(),
            "[\n{ \"seq_id\" : 101, \"qsl_idx\" : 0, \"data\" : \"4243\", \"token_data\" : \"41\", "
            "\"token_count\" : 2 },\n"
            "{ \"seq_id\" : 100, \"qsl_idx\" : 0, \"data\" : \"4243\", \"token_data\" : \"\", "
            "\"token_count\" : 2 }\n]\n");
}

TEST(Recorder, CountsResponsesWithASizeButNoAddressAndReadsNothing) {
  TestFile path;
  OutputFile file(path.path());
  AccuracyLog log(&file, {true, false});
  log.Start();
  Recorder::Options options = SetOptions();
  options.responses = &log;
  options.token_data = true;
  Set set(options, 1, 1);
  set.recorder.KeepTokenData(0, {set.recorder.IdOf(0), 0, 100}, 5);
  set.recorder.LogResponse(0, {set.recorder.IdOf(0), 0, 100}, 6);
  set.recorder.LogResponse(0, {set.recorder.IdOf(0), 0, 0}, 7);  // Empty is fine.
  log.Finish();
  EXPECT_EQ(log.record_count(), 2u);
  EXPECT_EQ(set.recorder.TakeViolations()[Violation::kNullData], 2u);
}

// ---- Many threads ------------------------------------------------------------------------------

class CompletionThreads : public testing::TestWithParam<int> {};

// Each thread answers its part of a random permutation, in calls of random sizes.
TEST_P(CompletionThreads, AnswerEachSampleOnceInAnyOrder) {
  constexpr uint64_t kSamples = 40'000;
  const size_t threads = static_cast<size_t>(GetParam());
  Set set(SetOptions(4), kSamples / 4, kSamples / 4);
  std::vector<uint64_t> order(kSamples);
  std::iota(order.begin(), order.end(), 0u);
  std::mt19937 random(static_cast<uint32_t>(threads));
  std::shuffle(order.begin(), order.end(), random);

  std::vector<std::thread> completers;
  for (size_t k = 0; k < threads; ++k) {
    completers.emplace_back([&, k] {
      std::mt19937 sizes(static_cast<uint32_t>(k));
      uint64_t unpublished = 0;
      for (size_t i = k; i < kSamples; i += threads) {
        uint64_t sample;
        const ResponseId id = set.recorder.IdOf(order[i]);
        EXPECT_TRUE(set.recorder.Complete(id, static_cast<int64_t>(i) + 1, 0, false, &sample));
        EXPECT_EQ(sample, order[i]);
        ++unpublished;
        if (sizes() % 50 != 0) continue;
        set.recorder.Publish(unpublished);
        unpublished = 0;
      }
      set.recorder.Publish(unpublished);
    });
  }
  EXPECT_TRUE(set.Wait(kSamples));
  for (size_t i = 0; i < kSamples; ++i) {
    ASSERT_EQ(set.recorder.slots()->completed_ns[order[i]], static_cast<int64_t>(i) + 1);
  }
  for (std::thread& completer : completers) completer.join();
  EXPECT_EQ(set.recorder.completed_count(), kSamples);
  EXPECT_EQ(set.recorder.TakeViolations().total(), 0u);
  EXPECT_EQ(set.gate.held(), 1);
}

INSTANTIATE_TEST_SUITE_P(, CompletionThreads, testing::Range(1, 9));

// Two threads answer all samples, in step, so that some answers coincide. How many of them passed.
// `one_issues`: the calling thread is the one that issues.
uint64_t AnswerAllTwice(Set* set, uint64_t sample_count, bool one_issues) {
  std::atomic<uint64_t> passed{0};
  std::barrier start(2);
  const auto answer_all = [&](bool alone) {
    start.arrive_and_wait();
    for (uint64_t i = 0; i < sample_count; ++i) {
      if (set->Complete(set->recorder.IdOf(i), 77, 0, alone)) ++passed;
    }
  };
  std::thread other(answer_all, false);
  answer_all(one_issues);
  other.join();
  return passed;
}

TEST(Recorder, AnswersAtTheSameInstantAsTheIssuersAreFoundByCounting) {
  constexpr uint64_t kSamples = 20'000;
  Set set(kSamples);
  const uint64_t passed = AnswerAllTwice(&set, kSamples, true);
  EXPECT_GE(passed, kSamples);
  EXPECT_EQ(set.recorder.completed_count(), passed);
  EXPECT_EQ(set.recorder.CountCompleted(), kSamples);
  EXPECT_EQ(set.recorder.TakeViolations()[Violation::kDoubleCompletion] + passed, 2 * kSamples);
}

TEST(Recorder, OneOfTheRacersCompletesASample) {
  constexpr uint64_t kSamples = 20'000;
  Set set(kSamples);
  EXPECT_EQ(AnswerAllTwice(&set, kSamples, false), kSamples);
  EXPECT_EQ(set.recorder.CountCompleted(), kSamples);
  EXPECT_EQ(set.recorder.TakeViolations()[Violation::kDoubleCompletion], kSamples);
}

TEST(Recorder, OneOfTheRacersCompletesASampleWhoseResponseIsLogged) {
  constexpr uint64_t kSamples = 20'000;
  TestFile path;
  OutputFile file(path.path());
  AccuracyLog log(&file, {});
  Recorder::Options options = SetOptions();
  options.responses = &log;
  Set set(options, kSamples, kSamples);
  EXPECT_EQ(AnswerAllTwice(&set, kSamples, true), kSamples);
  EXPECT_EQ(set.recorder.completed_count(), kSamples);
  EXPECT_EQ(set.recorder.TakeViolations()[Violation::kDoubleCompletion], kSamples);
}

// ---- Waiting -----------------------------------------------------------------------------------

TEST(WaitForCompleted, ReturnsAtOnceIfAllIsAnswered) {
  Set set(3);
  EXPECT_TRUE(set.Wait(0));
  set.Complete(set.recorder.IdOf(1));
  set.Complete(set.recorder.IdOf(0));
  EXPECT_TRUE(set.Wait(2));
  EXPECT_EQ(set.gate.leave_count(), 0);
}

TEST(WaitForCompleted, CountsOnlyIssuedSamplesOfARangeWithGaps) {
  Set set(6);
  set.Complete(set.recorder.IdOf(0));
  set.Complete(set.recorder.IdOf(5));
  EXPECT_TRUE(set.recorder.WaitForCompleted(2, &set.control, &set.gate));
}

TEST(WaitForCompleted, WakesWhenTheLastSampleIsAnswered) {
  Set set(3);
  std::thread completer([&] {
    for (uint64_t i = 0; i < 3; ++i) {
      // Not before the issuer really waits.
      while (set.gate.held() != 0) std::this_thread::yield();
      set.Complete(set.recorder.IdOf(i));
    }
  });
  EXPECT_TRUE(set.Wait(3));
  completer.join();
  EXPECT_EQ(set.gate.leave_count(), 1);
  EXPECT_EQ(set.gate.held(), 1);
}

// One sample of each query is answered by the issuer, the other by a worker at about the time the
// issuer falls asleep, which is held up by what else goes on in the recorder. No wait ends by
// itself: a wake-up that is lost is a hang.
TEST(WaitForCompleted, LosesNoWakeUpWhenTheIssuerAnswersAPart) {
  constexpr uint64_t kQueries = 30'000;
  Recorder::Options options = SetOptions(2);
  options.poll_interval = std::chrono::hours(1);
  Set set(options, kQueries, kQueries);
  std::atomic<uint64_t> asked{0};
  std::thread worker([&] {
    for (uint64_t query = 0; query < kQueries; ++query) {
      while (asked.load() <= query) CpuRelax();
      for (uint64_t spin = 0; spin < query % 1024; ++spin) CpuRelax();
      set.Complete(set.recorder.IdOf(2 * query + 1));
    }
  });
  std::atomic<bool> ended{false};
  std::thread outsider([&] {
    while (!ended) set.Complete(Id(1, 1));
  });
  for (uint64_t query = 0; query < kQueries; ++query) {
    set.Complete(set.recorder.IdOf(2 * query), 77, 0, true);
    asked.store(query + 1);
    ASSERT_TRUE(set.Wait(2 * (query + 1)));
  }
  ended = true;
  outsider.join();
  worker.join();
}

TEST(WaitForCompleted, EndsWhenTheTestIsStopped) {
  Set set(3);
  std::thread stopper([&] {
    while (set.gate.held() != 0) std::this_thread::yield();
    set.control.RequestStop(StopCause::kAbort);
  });
  EXPECT_FALSE(set.Wait(3));
  stopper.join();
  EXPECT_EQ(set.gate.held(), 1);
  EXPECT_FALSE(set.control.exception());
}

TEST(WaitForCompleted, EndsWithTheExceptionOfACompletersCallback) {
  RunControl control;
  Recorder::Options options = SetOptions();
  options.control = &control;
  Set set(options, 3, 3);
  std::thread completer([&] {
    while (set.gate.held() != 0) std::this_thread::yield();
    set.recorder.ReportException(std::make_exception_ptr(std::runtime_error("first")));
    set.recorder.ReportException(std::make_exception_ptr(std::logic_error("second")));
  });
  EXPECT_FALSE(set.recorder.WaitForCompleted(3, &control, &set.gate));
  completer.join();
  EXPECT_TRUE(control.stop_requested());
  EXPECT_THROW(std::rethrow_exception(control.exception()), std::runtime_error);
}

TEST(WaitForCompleted, EndsWithTheExceptionOfPoll) {
  Set set(3);
  set.gate.on_poll = [] { throw std::runtime_error("interrupted"); };
  EXPECT_FALSE(set.Wait(3));
  EXPECT_THROW(std::rethrow_exception(set.control.exception()), std::runtime_error);
  EXPECT_EQ(set.gate.held(), 1);
  EXPECT_FALSE(set.gate.polled_inside());
}

}  // namespace
}  // namespace mlperf::loadgen
