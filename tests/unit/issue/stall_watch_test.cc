// Goal: a silence is counted from the last completion, and only while it is looked for. Method:
// looks at stated times and counts, in a table of scripts.
#include "issue/stall_watch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mlperf::loadgen {
namespace {

constexpr int64_t kMs = 1000000;

struct Look {
  int64_t now_ms;
  uint64_t completed;
  bool silent;
};

struct Script {
  std::string name;
  int64_t timeout_ms;
  std::vector<Look> looks;
};

TEST(StallWatchTest, CountsTheTimeSinceTheLastCompletion) {
  const std::vector<Script> scripts = {
      {"never with 0", 0, {{1, 0, false}, {900000, 0, false}}},
      {"from the first look", 100, {{5000, 0, false}, {5099, 0, false}, {5100, 0, true}}},
      {"completions restart it",
       100,
       {{0, 0, false}, {99, 1, false}, {198, 1, false}, {199, 1, true}}},
      {"time without looks is not counted",
       3000,
       {{0, 4, false}, {1000, 4, false}, {9000, 4, false}, {10000, 4, false}, {11000, 4, true}}},
  };
  for (const Script& script : scripts) {
    StallWatch watch(script.timeout_ms * kMs);
    for (const Look& look : script.looks) {
      EXPECT_EQ(watch.Silent(look.now_ms * kMs, look.completed), look.silent)
          << script.name << " at " << look.now_ms << " ms";
    }
  }
}

// What a system does that is given everything at once can only be known from its own pace.
TEST(StallWatchTest, ByItsPaceASystemStallsWhenItWasNeverSilentForSoLong) {
  const std::vector<Script> scripts = {
      {"nothing is known before the first completion", 100, {{0, 0, false}, {900, 0, false}}},
      {"not even after the longest time", 100, {{0, 0, false}, {999'999, 0, false}}},
      {"the timeout counts for a quick system",
       100,
       {{0, 0, false}, {10, 1, false}, {109, 1, false}, {110, 1, true}}},
      {"twice the silence before the first completion is allowed",
       100,
       {{0, 0, false}, {400, 1, false}, {1199, 1, false}, {1200, 1, true}}},
      {"twice the longest one, not the last",
       100,
       {{0, 0, false},
        {400, 1, false},
        {410, 2, false},
        {1000, 2, false},
        {1209, 2, false},
        {1210, 2, true}}},
      {"never with 0", 0, {{0, 1, false}, {1, 2, false}, {900, 2, false}}},
  };
  for (const Script& script : scripts) {
    StallWatch watch(script.timeout_ms * kMs, StallRule::kTimeoutAndPace);
    for (const Look& look : script.looks) {
      EXPECT_EQ(watch.Silent(look.now_ms * kMs, look.completed), look.silent)
          << script.name << " at " << look.now_ms << " ms";
    }
  }
}

TEST(StallWatchTest, StartsAgainWhereNothingIsOutstanding) {
  StallWatch watch(100 * kMs);
  EXPECT_FALSE(watch.Silent(0, 1));
  EXPECT_TRUE(watch.Silent(150 * kMs, 1));
  EXPECT_EQ(watch.silent_ns(), 150 * kMs);
  watch.RestartAt(150 * kMs);
  EXPECT_FALSE(watch.Silent(249 * kMs, 1));
  EXPECT_TRUE(watch.Silent(250 * kMs, 1));
}

}  // namespace
}  // namespace mlperf::loadgen
