// Goal: the record of a set says exactly what was planned and what happened: times, counts, ends,
// broken promises, in every shape of traffic and on lent threads.
// Method: plans and sets with the seeds of the reference and its literal traffic; a clock that
// moves by 1 ns per reading and by what the scripted system takes.
#include "issue/set_runner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "helpers/fake_clock.h"
#include "helpers/scripted_system.h"
#include "helpers/tracking_gate.h"
#include "issue/completion_registry.h"
#include "issue/recorder.h"
#include "settings/settings_table.h"

namespace mlperf::loadgen {
namespace {

using Indices = std::vector<uint64_t>;

constexpr uint64_t kTag = 3;

// With the seeds of mlperf.conf 6.0.17.
TestSettings Settings(TestScenario scenario, uint64_t min_query_count) {
  TestSettings settings;
  settings.scenario = scenario;
  settings.min_duration_ms = 0;
  settings.min_query_count = min_query_count;
  settings.qsl_rng_seed = 2085463073848966840u;
  settings.sample_index_rng_seed = 2747215439041700203u;
  settings.schedule_rng_seed = 16159082839903944936u;
  return settings;
}

TestSettings Server(double qps, uint64_t min_query_count) {
  TestSettings settings = Settings(TestScenario::Server, min_query_count);
  settings.server_target_qps = qps;
  return settings;
}

class SetRunnerTest : public testing::Test {
 protected:
  // Runs the first set of a phase.
  SetOutcome Run(const TestSettings& settings, uint64_t total_count, uint64_t performance_count,
                 Phase phase = Phase::kPerformance) {
    plan_ = MakeRunPlan(settings, total_count, performance_count);
    sets_ = MakeLoadableSets(plan_, phase);
    request_.phase = phase;
    request_.set = &sets_.front();
    request_.id_tag = kTag;
    return RunSet(plan_, request_, actors_);
  }

  // The sequence number of a sample within the test.
  static uint64_t Sequence(const QuerySample& sample) {
    return sample.id - (kTag << kSampleIdBits);
  }

  FakeClock clock_{1};
  TrackingGate gate_;
  RunControl control_;
  IssueThreads issue_threads_;
  Journal journal_;
  ScriptedSut sut_{&journal_};
  Actors actors_{&sut_, &clock_, &gate_, &control_, &issue_threads_, false};
  RunPlan plan_;
  std::vector<LoadableSet> sets_;
  SetRequest request_;
};

Indices First(size_t count, Indices all) {
  all.resize(count);
  return all;
}

TEST_F(SetRunnerTest, RecordsAClosedLoop) {
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    EXPECT_EQ(gate_.held(), 1);
    clock_.Advance(1000);
    CompleteAll(samples);
  };
  const int64_t begin_ns = clock_.Peek();
  const RunRecord record = Run(Settings(TestScenario::SingleStream, 100), 1024, 128).record;

  EXPECT_EQ(record.phase, Phase::kPerformance);
  EXPECT_EQ(record.loaded_set.size(), 128u);
  EXPECT_EQ(First(10, record.loaded_set), (Indices{1, 5, 112, 64, 11, 37, 58, 70, 96, 67}));
  EXPECT_EQ(First(20, sut_.issued_indices()), (Indices{89,  7,  21, 34, 94, 42, 42, 105, 64, 45,
                                                       118, 29, 91, 19, 83, 60, 2,  102, 60, 91}));
  EXPECT_EQ(record.generated.query_count, 100u);
  EXPECT_EQ(record.generated.samples_per_query, 1u);
  EXPECT_EQ(record.generated.duration_ns, 100'000'000);
  EXPECT_EQ(record.queries_issued, 100u);
  EXPECT_EQ(record.samples_issued, 100u);
  EXPECT_EQ(record.samples_completed, 100u);
  EXPECT_EQ(record.query_end, 100u);

  // Begin and end of generation, start; then two readings a query: issue and completion.
  EXPECT_EQ(record.generate_start_ns, begin_ns);
  EXPECT_EQ(record.generate_end_ns, begin_ns + 1);
  EXPECT_EQ(record.start_ns, begin_ns + 2);
  for (uint64_t query = 0; query < 100; ++query) {
    const int64_t issued_ns = record.start_ns + 1 + static_cast<int64_t>(query) * 1002;
    ASSERT_EQ(record.IssuedNs(query), issued_ns);
    ASSERT_EQ(record.ScheduledNs(query), issued_ns);
    ASSERT_EQ(record.CompletedNs(query), issued_ns + 1001);
  }
  EXPECT_EQ(record.issue_end_ns, record.start_ns + 1 + 100 * 1002);
  EXPECT_EQ(record.drained_ns, record.issue_end_ns + 1);
  EXPECT_EQ(record.system_start_ns, FakeClock::kSystemAheadNs + record.start_ns + 1);
  EXPECT_EQ(record.system_drained_ns, FakeClock::kSystemAheadNs + record.drained_ns + 1);

  ASSERT_EQ(record.issue_ends.size(), 1u);
  EXPECT_EQ(record.issue_ends[0].reason, StopReason::kMinimumsMet);
  EXPECT_EQ(record.issue_ends[0].queries_issued, 100u);
  EXPECT_EQ(record.issue_ends[0].elapsed_ns, 1 + 99 * 1002);
  EXPECT_EQ(record.violations.total(), 0u);
  EXPECT_FALSE(record.aborted);
  EXPECT_FALSE(record.exception);
  EXPECT_EQ(journal_.Count("flush"), 1u);
  EXPECT_EQ(journal_.words().back(), "flush");
  EXPECT_EQ(gate_.held(), 0);
}

TEST_F(SetRunnerTest, RunsAClosedLoopForTheDuration) {
  TestSettings settings = Settings(TestScenario::SingleStream, 10);
  settings.min_duration_ms = 50;
  settings.single_stream_expected_latency_ns = 300'000;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    clock_.Advance(99'998);  // And 2 readings: 100 us.
    CompleteAll(samples);
  };
  const RunRecord record = Run(settings, 1024, 128).record;
  // Query q is issued after 1 + q * 100000 ns; 50 ms have passed at q = 500.
  EXPECT_EQ(record.queries_issued, 501u);
  EXPECT_EQ(record.issue_ends[0].reason, StopReason::kMinimumsMet);
  // The list that the reference would have made.
  EXPECT_EQ(record.generated.query_count, 335u);
  EXPECT_EQ(record.generated.duration_ns, 100'500'000);
}

TEST_F(SetRunnerTest, RecordsAnOpenLoop) {
  TestSettings settings = Server(1000, 200);
  settings.min_duration_ms = 300;
  const SetOutcome outcome = Run(settings, 1024, 128);
  const RunRecord& record = outcome.record;
  EXPECT_EQ(record.generated.query_count, 298u);
  EXPECT_EQ(record.generated.duration_ns, 304'847'390);
  EXPECT_EQ(record.queries_issued, 298u);
  EXPECT_EQ(record.samples_completed, 298u);
  EXPECT_EQ(record.issue_ends[0].reason, StopReason::kScheduleEnd);
  EXPECT_EQ(outcome.next_query, 298u);
  EXPECT_EQ(outcome.next_sample, 298u);

  const std::vector<int64_t> due_ns = {0,       1843654, 2301577, 3587439, 4300433,
                                       4686839, 6935180, 8026759, 8128505, 9589851};
  for (uint64_t query = 0; query < due_ns.size(); ++query) {
    EXPECT_EQ(record.ScheduledNs(query) - record.start_ns, due_ns[query]);
  }
  int64_t last_issued_ns = 0;
  for (uint64_t query = 0; query < 298; ++query) {
    const int64_t due = record.ScheduledNs(query);
    const int64_t issued = record.IssuedNs(query);
    ASSERT_GE(issued, due);
    // Before the first query the clock is read for the start and the wall clock.
    ASSERT_LE(issued, std::max(due + 1, last_issued_ns + 2));
    ASSERT_EQ(record.CompletedNs(query), issued + 1);
    last_issued_ns = issued;
  }
}

TEST_F(SetRunnerTest, CountsTheWholeScheduleThoughIssuingEndedBefore) {
  TestSettings settings = Server(1000, 200);
  settings.min_duration_ms = 300;
  settings.max_query_count = 10;
  const RunRecord record = Run(settings, 1024, 128).record;
  EXPECT_EQ(record.queries_issued, 10u);
  EXPECT_EQ(record.query_end, 10u);
  EXPECT_EQ(record.issue_ends[0].reason, StopReason::kMaxQueryCount);
  EXPECT_EQ(record.generated.query_count, 298u);
  EXPECT_EQ(record.generated.duration_ns, 304'847'390);
}

TEST_F(SetRunnerTest, RecordsAOneShot) {
  TestSettings settings = Settings(TestScenario::Offline, 25);
  const RunRecord record = Run(settings, 10, 10).record;
  EXPECT_EQ(sut_.issued_indices(),
            (Indices{1, 5, 7, 6, 0, 8, 3, 2, 9, 4, 1, 5, 7, 6, 0, 8, 3, 2, 9, 4, 1, 5, 7, 6, 0}));
  EXPECT_EQ(record.queries_issued, 1u);
  EXPECT_EQ(record.samples_issued, 25u);
  EXPECT_EQ(record.samples_completed, 25u);
  EXPECT_EQ(record.ScheduledNs(0), record.start_ns);
  EXPECT_GT(record.IssuedNs(0), record.start_ns);
  EXPECT_EQ(record.issue_ends[0].reason, StopReason::kMinimumsMet);
}

TEST_F(SetRunnerTest, RecordsAnAccuracySetOfMultiStream) {
  TestSettings settings = Settings(TestScenario::MultiStream, 100);
  settings.mode = TestMode::AccuracyOnly;
  settings.multi_stream_samples_per_query = 4;
  request_.first_query = 20;
  request_.first_sample = 80;
  const SetOutcome outcome = Run(settings, 10, 5, Phase::kAccuracy);
  EXPECT_EQ(outcome.record.loaded_set, (Indices{1, 5, 7, 6, 0, 1, 5, 7}));
  EXPECT_EQ(sut_.issued_indices(), (Indices{1, 5, 7, 6, 0, 1, 5, 7}));
  EXPECT_EQ(outcome.record.phase, Phase::kAccuracy);
  EXPECT_EQ(outcome.record.queries_issued, 2u);
  EXPECT_EQ(outcome.record.samples_completed, 8u);
  EXPECT_EQ(outcome.record.issue_ends[0].reason, StopReason::kScheduleEnd);
  EXPECT_EQ(outcome.record.first_query, 20u);
  EXPECT_EQ(outcome.record.first_sample, 80u);
  EXPECT_EQ(outcome.next_query, 22u);
  EXPECT_EQ(outcome.next_sample, 88u);
  EXPECT_EQ(Sequence(sut_.queries()[1].samples[3]), 87u);
}

TEST_F(SetRunnerTest, AccuracyOfServerFollowsTheSchedule) {
  TestSettings settings = Server(1000, 1);
  settings.mode = TestMode::AccuracyOnly;
  const RunRecord record = Run(settings, 20, 20, Phase::kAccuracy).record;
  ASSERT_EQ(record.queries_issued, 20u);
  EXPECT_EQ(record.ScheduledNs(19) - record.start_ns, 16'045'086);
  EXPECT_GE(record.IssuedNs(19), record.ScheduledNs(19));
}

TEST_F(SetRunnerTest, KeepsTheReturnOfIssueQueryForTheTrace) {
  request_.trace = true;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll(samples);
    clock_.Advance(500);
  };
  const RunRecord record = Run(Settings(TestScenario::SingleStream, 3), 10, 10).record;
  for (uint64_t query = 0; query < 3; ++query) {
    EXPECT_EQ(record.slots->issue_returned_ns[query], record.IssuedNs(query) + 502);
  }
}

// ---- Flush and drain ---------------------------------------------------------------------------

TEST_F(SetRunnerTest, FlushesASystemThatBatches) {
  std::vector<QuerySample> held;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    held.insert(held.end(), samples.begin(), samples.end());
  };
  sut_.on_flush = [&] {
    EXPECT_EQ(gate_.held(), 1);
    CompleteAll(held);
  };
  const RunRecord record = Run(Server(1000, 50), 10, 10).record;
  EXPECT_EQ(record.samples_completed, 50u);
  EXPECT_EQ(journal_.Count("flush"), 1u);
  EXPECT_EQ(journal_.words().back(), "flush");
}

TEST_F(SetRunnerTest, DrainsASystemThatAnswersAfterTheFlush) {
  std::latch flushed(1);
  sut_.on_flush = [&] { flushed.count_down(); };
  {
    Worker worker([&](const std::vector<QuerySample>& samples) {
      flushed.wait();
      CompleteAll(samples);
    });
    sut_.on_issue = [&](const std::vector<QuerySample>& samples) { worker.Take(samples); };
    const RunRecord record = Run(Server(1000, 50), 10, 10).record;
    EXPECT_EQ(record.samples_completed, 50u);
    EXPECT_EQ(record.violations.total(), 0u);
    EXPECT_GE(record.drained_ns, record.CompletedNs(49));
  }
  EXPECT_EQ(gate_.held(), 0);
}

TEST_F(SetRunnerTest, DoesNotDrainAnAbortedSet) {
  sut_.on_issue = [&](const std::vector<QuerySample>&) {
    if (sut_.queries().size() == 5) control_.RequestStop(StopCause::kAbort);
  };
  const RunRecord record = Run(Server(1000, 50), 10, 10).record;
  EXPECT_TRUE(record.aborted);
  EXPECT_FALSE(record.exception);
  EXPECT_EQ(record.issue_ends[0].reason, StopReason::kAborted);
  EXPECT_EQ(record.queries_issued, 5u);
  EXPECT_EQ(record.samples_completed, 0u);
  EXPECT_EQ(journal_.Count("flush"), 1u);
}

TEST_F(SetRunnerTest, AbortsAnEndlessDrain) {
  sut_.on_issue = [](const std::vector<QuerySample>&) {};
  gate_.on_poll = [&] {
    if (journal_.Count("flush") == 1) control_.RequestStop(StopCause::kAbort);
  };
  const RunRecord record = Run(Settings(TestScenario::Offline, 50), 10, 10).record;
  EXPECT_TRUE(record.aborted);
  EXPECT_EQ(record.queries_issued, 1u);
  EXPECT_EQ(record.samples_completed, 0u);
}

// What two threads leave behind that completed a sample at the same instant: one slot, counted
// twice.
TEST_F(SetRunnerTest, CompletionsAtTheSameInstantAreDoubles) {
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll(samples);
    std::thread([] { CompletionScope().Publish(1); }).join();
  };
  const RunRecord record = Run(Settings(TestScenario::Offline, 10), 10, 10).record;
  EXPECT_EQ(record.samples_completed, 10u);
  EXPECT_EQ(record.violations[Violation::kDoubleCompletion], 1u);
  EXPECT_EQ(record.violations.first.size(), 1u);
}

TEST_F(SetRunnerTest, ADoubleDoesNotStandForAMissingSample) {
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll({samples.begin(), samples.end() - 1});
    std::thread([] { CompletionScope().Publish(1); }).join();
  };
  gate_.on_poll = [&] { clock_.Advance(600'000'000); };
  TestSettings settings = Settings(TestScenario::Offline, 10);
  settings.stall_timeout_ms = 1000;
  const RunRecord record = Run(settings, 10, 10).record;
  EXPECT_EQ(record.samples_completed, 9u);
  EXPECT_GT(record.stalled_for_ns, 0);
}

struct Stall {
  TestScenario scenario;
  uint64_t queries_issued;
  ptrdiff_t answered;  // Samples of each query, before it falls silent.
};

class StalledSetTest : public SetRunnerTest, public testing::WithParamInterface<Stall> {};

// The clock moves with each look, so that the watchdog needs no waiting.
TEST_P(StalledSetTest, IsEnded) {
  const Stall& stall = GetParam();
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll({samples.begin(), samples.begin() + stall.answered});
  };
  gate_.on_poll = [&] { clock_.Advance(300'000'000); };
  TestSettings settings =
      stall.scenario == TestScenario::Server ? Server(1000, 20) : Settings(stall.scenario, 20);
  settings.stall_timeout_ms = 1000;
  const RunRecord record = Run(settings, 10, 10).record;
  EXPECT_GE(record.stalled_for_ns, 1'000'000'000);
  EXPECT_LT(record.stalled_for_ns, 1'300'000'000) << "the first look that finds it";
  EXPECT_FALSE(record.aborted);
  EXPECT_EQ(record.queries_issued, stall.queries_issued);
  EXPECT_EQ(record.samples_completed, static_cast<uint64_t>(stall.answered));
}

INSTANTIATE_TEST_SUITE_P(
    Scenarios, StalledSetTest,
    testing::Values(Stall{TestScenario::SingleStream, 1, 0}, Stall{TestScenario::MultiStream, 1, 7},
                    Stall{TestScenario::Server, 20, 0}, Stall{TestScenario::Offline, 1, 19}),
    [](const auto& stall) { return std::string(ToString(stall.param.scenario)); });

// With the default timeout, but a second instead of an hour.
class OfflineByItsPace : public SetRunnerTest {
 protected:
  RunRecord RunQuery(uint64_t samples) {
    plan_ = MakeRunPlan(Settings(TestScenario::Offline, samples), 10, 10);
    plan_.stall_timeout_ms = 1000;
    sets_ = MakeLoadableSets(plan_, Phase::kPerformance);
    request_.set = &sets_.front();
    request_.id_tag = kTag;
    return RunSet(plan_, request_, actors_).record;
  }

  // What the system has and did not answer yet; `answer` is called for every 300 ms.
  void Keep(const std::function<void(int step)>& answer) {
    sut_.on_issue = [this](const std::vector<QuerySample>& samples) { kept_ = samples; };
    gate_.on_poll = [this, answer] {
      clock_.Advance(300'000'000);
      answer(++step_);
    };
  }
  // From a thread of the system's own.
  void AnswerKept(size_t count) {
    const auto end = kept_.begin() + static_cast<ptrdiff_t>(count);
    const std::vector<QuerySample> samples(kept_.begin(), end);
    kept_.erase(kept_.begin(), end);
    std::thread([&] { CompleteAll(samples); }).join();
  }

  std::vector<QuerySample> kept_;
  int step_ = 0;
};

TEST_F(OfflineByItsPace, ASystemMayAnswerAllAtItsEnd) {
  Keep([this](int step) {
    if (step == 24) AnswerKept(20);
  });
  const RunRecord record = RunQuery(20);
  EXPECT_EQ(record.stalled_for_ns, 0);
  EXPECT_FALSE(record.aborted);
  EXPECT_EQ(record.samples_completed, 20u);
}

TEST_F(OfflineByItsPace, ASystemMayAnswerInSlowBatches) {
  Keep([this](int step) {
    if (step % 6 == 0) AnswerKept(10);
  });
  const RunRecord record = RunQuery(30);
  EXPECT_EQ(record.stalled_for_ns, 0);
  EXPECT_EQ(record.samples_completed, 30u);
}

TEST_F(OfflineByItsPace, ASystemThatLosesASampleIsEnded) {
  Keep([this](int step) {
    if (step == 6) AnswerKept(19);
  });
  const RunRecord record = RunQuery(20);
  EXPECT_GE(record.stalled_for_ns, 2 * 5 * int64_t{300'000'000}) << "twice the silence before";
  EXPECT_EQ(record.samples_completed, 19u);
}

// Who sets a limit knows the system.
TEST_F(SetRunnerTest, ATimeoutThatWasSetEndsAnOfflineSystemThatNeverAnswers) {
  sut_.on_issue = [](const std::vector<QuerySample>&) {};
  gate_.on_poll = [&] { clock_.Advance(300'000'000); };
  TestSettings settings = Settings(TestScenario::Offline, 20);
  settings.stall_timeout_ms = 1000;
  const RunRecord record = Run(settings, 10, 10).record;
  EXPECT_GE(record.stalled_for_ns, 1'000'000'000);
  EXPECT_EQ(record.samples_completed, 0u);
}

// ---- Silence -----------------------------------------------------------------------------------

// Said after 10 s, 20 s, 40 s, ... of each silence, with the age of the oldest sample.
TEST_F(SetRunnerTest, SaysThatNothingIsCompleted) {
  std::vector<std::string> said;
  actors_.say = [&](const std::string& text) { said.push_back(text); };
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll({samples.begin(), samples.begin() + 3});
  };
  gate_.on_poll = [&] { clock_.Advance(900'000'000); };
  TestSettings settings = Settings(TestScenario::MultiStream, 20);
  settings.stall_timeout_ms = 25'000;
  Run(settings, 10, 10);
  ASSERT_EQ(said.size(), 2u);
  for (size_t i = 0; i < said.size(); ++i) {
    const std::string seconds = std::to_string(10 << i) + " s";
    EXPECT_NE(said[i].find("no sample was completed for " + seconds), std::string::npos) << said[i];
    EXPECT_NE(said[i].find("Outstanding samples: 5, the oldest for "), std::string::npos);
    EXPECT_NE(said[i].find("when this lasts for 25 s (stall_timeout_ms)"), std::string::npos);
  }
}

TEST_F(SetRunnerTest, SaysWhatBecomesOfASilentOfflineSystem) {
  std::vector<std::string> said;
  actors_.say = [&](const std::string& text) { said.push_back(text); };
  sut_.on_issue = [](const std::vector<QuerySample>&) {};
  gate_.on_poll = [&] {
    clock_.Advance(1'000'000'000);
    if (said.size() == 1) control_.RequestStop(StopCause::kAbort);
  };
  Run(Settings(TestScenario::Offline, 20), 10, 10);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("so the test waits; set stall_timeout_ms for a limit"), std::string::npos);
}

TEST_F(SetRunnerTest, SaysNothingOfASlowSystemThatAnswers) {
  std::vector<std::string> said;
  actors_.say = [&](const std::string& text) { said.push_back(text); };
  std::vector<QuerySample> kept;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) { kept = samples; };
  gate_.on_poll = [&] {
    clock_.Advance(9'000'000'000);
    const QuerySample sample = kept.back();
    kept.pop_back();
    std::thread([&] { Complete(sample.id); }).join();
  };
  Run(Settings(TestScenario::Offline, 20), 10, 10);
  TestSettings rare = Server(1e-3, 2);  // Nothing is outstanding in between.
  sut_.on_issue = CompleteAll;
  gate_.on_poll = {};
  Run(rare, 10, 10);
  EXPECT_TRUE(said.empty());
}

TEST_F(SetRunnerTest, ASilenceWithNothingOutstandingIsNoStall) {
  TestSettings settings = Server(1e-3, 2);  // Some thousand seconds apart.
  settings.stall_timeout_ms = 1000;
  const RunRecord record = Run(settings, 10, 10).record;
  EXPECT_EQ(record.stalled_for_ns, 0);
  EXPECT_FALSE(record.aborted);
  EXPECT_EQ(record.samples_completed, 2u);
}

// ---- What goes wrong ---------------------------------------------------------------------------

TEST_F(SetRunnerTest, RecordsTheExceptionOfIssueQuery) {
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    if (sut_.queries().size() == 3) throw std::runtime_error("broken");
    CompleteAll(samples);
  };
  const RunRecord record = Run(Settings(TestScenario::SingleStream, 10), 10, 10).record;
  ASSERT_TRUE(record.exception);
  EXPECT_THROW(std::rethrow_exception(record.exception), std::runtime_error);
  EXPECT_TRUE(record.aborted);
  EXPECT_EQ(record.queries_issued, 3u);
  EXPECT_EQ(record.samples_completed, 2u);
  EXPECT_EQ(journal_.Count("flush"), 0u) << "a system that threw is not called again";
  EXPECT_EQ(gate_.held(), 0);
}

TEST_F(SetRunnerTest, RecordsTheExceptionOfFlushQueries) {
  sut_.on_flush = [] { throw std::runtime_error("broken"); };
  const RunRecord record = Run(Settings(TestScenario::SingleStream, 10), 10, 10).record;
  ASSERT_TRUE(record.exception);
  EXPECT_TRUE(record.aborted);
  EXPECT_EQ(record.queries_issued, 10u);
  EXPECT_EQ(record.samples_completed, 10u);
}

TEST_F(SetRunnerTest, RecordsBrokenPromises) {
  sut_.on_issue = [](const std::vector<QuerySample>& samples) {
    CompleteAll(samples);
    CompleteAll(samples);
    Complete(kResponseIdReserved);
    Complete(samples[0].id + 1);
  };
  const RunRecord record = Run(Settings(TestScenario::SingleStream, 10), 10, 10).record;
  EXPECT_EQ(record.violations[Violation::kDoubleCompletion], 10u);
  EXPECT_EQ(record.violations[Violation::kUnknownId], 10u);
  EXPECT_EQ(record.violations[Violation::kEarlyCompletion], 10u);
  EXPECT_EQ(record.samples_completed, 10u);
}

TEST_F(SetRunnerTest, SetsIdsOfAnEarlierSetApart) {
  const SetOutcome first = Run(Settings(TestScenario::Offline, 8), 10, 10);
  const ResponseId old_id = sut_.queries()[0].samples[2].id;
  request_.first_query = first.next_query;
  request_.first_sample = first.next_sample;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    Complete(old_id);
    CompleteAll(samples);
  };
  const RunRecord record = Run(Settings(TestScenario::Offline, 8), 10, 10).record;
  EXPECT_EQ(record.violations[Violation::kForeignId], 1u);
  EXPECT_EQ(record.samples_completed, 8u);
}

// ---- Lent threads ------------------------------------------------------------------------------

class LentThreadsTest : public SetRunnerTest {
 protected:
  void Lend(size_t count) {
    for (size_t k = 0; k < count; ++k) {
      threads_.emplace_back([this] { issue_threads_.Lend(); });
      issue_threads_.Await(k + 1, std::chrono::milliseconds(60'000));
    }
  }
  void TearDown() override {
    issue_threads_.ReleaseAll();
    for (std::thread& thread : threads_) thread.join();
  }

  std::vector<std::thread> threads_;
};

TEST_F(LentThreadsTest, IssueEachQueryOnceInTurn) {
  constexpr uint64_t kThreads = 3;
  Lend(kThreads);
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    EXPECT_EQ(gate_.held(), 0) << "the thread that started the test gave the gate up";
    CompleteAll(samples);
  };
  TestSettings settings = Server(100'000, 2000);
  settings.server_num_issue_query_threads = kThreads;
  for (const bool background : {false, true}) {
    // Without the background thread only one issuer may ask, so the list must be in one block.
    if (!background) settings.min_query_count = 200;
    if (background) settings.min_query_count = 2000;
    actors_.background_threads = background;
    const size_t before = sut_.queries().size();
    const RunRecord record = Run(settings, 1024, 128).record;
    EXPECT_EQ(record.queries_issued, settings.min_query_count);
    EXPECT_EQ(record.query_end, settings.min_query_count);
    EXPECT_EQ(record.samples_completed, settings.min_query_count);
    EXPECT_EQ(record.violations.total(), 0u);
    ASSERT_EQ(record.issue_ends.size(), kThreads);
    for (const IssueEnd& end : record.issue_ends) {
      EXPECT_EQ(end.reason, StopReason::kScheduleEnd);
    }
    const std::vector<IssuedQuery> queries = sut_.queries();
    for (size_t i = before; i < queries.size(); ++i) {
      const uint64_t query = Sequence(queries[i].samples[0]);
      ASSERT_EQ(queries[i].thread, threads_[query % kThreads].get_id());
      ASSERT_GE(record.IssuedNs(query), record.ScheduledNs(query));
    }
  }
}

TEST_F(LentThreadsTest, ShareTheMaximumCount) {
  Lend(3);
  TestSettings settings = Server(100'000, 200);
  settings.server_num_issue_query_threads = 3;
  settings.max_query_count = 10;
  const RunRecord record = Run(settings, 10, 10).record;
  ASSERT_EQ(record.issue_ends.size(), 3u);
  EXPECT_EQ(record.issue_ends[0].queries_issued, 4u);
  EXPECT_EQ(record.issue_ends[1].queries_issued, 3u);
  EXPECT_EQ(record.issue_ends[2].queries_issued, 3u);
  EXPECT_EQ(record.queries_issued, 10u);
  EXPECT_EQ(record.query_end, 10u);
}

// Thread 1 is held in its first query until thread 0 has issued queries 0 to 8 and aborted.
TEST_F(LentThreadsTest, LeaveGapsWhereTheyStoppedAtDifferentPoints) {
  Lend(2);
  std::latch stopped(1);
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll(samples);
    const uint64_t query = Sequence(samples[0]);
    if (query == 1) stopped.wait();
    if (query != 8) return;
    control_.RequestStop(StopCause::kAbort);
    stopped.count_down();
  };
  TestSettings settings = Server(100'000, 200);
  settings.server_num_issue_query_threads = 2;
  const RunRecord record = Run(settings, 10, 10).record;
  std::vector<uint64_t> issued;
  record.ForEachIssuedQuery([&](uint64_t query) { issued.push_back(query); });
  // Thread 1 may not have got as far as its first query.
  const bool first = record.issue_ends[1].queries_issued == 1;
  EXPECT_EQ(issued, first ? (Indices{0, 1, 2, 4, 6, 8}) : (Indices{0, 2, 4, 6, 8}));
  EXPECT_EQ(record.queries_issued, issued.size());
  EXPECT_EQ(record.query_end, 9u);
  EXPECT_TRUE(record.aborted);
}

TEST_F(LentThreadsTest, PassOnTheSystemsException) {
  Lend(2);
  sut_.on_issue = [](const std::vector<QuerySample>&) { throw std::runtime_error("broken"); };
  TestSettings settings = Server(100'000, 200);
  settings.server_num_issue_query_threads = 2;
  const RunRecord record = Run(settings, 10, 10).record;
  ASSERT_TRUE(record.exception);
  EXPECT_THROW(std::rethrow_exception(record.exception), std::runtime_error);
  EXPECT_EQ(gate_.held(), 0);
}

TEST_F(LentThreadsTest, AreWatchedFromOutsideTheGate) {
  Lend(1);
  std::latch polled(1);
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll(samples);
    polled.wait();
  };
  gate_.on_poll = [&] {
    if (!control_.stop_requested()) polled.count_down();
    throw std::runtime_error("interrupted");
  };
  TestSettings settings = Server(100'000, 200);
  settings.server_num_issue_query_threads = 1;
  const RunRecord record = Run(settings, 10, 10).record;
  ASSERT_TRUE(record.exception);
  EXPECT_FALSE(gate_.polled_inside());
}

}  // namespace
}  // namespace mlperf::loadgen
