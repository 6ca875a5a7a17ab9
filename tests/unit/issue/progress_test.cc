// Goal: whoever reads the progress of a test sees the figures that the result will have, as far as
// the test has come, in every phase and shape of traffic, and the reading harms nothing.
// Method: whole tests that are read from their callbacks, on a clock that moves by what the system
// takes, against sums done by hand and against the result; recorders filled by hand for what whole
// tests show seldom; readers that look all the time while sets come and go (for the sanitizer).
#include "progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "conduct/run.h"
#include "helpers/fake_clock.h"
#include "helpers/log_directory.h"
#include "helpers/scripted_system.h"
#include "helpers/tracking_gate.h"
#include "issue/recorder.h"
#include "issue/watched_set.h"
#include "loadgen.h"
#include "plan/run_plan.h"

namespace mlperf::loadgen {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

// ---- Whole tests -------------------------------------------------------------------------------

class ProgressOfTest : public testing::Test {
 protected:
  ProgressOfTest() {
    settings_.min_duration_ms = 0;
    settings_.min_query_count = 20;
    settings_.server_target_qps = 1000;
    environment_.gate = &gate_;
  }

  TestResult Run(FakeClock* clock) {
    environment_.clock = clock;
    return RunTest(&sut_, &qsl_, settings_, logs_.settings(), logs_.path("none"), environment_);
  }

  Journal journal_;
  ScriptedSut sut_{&journal_};
  ScriptedLibrary qsl_{&journal_, 100, 50};
  LogDirectory logs_;
  TrackingGate gate_;
  TestEnvironment environment_;
  TestSettings settings_;
};

TEST_F(ProgressOfTest, IsWhatHappenedSoFar) {
  FakeClock clock(0);
  std::vector<Progress> seen;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    seen.push_back(ReadProgress().value());
    clock.Advance(static_cast<int64_t>(seen.size()) * kNsPerMs);
    CompleteAll(samples);
  };
  Run(&clock);
  ASSERT_EQ(seen.size(), 20u);

  const Progress& first = seen.front();
  EXPECT_EQ(first.queries_issued, 1u);
  EXPECT_EQ(first.samples_completed, 0u);
  EXPECT_FALSE(first.latency) << "nothing is completed";
  EXPECT_FALSE(first.remaining_s) << "nothing shows how long a query takes";

  // Nine queries took 1, 2, ... 9 ms, 45 ms together; 11 of 20 are missing.
  const Progress& tenth = seen[9];
  EXPECT_EQ(tenth.phase, ProgressPhase::Performance);
  EXPECT_EQ(tenth.scenario, TestScenario::SingleStream);
  EXPECT_EQ(tenth.mode, TestMode::PerformanceOnly);
  EXPECT_EQ(tenth.trial, 0u);
  EXPECT_FALSE(tenth.finished);
  EXPECT_EQ(tenth.set_number, first.set_number);
  EXPECT_DOUBLE_EQ(tenth.start_time_s,
                   static_cast<double>(FakeClock::kSystemAheadNs + FakeClock::kFirstNs) / 1e9);
  EXPECT_DOUBLE_EQ(tenth.elapsed_s, 0.045);
  EXPECT_EQ(tenth.min_query_count, 20u);
  EXPECT_EQ(tenth.queries_issued, 10u);
  EXPECT_EQ(tenth.samples_issued, 10u);
  EXPECT_EQ(tenth.samples_completed, 9u);
  EXPECT_EQ(tenth.samples_outstanding, 1u);
  EXPECT_FALSE(tenth.offered_samples_per_second);
  EXPECT_FALSE(tenth.lateness);
  EXPECT_DOUBLE_EQ(tenth.completed_samples_per_second, 200);
  ASSERT_TRUE(tenth.latency);
  EXPECT_EQ(tenth.latency->count, 9u);
  EXPECT_EQ(tenth.latency->p50_ns, 5 * kNsPerMs);
  EXPECT_EQ(tenth.latency->p99_ns, 9 * kNsPerMs);
  EXPECT_DOUBLE_EQ(tenth.remaining_s.value(), 11.0 / 200);
}

// Also while the system keeps the issuing thread: only the reader looks.
TEST_F(ProgressOfTest, SaysForHowLongNothingWasCompleted) {
  settings_.scenario = TestScenario::Offline;
  FakeClock clock(0);
  std::vector<Progress> seen;
  const auto look_after = [&](int64_t seconds) {
    clock.Advance(seconds * 1000 * kNsPerMs);
    seen.push_back(ReadProgress().value());
  };
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    look_after(9);
    look_after(3);
    Complete(samples[0].id);
    look_after(5);
    look_after(9);
    look_after(2);
    CompleteAll({samples.begin() + 1, samples.end()});
    look_after(20);
  };
  Run(&clock);
  ASSERT_EQ(seen.size(), 6u);
  EXPECT_FALSE(seen[0].silent_s) << "not for ten seconds";
  EXPECT_DOUBLE_EQ(seen[1].silent_s.value(), 12);
  EXPECT_DOUBLE_EQ(seen[1].oldest_outstanding_s.value(), 12);
  EXPECT_FALSE(seen[2].silent_s) << "something was completed";
  EXPECT_FALSE(seen[2].oldest_outstanding_s);
  EXPECT_FALSE(seen[3].silent_s) << "the last look that saw a completion is nine seconds ago";
  EXPECT_DOUBLE_EQ(seen[4].silent_s.value(), 11);
  EXPECT_DOUBLE_EQ(seen[4].oldest_outstanding_s.value(), 28);
  EXPECT_FALSE(seen[5].silent_s) << "nothing is outstanding";
  EXPECT_FALSE(ReadProgress()->silent_s) << "the set has ended";
}

TEST_F(ProgressOfTest, WhatFailedIsNotCompletedAndNotOutstanding) {
  FakeClock clock(0);
  std::vector<Progress> seen;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    seen.push_back(ReadProgress().value());
    clock.Advance(seen.size() % 2 == 0 ? kNsPerMs : 10 * kNsPerMs);
    if (seen.size() % 2 == 0) return CompleteAll(samples);
    FailSamples(&samples[0].id, 1, "HTTP 500");
  };
  Run(&clock);
  const Progress& tenth = seen.at(9);
  EXPECT_EQ(tenth.samples_completed, 4u);
  EXPECT_EQ(tenth.samples_failed, 5u);
  EXPECT_EQ(tenth.samples_outstanding, 1u);
  EXPECT_DOUBLE_EQ(tenth.completed_samples_per_second, 4 / 0.054);
  ASSERT_TRUE(tenth.latency);
  EXPECT_EQ(tenth.latency->p99_ns, kNsPerMs);
  EXPECT_DOUBLE_EQ(tenth.remaining_s.value(), 11 / (9 / 0.054));
}

// A keeper of the histograms for a scope.
struct HistogramsKept {
  HistogramsKept() { SetTokenHistogramsKept(true); }
  ~HistogramsKept() { SetTokenHistogramsKept(false); }
};

// The first query is answered last.
TEST_F(ProgressOfTest, CountsTheTimesOfTokensOnce) {
  settings_.scenario = TestScenario::Server;
  settings_.use_token_latencies = true;
  const HistogramsKept kept;
  FakeClock clock(1000);
  std::vector<Progress> seen;
  std::vector<QuerySample> held;
  const auto answer = [](const std::vector<QuerySample>& samples) {
    std::vector<QuerySampleResponse> responses;
    for (const QuerySample& sample : samples) responses.push_back({sample.id, 0, 0, 11});
    QuerySamplesComplete(responses.data(), responses.size());
  };
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    QuerySampleResponse first{samples[0].id, 0, 0, 0};
    FirstTokenComplete(&first, 1);
    if (held.empty()) {
      held = samples;
    } else {
      answer(samples);
    }
    seen.push_back(ReadProgress().value());
    if (seen.size() == 20) answer(held);
  };
  const TestResult result = Run(&clock);
  ASSERT_EQ(seen.size(), 20u);
  const auto count_of = [](const DurationHistogram& histogram) {
    return std::accumulate(histogram.counts.begin(), histogram.counts.end(), uint64_t{0});
  };
  for (size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(count_of(seen[i].tokens->first_token), i) << "all but the one that is held";
    EXPECT_EQ(count_of(seen[i].tokens->time_per_token), i);
  }
  const TokenHistograms last = *ReadProgress()->tokens;
  EXPECT_EQ(count_of(last.first_token), 20u);
  const TokenMetrics& metrics = *result.performance->tokens;
  EXPECT_NEAR(static_cast<double>(last.first_token.sum_ns) / 20,
              static_cast<double>(metrics.first_token.mean_ns), 1);
  EXPECT_NEAR(static_cast<double>(last.time_per_token.sum_ns) / 20,
              static_cast<double>(metrics.time_per_token.mean_ns), 1);
  EXPECT_EQ(count_of(last.inter_token), 0u) << "nobody said when the others came";
}

TEST_F(ProgressOfTest, HasNoHistogramsThatNobodyKeeps) {
  settings_.use_token_latencies = true;
  FakeClock clock(0);
  Run(&clock);
  EXPECT_FALSE(ReadProgress()->tokens);
}

TEST(DurationHistogramTest, CountsUpToAndWithEachBound) {
  DurationHistogram histogram;
  histogram.Add(100'000, 2);
  histogram.Add(100'001);
  histogram.Add(100'000'000'001);
  EXPECT_EQ(histogram.counts.front(), 2u);
  EXPECT_EQ(histogram.counts[1], 1u);
  EXPECT_EQ(histogram.counts.back(), 1u);
  EXPECT_EQ(histogram.sum_ns, 2 * 100'000 + 100'001 + 100'000'000'001);
}

TEST_F(ProgressOfTest, StaysAsItWasAtTheEnd) {
  FakeClock clock(0);
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    clock.Advance(kNsPerMs);
    CompleteAll(samples);
  };
  sut_.on_flush = [&] { clock.Advance(5 * kNsPerMs); };
  Run(&clock);
  clock.Advance(1000 * kNsPerMs);
  const Progress progress = ReadProgress().value();
  EXPECT_TRUE(progress.finished);
  EXPECT_EQ(progress.samples_completed, 20u);
  EXPECT_EQ(progress.samples_outstanding, 0u);
  EXPECT_DOUBLE_EQ(progress.elapsed_s, 0.025);
  EXPECT_EQ(progress.remaining_s, 0.0);
}

TEST_F(ProgressOfTest, OfASetHasANumberOfItsOwn) {
  FakeClock clock(1);
  Run(&clock);
  const uint64_t number = ReadProgress()->set_number;
  Run(&clock);
  EXPECT_EQ(ReadProgress()->set_number, number + 1);
}

// The result's figures, in each scenario, of a system that takes about 1 ms.
class ProgressAndResult : public ProgressOfTest,
                          public testing::WithParamInterface<TestScenario> {};

TEST_P(ProgressAndResult, Agree) {
  FakeClock clock(10);
  std::mt19937 random(1);
  settings_.scenario = GetParam();
  settings_.min_query_count = 500;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    clock.Advance(static_cast<int64_t>(random() % (2 * kNsPerMs)));
    CompleteAll(samples);
  };
  const TestResult result = Run(&clock);
  ASSERT_TRUE(result.performance);
  const PerformanceResult& performance = *result.performance;
  const Progress progress = ReadProgress().value();
  EXPECT_EQ(progress.scenario, GetParam());
  EXPECT_EQ(progress.queries_issued, performance.query_count);
  EXPECT_EQ(progress.samples_completed, performance.sample_count);
  EXPECT_EQ(progress.samples_issued, performance.sample_count);
  const auto percentile_ns = [&](double percentile) {
    const auto at = std::ranges::find(kReportedPercentiles, percentile);
    return performance.sample_latency
        .percentiles_ns[static_cast<size_t>(at - kReportedPercentiles.begin())];
  };
  ASSERT_TRUE(progress.latency);
  EXPECT_EQ(progress.latency->count, std::min<uint64_t>(performance.sample_count, 2048));
  if (performance.sample_count <= 2048) {
    EXPECT_EQ(progress.latency->p50_ns, percentile_ns(0.50));
    EXPECT_EQ(progress.latency->p99_ns, percentile_ns(0.99));
  }
  ASSERT_EQ(progress.lateness.has_value(), GetParam() == TestScenario::Server);
  if (!progress.lateness) return;
  EXPECT_EQ(progress.offered_samples_per_second, 1000);
  EXPECT_EQ(progress.lateness->count, performance.lateness.count);
  EXPECT_EQ(progress.lateness->p50_ns, performance.lateness.p50_ns);
  EXPECT_EQ(progress.lateness->p99_ns, performance.lateness.p99_ns);
  EXPECT_EQ(progress.lateness->max_ns, performance.lateness.max_ns);
}

INSTANTIATE_TEST_SUITE_P(Scenarios, ProgressAndResult,
                         testing::Values(TestScenario::SingleStream, TestScenario::MultiStream,
                                         TestScenario::Server, TestScenario::Offline));

TEST_F(ProgressOfTest, CountsWhatASystemHoldsBack) {
  FakeClock clock(1);
  settings_.scenario = TestScenario::Server;
  std::vector<QuerySample> held;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    if (held.size() == 7) return CompleteAll(samples);
    held.insert(held.end(), samples.begin(), samples.end());
  };
  std::optional<Progress> seen;
  sut_.on_flush = [&] {
    seen = ReadProgress();
    CompleteAll(held);
  };
  const TestResult result = Run(&clock);
  const uint64_t issued = result.performance->query_count;
  ASSERT_TRUE(seen);
  EXPECT_FALSE(seen->finished);
  EXPECT_EQ(seen->samples_issued, issued);
  EXPECT_EQ(seen->samples_completed, issued - 7);
  EXPECT_EQ(seen->samples_outstanding, 7u);
  EXPECT_EQ(ReadProgress()->samples_outstanding, 0u);
}

TEST_F(ProgressOfTest, NamesThePhases) {
  FakeClock clock(1);
  settings_.mode = TestMode::SubmissionRun;
  settings_.warmup_query_count = 5;
  std::vector<Progress> sets;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    const Progress progress = ReadProgress().value();
    if (sets.empty() || sets.back().set_number != progress.set_number) sets.push_back(progress);
    CompleteAll(samples);
  };
  Run(&clock);
  // 100 samples, 50 of which are in memory at a time.
  const std::vector<std::pair<ProgressPhase, uint64_t>> expected = {
      {ProgressPhase::Accuracy, 50},
      {ProgressPhase::Accuracy, 50},
      {ProgressPhase::WarmUp, 5},
      {ProgressPhase::Performance, 20}};
  std::vector<std::pair<ProgressPhase, uint64_t>> phases;
  for (const Progress& set : sets) phases.emplace_back(set.phase, set.min_query_count);
  EXPECT_EQ(phases, expected);
}

class ProgressOfPeakSearch : public ProgressOfTest,
                             public testing::WithParamInterface<PeakStrategy> {};

TEST_P(ProgressOfPeakSearch, ShowsTrialAndRate) {
  FakeClock clock(10);
  settings_.scenario = TestScenario::Server;
  settings_.mode = TestMode::FindPeakPerformance;
  settings_.server_find_peak_strategy = GetParam();
  settings_.server_pacing = Pacing::Sleep;  // Spinning would read the clock far more often.
  settings_.server_find_peak_qps_decimals_of_precision = 0;
  settings_.server_target_latency_ns = 10 * kNsPerMs;
  settings_.min_duration_ms = 500;
  std::vector<Progress> trials;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    const Progress progress = ReadProgress().value();
    if (progress.phase != ProgressPhase::PeakTrial) {
      EXPECT_EQ(progress.phase, ProgressPhase::WarmUp) << "a probe";
    } else if (trials.empty() || trials.back().set_number != progress.set_number) {
      trials.push_back(progress);
    }
    clock.Advance(kNsPerMs / 2);
    CompleteAll(samples);
  };
  const TestResult result = Run(&clock);
  ASSERT_TRUE(result.peak);
  ASSERT_GT(result.peak->trials.size(), 3u);
  ASSERT_EQ(trials.size(), result.peak->trials.size());
  for (size_t i = 0; i < trials.size(); ++i) {
    EXPECT_EQ(trials[i].trial, i + 1);
    EXPECT_EQ(trials[i].offered_samples_per_second, result.peak->trials[i].qps);
  }
}

INSTANTIATE_TEST_SUITE_P(Strategies, ProgressOfPeakSearch,
                         testing::Values(PeakStrategy::Bisection, PeakStrategy::Estimate));

// ---- Recorders filled by hand ------------------------------------------------------------------

// A set of `query_count` queries that are due one microsecond after the other.
class ProgressOfSet : public testing::Test {
 protected:
  static constexpr int64_t kStartNs = 1'000'000'000;

  static RunPlan PlanOf(LoopShape shape, double target_qps, uint64_t min_query_count = 1) {
    RunPlan plan;
    plan.shape = shape;
    plan.target_qps = target_qps;
    plan.min_query_count = min_query_count;
    return plan;
  }

  void Make(uint64_t query_count, uint64_t samples_per_query = 1) {
    options_.samples_per_query = samples_per_query;
    options_.closed_loop = plan_.shape == LoopShape::kClosedLoop;
    recorder_.emplace(options_, &clock_);
    QueryBlock block;
    block.query_count = query_count;
    block.sample_indices.resize(query_count * samples_per_query);
    for (uint64_t query = 0; query < query_count; ++query) {
      block.scheduled_delta_ns.push_back(static_cast<int64_t>(query) * 1000);
    }
    recorder_->Append(block);
  }

  void CompleteAt(uint64_t sample, int64_t now_ns) {
    uint64_t position;
    ASSERT_TRUE(recorder_->Complete(recorder_->IdOf(sample), now_ns, 0, false, &position));
    recorder_->Publish(1);
  }

  Progress After(int64_t elapsed_ns, Phase phase = Phase::kPerformance) const {
    WatchedSet watched(plan_, phase, 0, kLoadedSamples, &*recorder_, &clock_);
    watched.Start(kStartNs, 0);
    return watched.ProgressAt(kStartNs + elapsed_ns);
  }

  static constexpr uint64_t kLoadedSamples = 64;
  FakeClock clock_;
  RunPlan plan_ = PlanOf(LoopShape::kOpenLoop, 1e6);
  Recorder::Options options_;
  std::optional<Recorder> recorder_;
};

TEST_F(ProgressOfSet, OfOneThatEndedTimeHasStopped) {
  Make(1);
  {
    WatchedSet watched(plan_, Phase::kPerformance, 0, kLoadedSamples, &*recorder_, &clock_);
    watched.Start(kStartNs, 0);
    watched.End(kStartNs + 2'500'000'000);
    clock_.Advance(60'000'000'000);
  }
  EXPECT_TRUE(ReadProgress()->finished);
  EXPECT_EQ(ReadProgress()->elapsed_s, 2.5);
}

TEST_F(ProgressOfSet, CountsWhatSeveralThreadsIssued) {
  plan_.issue_thread_count = 3;
  Make(100);
  // Thread 0 has issued 0, 3, ... 27; thread 1 1 and 4; thread 2 nothing yet.
  for (uint64_t query = 0; query < 30; query += 3) recorder_->MarkIssued(query, kStartNs + 50'000);
  for (const uint64_t query : {1, 4}) recorder_->MarkIssued(query, kStartNs + 50'000);
  const Progress progress = After(60'000);
  EXPECT_EQ(progress.queries_issued, 12u);
  EXPECT_EQ(progress.samples_outstanding, 12u);
  ASSERT_TRUE(progress.lateness);
  EXPECT_EQ(progress.lateness->count, 12u);
  EXPECT_EQ(progress.lateness->max_ns, 50'000) << "query 0";
  // Late by 50, 49, 47, 46, 44, 41, 38, 35, 32, 29, 26 and 23 microseconds.
  EXPECT_EQ(progress.lateness->p50_ns, 41'000);
}

// The last ones by the time of their completion, not by their place.
TEST_F(ProgressOfSet, LatencyIsThatOfTheLatestCompletions) {
  constexpr uint64_t kQueries = 5000, kLatest = 2048;
  Make(kQueries);
  for (uint64_t query = 0; query < kQueries; ++query) recorder_->MarkIssued(query, kStartNs + 1);
  // From the last to the first: the first 2048 of the list come back last.
  for (uint64_t query = kQueries; query-- > 0;) {
    const int64_t since_due_ns = query < kLatest ? static_cast<int64_t>(7'000'000 - 1000 * query)
                                                 : static_cast<int64_t>(100'000);
    const int64_t due_ns = kStartNs + static_cast<int64_t>(query) * 1000;
    CompleteAt(query, due_ns + since_due_ns);
  }
  const Progress progress = After(10'000'000);
  ASSERT_TRUE(progress.latency);
  EXPECT_EQ(progress.latency->count, kLatest);
  EXPECT_EQ(progress.latency->p50_ns, 7'000'000 - 1000 * (2047 - 1024));
  EXPECT_GT(progress.latency->p99_ns, 6'900'000);
}

// All at once, and answered in order: the latest are far from the last.
TEST_F(ProgressOfSet, LatencyIsFoundAmongVeryManyOutstanding) {
  constexpr uint64_t kSamples = 1'000'000, kCompleted = 400'000;
  plan_.shape = LoopShape::kOneShot;
  Make(1, kSamples);
  recorder_->MarkIssued(0, kStartNs);
  for (uint64_t sample = 0; sample < kCompleted; ++sample) {
    CompleteAt(sample, kStartNs + static_cast<int64_t>(sample));
  }
  const Progress progress = After(kCompleted);
  EXPECT_EQ(progress.samples_outstanding, kSamples - kCompleted);
  EXPECT_EQ(progress.min_query_count, 1u);
  EXPECT_DOUBLE_EQ(progress.remaining_s.value(), 0.0006);
  ASSERT_TRUE(progress.latency);
  EXPECT_GT(progress.latency->count, 100u);
  EXPECT_GT(progress.latency->p50_ns, 380'000);
  EXPECT_LT(progress.latency->p99_ns, 400'000);
}

// Ten queries of two samples, half of them answered after 2 s.
TEST_F(ProgressOfSet, RemainingIsWhatEndsTheSetLast) {
  struct Case {
    std::string what;
    RunPlan plan;
    Phase phase;
    std::optional<double> remaining_s;
  };
  const RunPlan closed = PlanOf(LoopShape::kClosedLoop, 1000, 20);
  const RunPlan open = PlanOf(LoopShape::kOpenLoop, 4, 20);
  const auto with = [](RunPlan plan, uint64_t RunPlan::* member, uint64_t value) {
    plan.*member = value;
    return plan;
  };
  const std::vector<Case> kCases = {
      {"15 queries more at 2.5 a second", closed, Phase::kPerformance, 6},
      {"or the duration", with(closed, &RunPlan::target_duration_ms, 10'000), Phase::kPerformance,
       8},
      {"or the largest number", with(closed, &RunPlan::max_query_count, 10), Phase::kPerformance,
       2},
      {"or the longest duration", with(closed, &RunPlan::max_duration_ms, 5'000),
       Phase::kPerformance, 3},
      {"a list of 64 samples", with(closed, &RunPlan::target_duration_ms, 99'000), Phase::kAccuracy,
       54.0 / 5},
      {"10 queries more at 4 a second", open, Phase::kPerformance, 2.5},
      {"or the duration", with(open, &RunPlan::target_duration_ms, 10'000), Phase::kPerformance, 8},
      {"none", with(open, &RunPlan::min_query_count, 10), Phase::kPerformance, 0},
  };
  for (const Case& c : kCases) {
    plan_ = c.plan;
    Make(20, 2);
    for (uint64_t query = 0; query < 10; ++query) recorder_->MarkIssued(query, kStartNs);
    for (uint64_t sample = 0; sample < 10; ++sample) CompleteAt(sample, kStartNs + 1);
    const Progress progress = After(2'000'000'000, c.phase);
    ASSERT_TRUE(progress.remaining_s) << c.what;
    EXPECT_DOUBLE_EQ(*progress.remaining_s, *c.remaining_s) << c.what;
  }
}

// ---- Many readers ------------------------------------------------------------------------------

// Looks all the time, and holds what it sees to what must be true at any time.
void LookUntil(const std::atomic<bool>& stop, std::atomic<uint64_t>* seen_running) {
  Progress before;
  while (!stop) {
    const std::optional<Progress> progress = ReadProgress();
    if (!progress) continue;
    ASSERT_GE(progress->set_number, before.set_number);
    ASSERT_LE(progress->samples_completed, progress->samples_issued);
    ASSERT_EQ(progress->samples_outstanding,
              progress->samples_issued - progress->samples_completed);
    ASSERT_GE(progress->elapsed_s, 0);
    if (progress->set_number == before.set_number) {
      ASSERT_GE(progress->samples_issued, before.samples_issued);
      ASSERT_GE(progress->samples_completed, before.samples_completed);
      ASSERT_TRUE(progress->finished || !before.finished);
    }
    if (!progress->finished && progress->latency) ++*seen_running;
    before = *progress;
  }
}

TEST(ProgressReaders, HarmNoRun) {
  struct Case {
    TestScenario scenario;
    uint64_t queries;  // Slots grow meanwhile.
    uint64_t issue_threads = 0;
    bool worker = true;  // Answers on a thread of its own.
  };
  const std::vector<Case> kCases = {{TestScenario::Server, 200'000},
                                    {TestScenario::Server, 100'000, 2},
                                    {TestScenario::SingleStream, 20'000, 0, false},
                                    {TestScenario::Offline, 200'000}};
  Journal journal;
  ScriptedLibrary qsl(&journal, 100, 100);
  Worker worker(CompleteAll);
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> seen_running{0};
  std::vector<std::thread> readers;
  for (int k = 0; k < 2; ++k) {
    readers.emplace_back([&] { LookUntil(stop, &seen_running); });
  }
  for (const Case& c : kCases) {
    LogDirectory logs;
    ScriptedSut sut;
    if (c.worker) {
      sut.on_issue = [&](const std::vector<QuerySample>& samples) { worker.Take(samples); };
    }
    TestSettings settings;
    settings.scenario = c.scenario;
    settings.min_duration_ms = 0;
    settings.min_query_count = c.queries;
    settings.server_target_qps = 1e6;
    settings.server_num_issue_query_threads = c.issue_threads;
    std::vector<std::thread> lent;
    for (uint64_t k = 0; k < c.issue_threads; ++k) lent.emplace_back(RegisterIssueQueryThread);
    const TestResult result = StartTest(&sut, &qsl, settings, logs.settings());
    for (std::thread& thread : lent) thread.join();
    const Progress progress = ReadProgress().value();
    EXPECT_TRUE(progress.finished);
    EXPECT_GE(progress.samples_completed, c.queries);
    EXPECT_EQ(progress.samples_completed, result.performance->sample_count);
    EXPECT_EQ(progress.queries_issued, result.performance->query_count);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(seen_running, 0u);
}

}  // namespace
}  // namespace mlperf::loadgen
