// Goal: FindPeakPerformance with PeakStrategy::Estimate finds the rate that a system sustains, from
// anywhere, and says how sure it is and why it ended. Method: a system that takes 0.5 ms a query,
// one after another (M/D/1), on a clock that only it and the generator move; its truth from the
// Lindley recursion over a million arrivals, calculated here.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "conduct/peak_trials.h"
#include "conduct/run.h"
#include "helpers/fake_clock.h"
#include "helpers/log_directory.h"
#include "helpers/scripted_system.h"
#include "helpers/tracking_gate.h"
#include "loadgen.h"
#include "plan/run_plan.h"

namespace mlperf::loadgen {
namespace {

constexpr int64_t kServiceNs = 500'000;

// The share of a million Poisson arrivals at `qps` whose latency is above the bound.
double LongRunShare(double qps, double bound_s) {
  std::mt19937_64 random(7);
  std::exponential_distribution<double> gap(qps);
  constexpr int kArrivals = 1'000'000;
  double due_s = 0, free_s = 0;
  int over = 0;
  for (int i = 0; i < kArrivals; ++i) {
    due_s += gap(random);
    free_s = std::max(free_s, due_s) + kServiceNs * 1e-9;
    over += free_s - due_s > bound_s ? 1 : 0;
  }
  return static_cast<double>(over) / kArrivals;
}

class FindPeakTest : public testing::Test {
 protected:
  FindPeakTest() {
    sut_.on_issue = [this](const std::vector<QuerySample>& samples) {
      clock_.Advance(service_ns_);
      CompleteAll(samples);
    };
    settings_.scenario = TestScenario::Server;
    settings_.mode = TestMode::FindPeakPerformance;
    settings_.server_find_peak_strategy = PeakStrategy::Estimate;
    // Spinning would read the clock, which moves only then, thousands of times a query.
    settings_.server_pacing = Pacing::Sleep;
    settings_.server_target_latency_ns = 10'000'000;
    settings_.min_duration_ms = 20'000;
    settings_.min_query_count = 100;
    environment_.clock = &clock_;
    environment_.gate = &gate_;
    environment_.peak = &hooks_;
  }

  TestResult Run() {
    return RunTest(&sut_, &qsl_, settings_, logs_.settings(), logs_.path("none"), environment_);
  }

  int64_t service_ns_ = kServiceNs;
  Journal journal_;
  ScriptedSut sut_{&journal_};
  ScriptedLibrary qsl_{&journal_, 1000, 1000};
  LogDirectory logs_;
  FakeClock clock_{10};
  TrackingGate gate_;
  PeakSearchHooks hooks_;
  TestEnvironment environment_;
  TestSettings settings_;
};

TEST_F(FindPeakTest, FindsTheRateOfTheLongRun) {
  const TestResult result = Run();
  ASSERT_TRUE(result.peak);
  const PeakSearchResult& peak = *result.peak;
  EXPECT_TRUE(peak.found);
  EXPECT_GT(LongRunShare(peak.qps * 1.03, 0.010), 0.01);
  EXPECT_LT(LongRunShare(peak.qps * 0.97, 0.010), 0.01);
  EXPECT_LT(peak.low_qps, peak.qps);
  EXPECT_GT(peak.high_qps, peak.qps);
  // The confirming run is the test itself at another rate.
  ASSERT_TRUE(result.performance);
  EXPECT_EQ(result.performance->valid, peak.valid_qps > 0);
  EXPECT_EQ(peak.trials.back().kind, "confirm");
  EXPECT_EQ(result.performance->target_qps, peak.trials.back().qps);
  const std::string summary = logs_.Read("mlperf_log_summary.txt");
  EXPECT_NE(summary.find("Peak QPS : "), std::string::npos);
  EXPECT_NE(logs_.Read("mlperf_log_detail.txt").find("result_peak_qps"), std::string::npos);
}

TEST_F(FindPeakTest, AStartFarOffEndsRight) {
  const double near = Run().peak->qps;
  for (const double factor : {0.01, 100.0}) {
    hooks_.start_qps = factor * near;
    const TestResult result = Run();
    ASSERT_TRUE(result.peak);
    EXPECT_NEAR(result.peak->qps, near, 0.03 * near) << factor;
  }
}

TEST_F(FindPeakTest, ASystemThatNeverFailsEndsAtTheLimit) {
  service_ns_ = 10;
  settings_.server_find_peak_max_qps = 5000;
  const TestResult result = Run();
  ASSERT_TRUE(result.peak);
  EXPECT_NE(result.peak->end.find("limit"), std::string::npos) << result.peak->end;
  EXPECT_LE(std::ranges::max_element(result.peak->trials, {}, &PeakTrial::qps)->qps, 5000);
}

TEST_F(FindPeakTest, ASystemThatNeverPassesSaysWhatItsBestWas) {
  service_ns_ = 20'000'000;
  settings_.min_duration_ms = 2'000;
  const TestResult result = Run();
  ASSERT_TRUE(result.peak);
  EXPECT_FALSE(result.peak->found);
  EXPECT_FALSE(result.valid());
  EXPECT_NE(result.peak->end.find("no rate passes"), std::string::npos) << result.peak->end;
}

// A system that answers at once, and refuses what would have to wait for more than ten others.
class SheddingPeakTest : public FindPeakTest {
 protected:
  SheddingPeakTest() {
    settings_.min_duration_ms = 2'000;
    hooks_.start_qps = 1000;  // A probe of a system that answers at once shows nothing.
    sut_.on_issue = [this](const std::vector<QuerySample>& samples) {
      const int64_t now_ns = clock_.NowNs();
      if (free_ns_ - now_ns > 10 * kServiceNs) {
        const ResponseId id = samples[0].id;
        FailSamples(&id, 1, "503 queue full");
        return;
      }
      free_ns_ = std::max(free_ns_, now_ns) + kServiceNs;
      CompleteAll(samples);
    };
  }

  static constexpr double kCapacityQps = 1e9 / kServiceNs;
  int64_t free_ns_ = 0;
};

TEST_F(SheddingPeakTest, ThePeakIsWhereQueriesBeginToFail) {
  const TestResult result = Run();
  ASSERT_TRUE(result.peak);
  const PeakSearchResult& peak = *result.peak;
  EXPECT_TRUE(peak.found) << peak.end;
  EXPECT_GT(peak.qps, 0.5 * kCapacityQps);
  EXPECT_LT(peak.qps, kCapacityQps);
  EXPECT_NE(peak.end.find("of the queries failed: 503 queue full"), std::string::npos) << peak.end;
  for (const PeakTrial& trial : peak.trials) {
    EXPECT_LE(trial.failed_share, trial.over_share) << trial.qps;
    if (trial.failed_share == 0) continue;
    EXPECT_FALSE(trial.passed) << trial.qps;
    EXPECT_EQ(trial.failures, std::vector<std::string>{"503 queue full"}) << trial.qps;
  }
  ASSERT_FALSE(result.cautions.empty());
  EXPECT_NE(result.cautions[0].find("where queries begin to fail"), std::string::npos);
}

TEST_F(SheddingPeakTest, ABisectionPassesNoRateAtWhichAnyQueryFails) {
  settings_.server_find_peak_strategy = PeakStrategy::Bisection;
  settings_.server_target_qps = 100;
  const TestResult result = Run();
  ASSERT_TRUE(result.peak);
  EXPECT_TRUE(result.peak->found);
  EXPECT_LT(result.peak->qps, kCapacityQps);
  for (const PeakTrial& trial : result.peak->trials) {
    EXPECT_EQ(trial.passed, trial.failed_share == 0) << trial.qps;
  }
  EXPECT_NE(result.peak->end.find("503 queue full"), std::string::npos) << result.peak->end;
  ASSERT_FALSE(result.peak->cautions.empty());
  EXPECT_NE(result.peak->cautions[0].find("503 queue full"), std::string::npos);
}

// Fewer than the percentile allows to be late, at any rate.
TEST_F(FindPeakTest, FailuresThatDoNotDependOnTheRateAreNamedAsTheCause) {
  uint64_t count = 0;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    const ResponseId id = samples[0].id;
    ++count % 151 == 0 ? static_cast<void>(FailSamples(&id, 1, "rare")) : CompleteAll(samples);
  };
  settings_.min_duration_ms = 500;
  settings_.server_find_peak_max_qps = 4000;
  for (const PeakStrategy strategy : {PeakStrategy::Estimate, PeakStrategy::Bisection}) {
    settings_.server_find_peak_strategy = strategy;
    settings_.server_target_qps = 500;
    const TestResult result = Run();
    ASSERT_TRUE(result.peak);
    EXPECT_FALSE(result.valid());
    EXPECT_FALSE(result.peak->determined) << result.peak->statement;
    EXPECT_EQ(result.peak->settling_budget_s, 0);
    EXPECT_NE(result.peak->statement.find("of the queries failed: rare"), std::string::npos)
        << result.peak->statement;
    EXPECT_NE(result.cautions.at(0).find("of the queries failed: rare"), std::string::npos);
    for (const PeakTrial& trial : result.peak->trials) {
      EXPECT_TRUE(trial.failed_share == 0 || !trial.passed) << trial.qps;
    }
  }
}

TEST_F(SheddingPeakTest, WhereEveryQueryFailsTheCauseIsNamed) {
  free_ns_ = std::numeric_limits<int64_t>::max();
  for (const PeakStrategy strategy : {PeakStrategy::Estimate, PeakStrategy::Bisection}) {
    settings_.server_find_peak_strategy = strategy;
    settings_.server_target_qps = 100;
    const TestResult result = Run();
    ASSERT_TRUE(result.peak);
    EXPECT_FALSE(result.peak->found);
    EXPECT_FALSE(result.valid());
    EXPECT_NE(result.peak->end.find("100 % of the queries failed: 503 queue full"),
              std::string::npos)
        << result.peak->end;
    EXPECT_NE(result.reasons[0].find("503 queue full"), std::string::npos) << result.reasons[0];
  }
}

// In token mode, that of the bound that more queries missed.
TEST_F(FindPeakTest, ATrialOfABisectionHasTheShareOverTheTokenBounds) {
  settings_.server_find_peak_strategy = PeakStrategy::Bisection;
  settings_.server_target_qps = 100;
  settings_.server_find_peak_max_qps = 100;
  settings_.min_duration_ms = 500;
  settings_.use_token_latencies = true;
  settings_.server_ttft_latency = 5'000'000;
  settings_.server_tpot_latency = 1'000'000;
  uint64_t count = 0;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    ++count;
    clock_.Advance(count % 10 == 0 ? 6'000'000 : 1000);  // Its first token is late, ...
    QuerySampleResponse response{samples[0].id, 0, 0, 3};
    FirstTokenComplete(&response, 1);
    clock_.Advance(count % 2 == 0 ? 3'000'000 : 1000);  // ... and the two after it.
    QuerySamplesComplete(&response, 1);
  };
  const TestResult result = Run();
  ASSERT_TRUE(result.peak);
  ASSERT_EQ(result.peak->trials.size(), 1u);
  EXPECT_FALSE(result.peak->trials[0].passed);
  EXPECT_NEAR(result.peak->trials[0].over_share, 0.5, 0.02);
}

// ---- No search at all --------------------------------------------------------------------------

TEST_F(FindPeakTest, WithTest05ThereIsNoSearch) {
  settings_.test05 = true;
  try {
    Run();
    FAIL() << "it ran";
  } catch (const SettingsError& error) {
    EXPECT_STREQ(
        error.what(),
        "test05 is true: every test is then a PerformanceOnly run, and none is a search for "
        "the peak; set test05 to false");
  }
  EXPECT_TRUE(sut_.queries().empty());
}

TEST_F(FindPeakTest, AnAuditFileWithAnotherModeIsNoSearch) {
  const std::string audit = logs_.path("audit.config");
  std::ofstream(audit) << "*.*.mode = 2\n";
  try {
    RunTest(&sut_, &qsl_, settings_, logs_.settings(), audit, environment_);
    FAIL() << "it ran";
  } catch (const SettingsError& error) {
    EXPECT_STREQ(error.what(),
                 "mode is PerformanceOnly, by the audit config file: a search for the peak has the "
                 "mode FindPeakPerformance; remove the mode from that file");
  }
  EXPECT_TRUE(sut_.queries().empty());
}

// ---- A search that goes on, and one that ends ---------------------------------------------------

TEST_F(FindPeakTest, AnInterruptedSearchGoesOnFromItsTrials) {
  std::vector<TrialOutcome> all;
  hooks_.on_trial = [&](const TrialOutcome& outcome, const PeakAnswer&) { all.push_back(outcome); };
  const TestResult whole = Run();
  ASSERT_GT(all.size(), 4u);
  hooks_.known.assign(all.begin(), all.begin() + 4);
  hooks_.on_trial = [](const auto&, const auto&) {};
  const size_t queries_before = sut_.queries().size();
  const TestResult rest = Run();
  EXPECT_EQ(rest.peak->trials.size(), whole.peak->trials.size());
  EXPECT_NEAR(rest.peak->qps, whole.peak->qps, 0.03 * whole.peak->qps);
  EXPECT_LT(sut_.queries().size() - queries_before, queries_before);
}

TEST_F(FindPeakTest, ABrokenContractEndsTheSearch) {
  sut_.on_issue = [this](const std::vector<QuerySample>& samples) {
    clock_.Advance(service_ns_);
    CompleteAll(samples);
    CompleteAll(samples);
  };
  const TestResult result = Run();
  EXPECT_FALSE(result.valid());
  EXPECT_FALSE(result.peak->found);
  EXPECT_NE(result.reasons.front().find("double completions"), std::string::npos);
  EXPECT_NE(result.peak->statement.find("; reason: " + result.reasons.front()), std::string::npos)
      << result.peak->statement;
  EXPECT_NE(logs_.Read("mlperf_log_detail.txt").find("twice. (trial query 0, sample 0, "),
            std::string::npos);
}

TEST_F(FindPeakTest, AFaultInTheProbeIsAReason) {
  settings_.server_find_peak_max_qps = 200;
  settings_.min_duration_ms = 500;
  uint64_t count = 0;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    clock_.Advance(service_ns_);
    CompleteAll(samples);
    if (++count == 1) CompleteAll(samples);
  };
  const TestResult result = Run();
  EXPECT_FALSE(result.valid());
  ASSERT_FALSE(result.reasons.empty());
  EXPECT_EQ(result.reasons[0].rfind("probe: 1 double completion", 0), 0u) << result.reasons[0];
  EXPECT_NE(logs_.Read("mlperf_log_detail.txt").find("twice. (probe query 0, sample 0, "),
            std::string::npos);
}

TEST_F(FindPeakTest, AProbeWithoutAnswersIsNamedAsTheCauseOfTheEnd) {
  sut_.on_issue = [](const std::vector<QuerySample>&) {};
  gate_.on_poll = [&] { clock_.Advance(900'000'000); };
  settings_.stall_timeout_ms = 15'000;
  const TestResult result = Run();
  EXPECT_TRUE(result.stalled);
  ASSERT_FALSE(result.reasons.empty());
  const std::string& reason = result.reasons.front();
  EXPECT_TRUE(reason.starts_with("probe: stalled: no sample was completed for ")) << reason;
  EXPECT_TRUE(reason.ends_with("; complete every sample, or raise stall_timeout_ms")) << reason;
  const std::string statement = "the test was ended before the search was; reason: " + reason;
  EXPECT_NE(result.peak->statement.find(statement), std::string::npos) << result.peak->statement;
}

TEST_F(FindPeakTest, ASearchWhoseTrialsAreAllKnownAndConfirmedIsValid) {
  service_ns_ = 10;
  settings_.server_find_peak_max_qps = 200;
  settings_.min_duration_ms = 5'000;
  hooks_.start_qps = 100;
  std::vector<TrialOutcome> all;
  hooks_.on_trial = [&](const TrialOutcome& outcome, const PeakAnswer&) { all.push_back(outcome); };
  ASSERT_TRUE(Run().valid());
  hooks_.known = all;
  const TestResult again = Run();
  EXPECT_TRUE(again.valid()) << again.reasons.front();
  EXPECT_FALSE(again.performance);
  EXPECT_GT(again.peak->valid_qps, 0);
}

TEST_F(FindPeakTest, WithoutAConfirmingRunTheLogsSayWhatWasFoundSoFar) {
  int trials = 0;
  hooks_.on_trial = [&](const TrialOutcome&, const PeakAnswer&) {
    if (++trials == 4) AbortTest();
  };
  const TestResult result = Run();
  ASSERT_TRUE(result.peak);
  EXPECT_EQ(result.peak->trials.size(), 4u);
  EXPECT_FALSE(result.performance);
  EXPECT_NE(logs_.Read("mlperf_log_detail.txt").find("\"result_peak_trial_count\", \"value\": 4"),
            std::string::npos);
  EXPECT_NE(logs_.Read("mlperf_log_summary.txt").find("Peak QPS : "), std::string::npos);
}

// ---- What a trial is made of -------------------------------------------------------------------

RunPlan PlanOf(const TestSettings& settings) { return MakeRunPlan(settings, 1000, 1000); }

TEST(TrialBoundsTest, AreThoseOfTheVerdict) {
  TestSettings settings;
  settings.scenario = TestScenario::Server;
  settings.server_target_latency_ns = 15'000'000;
  settings.server_target_latency_percentile = 0.95;
  std::vector<TrialBound> bounds = TrialBounds(PlanOf(settings), std::nullopt);
  ASSERT_EQ(bounds.size(), 1u);
  EXPECT_TRUE(bounds[0].latency);
  EXPECT_DOUBLE_EQ(bounds[0].constraint.bound_s, 0.015);
  EXPECT_NEAR(bounds[0].constraint.over_share, 0.05, 1e-12);

  settings.use_token_latencies = true;
  settings.server_ttft_latency = 2'000'000'000;
  settings.server_tpot_latency = 200'000'000;
  bounds = TrialBounds(PlanOf(settings), std::nullopt);
  ASSERT_EQ(bounds.size(), 2u);
  EXPECT_TRUE(bounds[0].first_token && !bounds[0].per_token && !bounds[0].latency);
  EXPECT_DOUBLE_EQ(bounds[0].constraint.bound_s, 2);
  EXPECT_TRUE(bounds[1].per_token && !bounds[1].first_token && !bounds[1].latency);
  EXPECT_DOUBLE_EQ(bounds[1].constraint.bound_s, 0.2);

  bounds = TrialBounds(PlanOf(settings), 0.9);
  ASSERT_EQ(bounds.size(), 1u);
  EXPECT_TRUE(bounds[0].first_token && bounds[0].per_token && !bounds[0].latency);
  EXPECT_NEAR(bounds[0].constraint.over_share, 0.1, 1e-12);
}

TEST(TrialBoundsTest, OfTheWholeLatencyAndOfAllTogetherIfTheVerdictHasThem) {
  TestSettings settings;
  settings.scenario = TestScenario::Server;
  settings.use_token_latencies = true;
  settings.server_ttft_latency = 2'000'000'000;
  settings.server_tpot_latency = 200'000'000;
  settings.server_e2e_latency = 9'000'000'000;
  settings.server_goodput_share = 0.9;
  const std::vector<TrialBound> bounds = TrialBounds(PlanOf(settings), std::nullopt);
  ASSERT_EQ(bounds.size(), 4u);
  EXPECT_TRUE(bounds[2].latency && !bounds[2].first_token && !bounds[2].per_token);
  EXPECT_DOUBLE_EQ(bounds[2].constraint.bound_s, 9);
  EXPECT_NEAR(bounds[2].constraint.over_share, 0.01, 1e-12);
  EXPECT_TRUE(bounds[3].latency && bounds[3].first_token && bounds[3].per_token);
  EXPECT_NEAR(bounds[3].constraint.over_share, 0.1, 1e-12);

  settings.mode = TestMode::FindPeakPerformance;
  settings.server_find_peak_strategy = PeakStrategy::Estimate;
  EXPECT_NO_THROW(CheckPeakSearch(PlanOf(settings), {}));
  settings.server_goodput_share = 1;
  EXPECT_THROW(CheckPeakSearch(PlanOf(settings), {}), SettingsError);
}

// One query, due at the start, of a trial that is looked at 3 s later.
class OneQuery {
 public:
  OneQuery() {
    slots_.scheduled_delta_ns.Grow(1);
    slots_.issued_ns.Grow(1);
    slots_.completed_ns.Grow(1);
    slots_.first_token_ns.Grow(1);
    slots_.token_count.Grow(1);
    slots_.issued_ns[0] = kStartNs;
  }

  void Answer(int64_t first_token_ns, int64_t completed_ns, int64_t tokens) {
    slots_.first_token_ns[0] = kStartNs + first_token_ns;
    slots_.token_count[0] = tokens;
    slots_.completed_ns[0] = kStartNs + completed_ns;
  }
  void Cancel() { slots_.completed_ns[0] = SampleSlots::CancelledAt(kStartNs + 1); }

  // Queries, and of them over the bound, that each bound of a trial in progress knows.
  std::vector<std::pair<uint64_t, uint64_t>> Known(const TestSettings& settings, bool timed) {
    const RunPlan plan = PlanOf(settings);
    const std::vector<TrialBound> bounds = TrialBounds(plan, std::nullopt);
    TrialRequest request;
    request.rate_qps = 1;
    request.duration_s = 100;
    TrialObserver observer(plan, bounds, request);
    observer.HasSeenEnough({slots_, 1, 0, kStartNs, kStartNs + 3'000'000'000, timed});
    RunRecord none;  // Without queries, nothing is added at the end.
    none.slots = std::make_shared<SampleSlots>();
    std::vector<std::pair<uint64_t, uint64_t>> known;
    for (const OverCounts& counts : observer.Outcome(none, 0).counts) {
      known.emplace_back(counts.queries, counts.over);
    }
    return known;
  }

 private:
  static constexpr int64_t kStartNs = 1'000'000'007;
  SampleSlots slots_;
};

using Known = std::vector<std::pair<uint64_t, uint64_t>>;

TestSettings AllBounds() {
  TestSettings settings;
  settings.scenario = TestScenario::Server;
  settings.use_token_latencies = true;
  settings.server_ttft_latency = 1'000'000'000;
  settings.server_tpot_latency = 100'000'000;
  settings.server_e2e_latency = 2'000'000'000;
  settings.server_goodput_share = 0.9;
  return settings;
}

TEST(TrialObserverTest, WhatIsOutstandingForTooLongIsLateButOfATimedSystem) {
  OneQuery query;
  EXPECT_EQ(query.Known(AllBounds(), false), (Known{{1, 1}, {0, 0}, {1, 1}, {1, 1}}));
  EXPECT_EQ(query.Known(AllBounds(), true), (Known{{0, 0}, {0, 0}, {0, 0}, {0, 0}}));
}

TEST(TrialObserverTest, AnAnswerKeepsEachBoundOrNot) {
  OneQuery query;
  query.Answer(500'000'000, 1'900'000'000, 15);  // 100 ms a token.
  EXPECT_EQ(query.Known(AllBounds(), true), (Known{{1, 0}, {1, 0}, {1, 0}, {1, 0}}));
  query.Answer(500'000'000, 1'900'000'000, 14);
  EXPECT_EQ(query.Known(AllBounds(), true), (Known{{1, 0}, {1, 1}, {1, 0}, {1, 1}}));
  query.Answer(500'000'000, 2'000'000'001, 100);
  EXPECT_EQ(query.Known(AllBounds(), true), (Known{{1, 0}, {1, 0}, {1, 1}, {1, 1}}));
  query.Answer(1'000'000'001, 1'900'000'000, 100);
  EXPECT_EQ(query.Known(AllBounds(), true), (Known{{1, 1}, {1, 0}, {1, 0}, {1, 1}}));
}

TEST(TrialObserverTest, WhatWasCancelledIsNotLate) {
  OneQuery query;
  query.Cancel();
  EXPECT_EQ(query.Known(AllBounds(), true), (Known{{1, 0}, {1, 0}, {1, 0}, {1, 0}}));
}

TEST(TrialPlanTest, HasArrivalsOfItsOwnUnlessItConfirms) {
  TestSettings settings;
  settings.scenario = TestScenario::Server;
  settings.min_duration_ms = 60'000;
  settings.schedule_rng_seed = 5;
  const RunPlan plan = PlanOf(settings);
  const std::vector<TrialBound> bounds = TrialBounds(plan, std::nullopt);
  TrialRequest request;
  request.kind = TrialKind::Measure;
  request.rate_qps = 123;
  request.duration_s = 2.5;
  const RunPlan first = TrialPlan(plan, bounds, request);
  request.number = 1;
  const RunPlan second = TrialPlan(plan, bounds, request);
  EXPECT_EQ(first.target_qps, 123);
  EXPECT_EQ(first.min_duration_ms, 2500u);
  EXPECT_NE(static_cast<uint32_t>(first.schedule_rng_seed), 5u);
  EXPECT_NE(static_cast<uint32_t>(first.schedule_rng_seed),
            static_cast<uint32_t>(second.schedule_rng_seed));

  request.kind = TrialKind::Confirm;
  const RunPlan confirming = TrialPlan(plan, bounds, request);
  EXPECT_EQ(confirming.target_qps, 123);
  EXPECT_EQ(confirming.min_duration_ms, 60'000u);
  EXPECT_EQ(confirming.schedule_rng_seed, 5u);
}

}  // namespace
}  // namespace mlperf::loadgen
