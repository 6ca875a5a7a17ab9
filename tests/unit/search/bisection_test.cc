// Goal: the search finds the highest load that passes, in the trials and with the messages of the
// reference, and ends whatever the system does. Method: systems made of a function from load to
// pass or fail: a cliff, systems without one, noise, and a search that is stopped.
#include "search/bisection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "traffic/random.h"

namespace mlperf::loadgen {
namespace {

constexpr size_t kUnlimited = std::numeric_limits<size_t>::max();

using System = std::function<bool(double qps)>;  // Whether it takes the load.

struct Search {
  PeakSearchResult result;
  std::vector<std::string> messages;
  std::vector<double> loads;  // Of the trials, in order.
  std::vector<std::string> kinds;
};

Search Find(const PeakSearchOptions& options, const System& system,
            size_t stop_after_trials = kUnlimited) {
  Search search;
  const auto run = [&](double qps, std::string_view kind) {
    search.loads.push_back(qps);
    search.kinds.emplace_back(kind);
    PeakTrial trial;
    trial.qps = qps;
    trial.passed = system(qps);
    return trial;
  };
  search.result = SearchPeak(
      options, run, [&](const std::string& text) { search.messages.push_back(text); },
      [&] { return search.loads.size() >= stop_after_trials; });
  // The trials are listed, but for one that was aborted, and the result is the last that passed.
  const bool aborted = search.loads.size() >= stop_after_trials && !system(search.loads.back());
  EXPECT_EQ(search.result.trials.size() + (aborted ? 1 : 0), search.loads.size());
  double last_passed = 0;
  for (size_t i = 0; i < search.result.trials.size(); ++i) {
    EXPECT_EQ(search.result.trials[i].qps, search.loads[i]);
    if (search.result.trials[i].passed) last_passed = search.loads[i];
  }
  EXPECT_EQ(search.result.qps, last_passed);
  return search;
}

System Cliff(double capacity) {
  return [capacity](double qps) { return qps <= capacity; };
}

bool Contains(const std::vector<std::string>& messages, const std::string& part) {
  return std::any_of(messages.begin(), messages.end(), [&](const std::string& message) {
    return message.find(part) != std::string::npos;
  });
}

// ---- The reference's run -----------------------------------------------------------------------

TEST(PeakSearchTest, MessagesAreTheReferences) {
  const std::string mid = "FindPeakPerformanceBinarySearch: Testing the mid value of bounds ";
  const Search search = Find({.first_qps = 100, .step = 1, .decimals = 0}, Cliff(979));
  EXPECT_TRUE(search.result.found);
  EXPECT_EQ(search.result.qps, 978.125);
  std::vector<std::string> kinds = {"start"};
  kinds.resize(5, "boundary");
  kinds.resize(14, "middle");
  EXPECT_EQ(search.kinds, kinds);
  EXPECT_EQ(search.messages,
            (std::vector<std::string>{
                "FindPeakPerformance: Check validity of the base settings field: 100.000000",
                "FindBoundaries: Checking fields [100.000000, 200.000000)",
                "FindBoundaries: Checking fields [200.000000, 400.000000)",
                "FindBoundaries: Checking fields [400.000000, 800.000000)",
                "FindBoundaries: Checking fields [800.000000, 1600.000000)",
                "FindPeakPerformance: Found boundaries: [800.000000, 1600.000000)",
                mid + "[800.000000, 1600.000000): 1200.000000",
                mid + "[800.000000, 1200.000000): 1000.000000",
                mid + "[800.000000, 1000.000000): 900.000000",
                mid + "[900.000000, 1000.000000): 950.000000",
                mid + "[950.000000, 1000.000000): 975.000000",
                mid + "[975.000000, 1000.000000): 987.500000",
                mid + "[975.000000, 987.500000): 981.250000",
                mid + "[975.000000, 981.250000): 978.125000",
                mid + "[978.125000, 981.250000): 979.687500",
                "FindPeakPerformance: Found peak performance field: 978.125000",
            }));
}

// ---- Cliffs ------------------------------------------------------------------------------------

TEST(PeakSearchTest, FindsTheCliffToTheDecimals) {
  for (double capacity : {1.0, 1.5, 3.14159, 99.99, 100.0, 12345.678}) {
    for (int decimals : {0, 1, 2, 4}) {
      for (double step : {0.1, 1.0, 9.0}) {
        const Search search =
            Find({.first_qps = 1, .step = step, .decimals = decimals}, Cliff(capacity));
        ASSERT_TRUE(search.result.found);
        EXPECT_LE(search.result.qps, capacity);
        // The bounds share the digit, or touch in neighbouring ones.
        EXPECT_LT(capacity - search.result.qps, 2 * std::pow(10, -decimals))
            << capacity << ", " << decimals << " decimals, step " << step;
        EXPECT_LT(search.loads.size(), 150u);
      }
    }
  }
}

TEST(PeakSearchTest, StepWidensTheBounds) {
  const Search search = Find({.first_qps = 10, .step = 0.5, .decimals = 0}, Cliff(30));
  const std::vector<double> widening = {10, 15, 22.5, 33.75};
  ASSERT_GE(search.loads.size(), widening.size());
  for (size_t i = 0; i < widening.size(); ++i) EXPECT_EQ(search.loads[i], widening[i]);
  EXPECT_TRUE(Contains(search.messages, "Found boundaries: [22.500000, 33.750000)"));
}

TEST(PeakSearchTest, CliffRightAboveTheFirstLoad) {
  const Search search = Find({.first_qps = 100, .step = 1, .decimals = 1}, Cliff(100));
  EXPECT_TRUE(search.result.found);
  EXPECT_EQ(search.result.qps, 100);
}

TEST(PeakSearchTest, MoreDecimalsThanADoubleHasEndsAtNeighbours) {
  const double capacity = 1000.3;
  const Search search = Find({.first_qps = 100, .step = 1, .decimals = 15}, Cliff(capacity));
  EXPECT_EQ(search.result.qps, capacity);
  EXPECT_LT(search.loads.size(), 80u);
}

// ---- Systems without a cliff -------------------------------------------------------------------

TEST(PeakSearchTest, NothingIsFoundIfTheFirstLoadFails) {
  const Search search = Find({.first_qps = 100, .step = 1, .decimals = 1}, Cliff(99));
  EXPECT_FALSE(search.result.found);
  EXPECT_EQ(search.result.qps, 0);
  EXPECT_EQ(search.loads, std::vector<double>{100});
  EXPECT_EQ(search.messages,
            std::vector<std::string>{
                "FindPeakPerformance: Check validity of the base settings field: 100.000000"});
}

TEST(PeakSearchTest, EndsAtTheLimitAndSaysSoIfEveryLoadPasses) {
  const auto always = [](double) { return true; };
  for (double step : {0.5, 1.0, 1e12}) {
    const Search search = Find({.first_qps = 100, .step = step}, always);
    EXPECT_TRUE(search.result.found);
    EXPECT_EQ(search.result.qps, 1e9);
    EXPECT_EQ(*std::max_element(search.loads.begin(), search.loads.end()), 1e9);
    EXPECT_TRUE(Contains(search.messages, "Every load up to the limit of 1000000000.000000"));
    EXPECT_FALSE(search.result.determined);
    EXPECT_TRUE(search.result.at_limit);
    EXPECT_EQ(PeakStatement(search.result),
              "not determined, at least 1e+09 queries/s: no rate up to the limit failed; raise "
              "server_find_peak_max_qps to look further");
    EXPECT_FALSE(Contains(search.messages, "Found boundaries"));
  }
}

TEST(PeakSearchTest, StepTooSmallToMoveTheLoadEnds) {
  const Search search = Find({.first_qps = 100, .step = 1e-300}, Cliff(150));
  EXPECT_TRUE(search.result.found);
  EXPECT_EQ(search.loads, std::vector<double>{100});
  EXPECT_FALSE(search.result.determined || search.result.at_limit);
  EXPECT_NE(PeakStatement(search.result).find("step is too small"), std::string::npos);
}

TEST(PeakSearchTest, CliffBelowTheLimitIsFound) {
  const Search search =
      Find({.first_qps = 100, .step = 1, .decimals = 0, .limit_qps = 250}, Cliff(230));
  EXPECT_EQ(search.loads.at(2), 250) << "the limit itself is tried";
  EXPECT_NEAR(search.result.qps, 230, 2);
  EXPECT_FALSE(Contains(search.messages, "Every load"));
}

TEST(PeakSearchTest, NoiseCannotKeepItFromEnding) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    RandomEngine noise(seed);
    const auto system = [&](double qps) {
      const double chance = 1 / (1 + std::exp((qps - 500) / 100));  // Fades from 1 to 0.
      return noise.Unit() < chance;
    };
    const Search search = Find({.first_qps = 100, .step = 1, .decimals = 3}, system);
    EXPECT_LT(search.loads.size(), 100u) << seed;
    // Whatever passed last is also the highest that passed.
    for (const PeakTrial& trial : search.result.trials) {
      if (trial.passed) {
        EXPECT_LE(trial.qps, search.result.qps) << seed;
      }
    }
  }
}

// ---- What is said ------------------------------------------------------------------------------

TEST(PeakSearchTest, WhatIsKnownIsSaidFirst) {
  const PeakSearchResult found =
      Find({.first_qps = 100, .step = 1, .decimals = 0}, Cliff(979)).result;
  EXPECT_TRUE(found.determined);
  EXPECT_EQ(PeakStatement(found), "978.125 queries/s (978.125 to 979.688)");

  PeakSearchResult open;
  open.found = true;
  open.end = "the time budget was used";
  EXPECT_EQ(PeakStatement(open),
            "not determined, neither end of it is known: the time budget was used");
  open.at_most_qps = 950;
  EXPECT_EQ(PeakStatement(open), "not determined, at most 950 queries/s: the time budget was used");
  open.at_least_qps = 800;
  open.settling_budget_s = 120;
  EXPECT_EQ(PeakStatement(open),
            "not determined, at least 800 and at most 950 queries/s: the time budget was used; a "
            "time budget of 120 s is likely to settle it");
  open.settling_min_duration_s = 3;
  EXPECT_NE(PeakStatement(open).find("120 s with a min_duration of 3 s is likely"),
            std::string::npos);
  open.found = false;
  EXPECT_EQ(PeakStatement(open).find("not determined, at least 800 and at most 950"), 0u);
  open.none_passes = true;
  EXPECT_EQ(PeakStatement(open), "none: the time budget was used");
}

TEST(PeakSearchTest, WhatPassedInTrialsIsSaidWhereNothingMoreIsKnown) {
  PeakSearchResult open;
  open.found = true;
  open.end = "the end";
  const auto add = [&](double qps, bool passed, const char* kind) {
    PeakTrial trial;
    trial.qps = qps;
    trial.passed = passed;
    trial.kind = kind;
    open.trials.push_back(trial);
  };
  add(100, true, "bracket");
  add(500, true, "bracket");
  add(500, false, "confirm");
  EXPECT_EQ(PeakStatement(open),
            "not determined, neither end of it is known, though trials passed at up to 500 "
            "queries/s: the end");
}

TEST(PeakSearchTest, OnlyASearchThatWasNotStoppedKnowsThatNonePasses) {
  const PeakSearchOptions options{.first_qps = 100, .step = 1, .decimals = 0};
  EXPECT_TRUE(Find(options, Cliff(50)).result.none_passes);
  EXPECT_FALSE(Find(options, Cliff(50), 1).result.none_passes);
  EXPECT_FALSE(Find(options, Cliff(150)).result.none_passes);
}

// ---- Stopped -----------------------------------------------------------------------------------

TEST(PeakSearchTest, StoppedSearchKeepsWhatPassed) {
  const PeakSearchOptions options{.first_qps = 100, .step = 1, .decimals = 0};
  const Search whole = Find(options, Cliff(979));
  for (size_t trials = 1; trials < whole.loads.size(); ++trials) {
    const Search search = Find(options, Cliff(979), trials);
    ASSERT_EQ(search.loads.size(), trials) << "no trial after the stop";
    EXPECT_TRUE(search.result.found);
    double passed = 0;
    for (size_t i = 0; i < trials; ++i) {
      EXPECT_EQ(search.loads[i], whole.loads[i]);
      if (whole.loads[i] <= 979) passed = whole.loads[i];
    }
    EXPECT_EQ(search.result.qps, passed);
    EXPECT_FALSE(search.result.determined || search.result.at_limit);
    EXPECT_EQ(search.result.at_least_qps, passed);
  }
}

}  // namespace
}  // namespace mlperf::loadgen
