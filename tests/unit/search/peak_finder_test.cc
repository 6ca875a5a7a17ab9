// Goal: a search finds the long-run peak of systems of many kinds, from any start, at the promised
// cost, says how sure it is, and goes on from where it was left. Method: complete searches against
// simulated systems whose peak is known; tests/soak/peak_coverage.cc does some thousand of them.
#include "search/peak_finder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "evaluate/early_stopping.h"
#include "helpers/simulated_systems.h"

namespace mlperf::loadgen {
namespace {

using simulated::MD1;
using simulated::RunSearch;
using simulated::SearchRun;
using simulated::System;

PeakFinderOptions Options(const System& system, double min_duration_s) {
  PeakFinderOptions options;
  options.constraints = {{system.bound_s, 0.01}};
  options.min_duration_s = min_duration_s;
  options.start_qps = 100;
  options.max_qps = 20000;
  return options;
}

// ---- The estimate ------------------------------------------------------------------------------

TEST(PeakFinderTest, FindsThePeakAndCoversIt) {
  struct Case {
    System system;
    double min_duration_s, peak_qps, most_error;
  };
  // M/M/1 in closed form, 2000 - ln(100) / 10 ms; the cliff by its making; the others by long
  // simulations with other seeds (tests/soak/peak_coverage.cc).
  const Case kCases[] = {
      {MD1("M/D/1, 10 ms", 0.010), 10, 1771.2, 0.01}, {MD1("M/D/1, 5 ms", 0.005), 10, 1547.1, 0.01},
      {simulated::MM1(), 20, 1539.5, 0.02},           {simulated::TwoWorkers(), 10, 1699.6, 0.015},
      {simulated::Batching(), 10, 1190.9, 0.015},     {simulated::Cliff(), 10, 1000, 0.01},
      {simulated::Noisy(), 10, 1766.8, 0.015},        {simulated::Pausing(), 30, 2037.5, 0.05}};
  constexpr size_t kSearches = 10;
  size_t covered = 0, all = 0;
  for (const Case& c : kCases) {
    std::vector<double> errors;
    for (uint64_t seed = 1; seed <= kSearches; ++seed) {
      const SearchRun run = RunSearch(c.system, Options(c.system, c.min_duration_s), seed);
      const PeakAnswer& answer = run.answer;
      EXPECT_NE(answer.end, PeakEnd::Open) << c.system.name;
      EXPECT_LE(run.wall_s, 9.2 * c.min_duration_s) << c.system.name << " " << seed;
      errors.push_back(std::abs(answer.rate_qps / c.peak_qps - 1));
      covered += answer.low_qps <= c.peak_qps && c.peak_qps <= answer.high_qps;
      ++all;
    }
    std::sort(errors.begin(), errors.end());
    EXPECT_LT(errors[kSearches / 2], c.most_error) << c.system.name;
  }
  // At 95 %: 76 of 80, deviation 1.9.
  EXPECT_GE(covered, all - 10);
}

TEST(PeakFinderTest, ConvergesWithinTheBudgetOnAQueueWithFixedService) {
  for (const double bound_s : {0.005, 0.010}) {
    const System system = MD1("", bound_s);
    size_t converged = 0;
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      const PeakAnswer answer = RunSearch(system, Options(system, 60), seed).answer;
      if (answer.end != PeakEnd::Converged) continue;
      ++converged;
      EXPECT_LE(answer.high_qps - answer.low_qps, 2 * 0.0101 * answer.rate_qps);
      ASSERT_TRUE(answer.valid_qps.has_value());
      EXPECT_LT(*answer.valid_qps, answer.rate_qps);
      EXPECT_GT(*answer.valid_qps, answer.rate_qps * 0.95);
    }
    EXPECT_GE(converged, 4u) << bound_s;
  }
}

TEST(PeakFinderTest, AnyStartLeadsToThePeak) {
  const System system = MD1("", 0.010);
  for (const double start_qps : {17.0, 177.0, 1771.0, 17710.0, 177100.0}) {
    PeakFinderOptions options = Options(system, 10);
    options.start_qps = start_qps;
    options.max_qps = 1e6;
    const SearchRun run = RunSearch(system, options, 3);
    EXPECT_NEAR(run.answer.rate_qps, 1771.2, 0.025 * 1771.2) << start_qps;
    double bracketing_s = 0;
    for (const TrialOutcome& outcome : run.outcomes) {
      if (outcome.request.kind == TrialKind::Bracket) bracketing_s += outcome.wall_s;
    }
    EXPECT_LT(bracketing_s, 10) << start_qps;
  }
}

TEST(PeakFinderTest, TheSmallestPeakOfSeveralConstraintsCounts) {
  const System tight = MD1("", 0.005), loose = MD1("", 0.010);
  PeakFinderOptions options = Options(tight, 10);
  options.constraints.push_back({0.010, 0.01});
  PeakFinder finder(options);
  while (const auto request = finder.Next()) {
    // The same arrivals, seen twice.
    TrialRequest second = *request;
    second.control_service_s = {request->control_service_s[1]};
    TrialOutcome outcome = RunRequest(tight, options.constraints[0], *request, 5);
    const TrialOutcome other = RunRequest(loose, options.constraints[1], second, 5);
    outcome.counts.push_back(other.counts[0]);
    outcome.valid = outcome.valid && other.valid;
    finder.Add(outcome);
  }
  EXPECT_NEAR(finder.Answer().rate_qps, 1547.1, 0.015 * 1547.1);
}

// ---- Ends --------------------------------------------------------------------------------------

TEST(PeakFinderTest, SaysWhenNothingFails) {
  const System system = simulated::NeverFails();
  const SearchRun run = RunSearch(system, Options(system, 10), 1);
  EXPECT_EQ(run.answer.end, PeakEnd::Limit);
  EXPECT_EQ(run.answer.valid_qps, 20000);
  EXPECT_EQ(run.answer.rate_qps, 20000);
  EXPECT_LT(run.wall_s, 20);  // The confirming run and little else.
}

TEST(PeakFinderTest, SaysWhenNothingPassesAndWhatTheBestWas) {
  const System system = simulated::NeverPasses();
  const SearchRun run = RunSearch(system, Options(system, 10), 1);
  EXPECT_EQ(run.answer.end, PeakEnd::NeverPasses);
  EXPECT_EQ(run.answer.valid_qps, std::nullopt);
  EXPECT_LT(run.answer.lowest_qps, 20);
  EXPECT_EQ(run.answer.lowest_over_share, 1);
  EXPECT_LT(run.wall_s, 20);
}

TEST(PeakFinderTest, TheBudgetEndsIt) {
  const System system = simulated::MM1();
  PeakFinderOptions options = Options(system, 10);
  options.time_budget_s = 40;
  const SearchRun run = RunSearch(system, options, 1);
  EXPECT_EQ(run.answer.end, PeakEnd::BudgetUsed);
  EXPECT_LE(run.wall_s, 50);
  EXPECT_GT(run.answer.high_qps, run.answer.low_qps);
}

TEST(PeakFinderTest, WhatPassedIsKnownWhereNoTimeWasLeftToFindWhatFails) {
  const System system = simulated::NeverFails();
  PeakFinderOptions options = Options(system, 10);
  options.max_qps = 1e6;
  for (const double budget_s : {0.001, 1.0, 12.0}) {
    options.time_budget_s = budget_s;
    const PeakAnswer answer = RunSearch(system, options, 1).answer;
    EXPECT_EQ(answer.end, PeakEnd::BudgetUsed);
    ASSERT_TRUE(answer.valid_qps.has_value()) << budget_s;
    EXPECT_GE(*answer.valid_qps, options.start_qps);
    EXPECT_GE(answer.rate_qps, *answer.valid_qps);
    EXPECT_EQ(answer.low_qps, *answer.valid_qps);
    EXPECT_GT(answer.high_qps, answer.rate_qps);
  }
}

TEST(PeakFinderTest, TrialsThatPassedAreAnAnswerWhereTheConfirmationWasRefused) {
  PeakFinderOptions options = Options(simulated::NeverFails(), 10);
  options.time_budget_s = 12;
  PeakFinder finder(options);
  double highest_qps = 0;
  while (const auto request = finder.Next()) {
    const bool confirms = request->kind == TrialKind::Confirm;
    TrialOutcome outcome = RunRequest(simulated::NeverFails(), options.constraints[0], *request, 5);
    outcome.wall_s = confirms ? *options.time_budget_s : 1;
    outcome.valid = false;
    if (!confirms) highest_qps = std::max(highest_qps, request->rate_qps);
    finder.Add(outcome);
  }
  const PeakAnswer answer = finder.Answer();
  EXPECT_EQ(answer.end, PeakEnd::BudgetUsed);
  EXPECT_EQ(answer.valid_qps, std::nullopt);
  EXPECT_GT(answer.rate_qps, 0);
  EXPECT_LE(answer.rate_qps, highest_qps);
  EXPECT_EQ(answer.low_qps, 0);
}

TEST(PeakFinderTest, ARefusedConfirmationIsRepeatedLowerAFewTimes) {
  const System system = MD1("", 0.010);
  PeakFinderOptions options = Options(system, 10);
  options.time_budget_s = 1000;
  PeakFinder finder(options);
  std::vector<double> confirmed;
  while (const auto request = finder.Next()) {
    TrialOutcome outcome = RunRequest(system, options.constraints[0], *request, 2);
    outcome.valid = false;
    if (request->kind == TrialKind::Confirm) {
      EXPECT_EQ(request->duration_s, 10);
      confirmed.push_back(request->rate_qps);
    }
    finder.Add(outcome);
  }
  ASSERT_EQ(confirmed.size(), 3u);
  EXPECT_LT(confirmed[1], confirmed[0] * 0.995);
  EXPECT_LT(confirmed[2], confirmed[1] * 0.995);
  EXPECT_EQ(finder.Answer().valid_qps, std::nullopt);
}

TEST(PeakFinderTest, ARefusedConfirmationIsRepeatedALittleLowerHoweverCoarseThePrecision) {
  const System system = MD1("", 0.010);
  PeakFinderOptions options = Options(system, 10);
  options.precision = 0.99;
  options.time_budget_s = 1000;
  PeakFinder finder(options);
  while (const auto request = finder.Next()) {
    TrialOutcome outcome = RunRequest(system, options.constraints[0], *request, 2);
    outcome.valid = false;
    EXPECT_GT(request->rate_qps, 10);
    EXPECT_LE(request->duration_s, 10);  // At hardly any rate its queries would take for ever.
    finder.Add(outcome);
  }
}

TEST(PeakFinderTest, AStartAtWhichHardlyAnyQueryArrivesIsLeftAtOnce) {
  for (const double start_qps : {1e-300, 1e-3}) {
    const System system = MD1("", 0.010);
    PeakFinderOptions options = Options(system, 10);
    options.start_qps = start_qps;
    const SearchRun run = RunSearch(system, options, 3);
    EXPECT_GE(run.outcomes[1].request.rate_qps, 1);  // 10 queries a run.
    EXPECT_NEAR(run.answer.rate_qps, 1771.2, 0.025 * 1771.2);
  }
}

TEST(PeakFinderTest, NoRunIsBegunWhoseQueriesTakeLongerThanTheBudget) {
  PeakFinderOptions options = Options(simulated::NeverFails(), 10);
  options.start_qps = options.max_qps = 1e-3;  // 100 queries take a day.
  const SearchRun run = RunSearch(simulated::NeverFails(), options, 1);
  for (const TrialOutcome& outcome : run.outcomes) EXPECT_LE(outcome.request.duration_s, 70);
  EXPECT_EQ(run.answer.end, PeakEnd::BudgetUsed);
  EXPECT_EQ(run.answer.valid_qps, std::nullopt);
}

// ---- A peak that cannot be confirmed -----------------------------------------------------------

size_t CountConfirming(const SearchRun& run) {
  return static_cast<size_t>(std::ranges::count_if(
      run.outcomes, [](const TrialOutcome& o) { return o.request.kind == TrialKind::Confirm; }));
}

// 0.3 s at 500/s are 150 queries, and early stopping at p99 asks for 459.
TEST(PeakFinderTest, ARunOfTooFewQueriesIsNotRepeatedAndWhatSettlesItIsNamed) {
  const System system = simulated::NeverFails();
  PeakFinderOptions options = Options(system, 0.3);
  options.max_qps = 500;
  options.min_queries = 50;
  options.fewest_valid_queries = MinQueriesForOverlatency(0, 0.99);
  const SearchRun run = RunSearch(system, options, 1);
  EXPECT_EQ(CountConfirming(run), 1u);
  EXPECT_EQ(run.answer.end, PeakEnd::Unconfirmed);
  EXPECT_EQ(run.answer.too_few_qps, 500);
  EXPECT_EQ(run.answer.rate_qps, 500);  // It passed in trials, but that is all that is known.
  EXPECT_EQ(run.answer.at_least_qps, 0);

  options.min_duration_s = run.answer.settling_min_duration_s;
  options.time_budget_s = run.answer.settling_budget_s;
  EXPECT_GE(options.min_duration_s * 500, 459);
  const SearchRun settled = RunSearch(system, options, 1);
  EXPECT_EQ(settled.answer.end, PeakEnd::Limit);
  EXPECT_EQ(settled.answer.valid_qps, 500);
}

TEST(PeakFinderTest, RunsAtTheLimitThatAreRefusedForAnotherReasonAreRepeatedTwice) {
  PeakFinderOptions options = Options(simulated::NeverFails(), 10);
  options.time_budget_s = 10000;
  PeakFinder finder(options);
  size_t confirming = 0;
  while (const auto request = finder.Next()) {
    TrialOutcome outcome = RunRequest(simulated::NeverFails(), options.constraints[0], *request, 5);
    outcome.valid = false;
    confirming += request->kind == TrialKind::Confirm ? 1 : 0;
    finder.Add(outcome);
  }
  EXPECT_EQ(confirming, 3u);
  EXPECT_EQ(finder.Answer().end, PeakEnd::Unconfirmed);
  EXPECT_EQ(finder.Answer().settling_budget_s, 0);
}

// ---- Queries that fail -------------------------------------------------------------------------

// Of each query the chance to fail depends on the rate.
PeakAnswer SearchWithFailures(const PeakFinderOptions& options, uint64_t seed,
                              double (*chance)(double qps)) {
  PeakFinder finder(options);
  simulated::Dice dice(seed);
  while (const auto request = finder.Next()) {
    TrialOutcome outcome =
        RunRequest(simulated::NeverFails(), options.constraints[0], *request, seed);
    for (uint64_t i = 0; i < outcome.issued; ++i) {
      outcome.failed += dice.Uniform() < chance(request->rate_qps) ? 1 : 0;
    }
    outcome.completed -= std::min(outcome.completed, outcome.failed);
    outcome.counts[0].over = outcome.failed;
    outcome.valid = outcome.valid && outcome.failed == 0;
    finder.Add(outcome);
  }
  return finder.Answer();
}

TEST(PeakFinderTest, ATrialInWhichAQueryFailedPassesOnlyWithAGoodput) {
  PeakFinderOptions options = Options(simulated::NeverFails(), 10);
  TrialOutcome outcome;
  outcome.issued = 1000;
  outcome.failed = 1;
  outcome.counts.resize(1);
  outcome.counts[0].queries = 1000;
  outcome.counts[0].over = 1;
  EXPECT_TRUE(TrialFails(options, outcome));
  options.failed_may_pass = true;
  EXPECT_FALSE(TrialFails(options, outcome));
}

TEST(PeakFinderTest, WhereQueriesFailAtAnyRateNoPeakIsDeterminedAndNoBudgetPromised) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    for (const double min_duration_s : {0.5, 10.0}) {
      const PeakAnswer answer = SearchWithFailures(Options(simulated::NeverFails(), min_duration_s),
                                                   seed, [](double) { return 1 / 151.0; });
      EXPECT_FALSE(answer.low_qps > 0 && std::isfinite(answer.high_qps))
          << answer.low_qps << " " << answer.high_qps;
      EXPECT_EQ(answer.valid_qps, std::nullopt);
      if (answer.end != PeakEnd::BudgetUsed) continue;
      EXPECT_TRUE(answer.by_failures);
      EXPECT_EQ(answer.settling_budget_s, 0);
    }
  }
}

TEST(PeakFinderTest, WhereQueriesBeginToFailIsThePeak) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const PeakAnswer answer =
        SearchWithFailures(Options(simulated::NeverFails(), 10), seed,
                           [](double qps) { return qps > 1000 ? 0.005 : 0.0; });
    EXPECT_TRUE(answer.by_failures);
    EXPECT_GT(answer.low_qps, 900);
    EXPECT_LE(answer.low_qps, 1000);
    EXPECT_GT(answer.high_qps, 1000);
    EXPECT_LT(answer.high_qps, 1100);
    ASSERT_TRUE(answer.valid_qps.has_value());
    EXPECT_LE(*answer.valid_qps, 1000);
  }
}

TEST(PeakFinderTest, TheBudgetIsOneConstantUnlessGiven) {
  const System system = simulated::MM1();  // Takes all it is given.
  PeakFinderOptions options = Options(system, 10);
  const SearchRun by_default = RunSearch(system, options, 1);
  options.time_budget_s = kPeakBudgetDurations * options.min_duration_s;
  EXPECT_EQ(by_default.wall_s, RunSearch(system, options, 1).wall_s);
}

TEST(PeakFinderTest, ASearchThatWasTooShortNamesWhatSettlesIt) {
  for (const System& system : {simulated::MM1(), simulated::Cliff(), simulated::Batching()}) {
    PeakFinderOptions options = Options(system, 0.3);
    const PeakAnswer answer = RunSearch(system, options, 3).answer;
    ASSERT_EQ(answer.end, PeakEnd::BudgetUsed) << system.name;
    const bool open = answer.low_qps == 0 || std::isinf(answer.high_qps);
    ASSERT_TRUE(open) << system.name;
    EXPECT_GT(answer.settling_budget_s, kPeakBudgetDurations * options.min_duration_s);
    options.time_budget_s = answer.settling_budget_s;
    options.min_duration_s = std::max(options.min_duration_s, answer.settling_min_duration_s);
    const PeakAnswer settled = RunSearch(system, options, 3).answer;
    EXPECT_GT(settled.low_qps, 0) << system.name;
    EXPECT_LT(settled.high_qps, options.max_qps) << system.name;
  }
}

TEST(PeakFinderTest, WhatIsKnownOfAPeakIsNeverBeyondIt) {
  const System system = MD1("", 0.010);
  for (const double min_duration_s : {0.1, 0.3, 1.0, 10.0}) {
    const PeakAnswer answer = RunSearch(system, Options(system, min_duration_s), 2).answer;
    EXPECT_LE(answer.at_least_qps, 1.03 * 1771.2) << min_duration_s;
    EXPECT_GE(answer.at_most_qps, 0.97 * 1771.2) << min_duration_s;
    EXPECT_LE(answer.at_least_qps, answer.at_most_qps);
  }
}

TEST(PeakFinderTest, RefusesOutcomesThatCannotBe) {
  const System system = MD1("", 0.010);
  const PeakFinderOptions options = Options(system, 1);
  const TrialOutcome good = RunSearch(system, options, 1).outcomes.front();
  void (*const kSpoil[])(TrialOutcome*) = {
      [](TrialOutcome* o) { o->request.rate_qps = 0; },
      [](TrialOutcome* o) { o->request.rate_qps = std::nan(""); },
      [](TrialOutcome* o) { o->request.rate_qps = INFINITY; },
      [](TrialOutcome* o) { o->request.duration_s = -1; },
      [](TrialOutcome* o) { o->elapsed_s = std::nan(""); },
      [](TrialOutcome* o) { o->elapsed_s = 0; },
      [](TrialOutcome* o) { o->wall_s = -1; },
      [](TrialOutcome* o) { o->completed = o->issued + 1; },
      [](TrialOutcome* o) { o->counts.clear(); },
      [](TrialOutcome* o) { o->counts[0].over = o->counts[0].queries + 1; },
      [](TrialOutcome* o) { o->request.control_service_s = {1, 2}; },
      [](TrialOutcome* o) { o->request.control_service_s = {std::nan("")}; }};
  for (const auto spoil : kSpoil) {
    TrialOutcome outcome = good;
    spoil(&outcome);
    EXPECT_THROW(PeakFinder(options).Add(outcome), std::invalid_argument);
  }
  PeakFinder(options).Add(good);
}

// ---- Going on ----------------------------------------------------------------------------------

TEST(PeakFinderTest, GoesOnFromEarlierOutcomes) {
  const System system = MD1("", 0.010);
  const PeakFinderOptions options = Options(system, 10);
  const SearchRun run = RunSearch(system, options, 4);
  ASSERT_GT(run.outcomes.size(), 6u);
  for (size_t kept = 0; kept <= run.outcomes.size(); ++kept) {
    PeakFinder resumed(options);
    for (size_t i = 0; i < kept; ++i) resumed.Add(run.outcomes[i]);
    const auto next = resumed.Next();
    ASSERT_EQ(next.has_value(), kept < run.outcomes.size());
    if (!next) break;
    EXPECT_EQ(next->kind, run.outcomes[kept].request.kind);
    EXPECT_EQ(next->rate_qps, run.outcomes[kept].request.rate_qps);
    EXPECT_EQ(next->duration_s, run.outcomes[kept].request.duration_s);
    EXPECT_EQ(next->number, kept);
  }
}

TEST(PeakFinderTest, RefusesWhatNoSearchCanRunWith) {
  const PeakFinderOptions good = Options(MD1("", 0.010), 10);
  struct Case {
    std::string name;
    void (*spoil)(PeakFinderOptions*);
  };
  const Case kCases[] = {
      {"number of constraints", [](PeakFinderOptions* o) { o->constraints.clear(); }},
      {"bound_s", [](PeakFinderOptions* o) { o->constraints[0].bound_s = 0; }},
      {"over_share", [](PeakFinderOptions* o) { o->constraints[0].over_share = 0.5; }},
      {"min_duration_s", [](PeakFinderOptions* o) { o->min_duration_s = 0; }},
      {"start_qps", [](PeakFinderOptions* o) { o->start_qps = -1; }},
      {"max_qps", [](PeakFinderOptions* o) { o->max_qps = 99; }},
      {"precision", [](PeakFinderOptions* o) { o->precision = 0; }},
      {"precision", [](PeakFinderOptions* o) { o->precision = 2; }},
      {"precision", [](PeakFinderOptions* o) { o->precision = std::nan(""); }},
      {"confidence", [](PeakFinderOptions* o) { o->confidence = 1; }},
      {"start_qps", [](PeakFinderOptions* o) { o->start_qps = INFINITY; }},
      {"min_duration_s", [](PeakFinderOptions* o) { o->min_duration_s = INFINITY; }},
      {"bound_s", [](PeakFinderOptions* o) { o->constraints[0].bound_s = std::nan(""); }},
      {"time_budget_s", [](PeakFinderOptions* o) { o->time_budget_s = 0; }},
      {"time_budget_s", [](PeakFinderOptions* o) { o->time_budget_s = -1; }},
      {"time_budget_s", [](PeakFinderOptions* o) { o->time_budget_s = INFINITY; }}};
  for (const Case& c : kCases) {
    PeakFinderOptions options = good;
    c.spoil(&options);
    try {
      PeakFinder finder(options);
      ADD_FAILURE() << c.name;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(c.name), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(PeakFinder(good).Add({}), std::invalid_argument);
}

}  // namespace
}  // namespace mlperf::loadgen
