// Goal: issuers find the same queries ready, whether a background thread makes them or not, however
// many issuers ask, and memory does not follow the length of the list.
// Method: the two ways of feeding compared slot by slot, and with literal traffic of the reference;
// lists that end, lists that never end, queries of very many samples.
#include "issue/query_feed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

#include "helpers/fake_clock.h"
#include "plan/run_plan.h"
#include "traffic/loadable_set.h"

namespace mlperf::loadgen {
namespace {

// With the seeds of mlperf.conf 6.0.17.
TestSettings Settings(TestScenario scenario, uint64_t min_query_count) {
  TestSettings settings;
  settings.scenario = scenario;
  settings.server_target_qps = 1000;
  settings.min_duration_ms = 0;
  settings.min_query_count = min_query_count;
  settings.qsl_rng_seed = 2085463073848966840u;
  settings.sample_index_rng_seed = 2747215439041700203u;
  settings.schedule_rng_seed = 16159082839903944936u;
  return settings;
}

// A feed with all it needs, for a library of 1024 samples of which 128 are loaded.
class Feeding {
 public:
  explicit Feeding(const TestSettings& settings)
      : plan(MakeRunPlan(settings, 1024, 128)),
        set(MakeLoadableSets(plan, Phase::kPerformance).front()),
        source(plan, Phase::kPerformance, set),
        recorder({.samples_per_query = source.samples_per_query(),
                  .closed_loop = plan.shape == LoopShape::kClosedLoop},
                 &clock),
        feed(&source, &recorder) {}

  bool Ensure(uint64_t query) { return feed.Ensure(query, &ask_again); }

  FakeClock clock;
  RunPlan plan;
  LoadableSet set;
  QuerySource source;
  Recorder recorder;
  QueryFeed feed;
  uint64_t ask_again = 0;
};

struct Slot {
  uint32_t sample_index;
  int64_t due_ns;
  bool operator==(const Slot&) const = default;
};

Slot SlotOf(const Recorder& recorder, uint64_t query) {
  return {recorder.SampleIndex(query), recorder.ScheduledDeltaNs(query)};
}

// What an issuer sees that takes queries first, first + stride, ... to the end of the list and asks
// only when it is asked to.
std::vector<Slot> Take(Feeding* feeding, uint64_t first, uint64_t stride) {
  std::vector<Slot> slots;
  uint64_t ask_again = 0;
  for (uint64_t query = first; query < ask_again || feeding->feed.Ensure(query, &ask_again);
       query += stride) {
    slots.push_back(SlotOf(feeding->recorder, query));
  }
  return slots;
}

TEST(QueryFeed, FeedsTheReferencesTraffic) {
  const std::vector<uint32_t> indices = {89,  7,  21, 34, 94, 42, 42, 105, 64, 45,
                                         118, 29, 91, 19, 83, 60, 2,  102, 60, 91};
  const std::vector<int64_t> due_ns = {0,        1843654,  2301577,  3587439,  4300433,  4686839,
                                       6935180,  8026759,  8128505,  9589851,  9911224,  11454687,
                                       11822203, 12159423, 12317285, 12527105, 13993468, 15006522,
                                       15740767, 16045086, 20066160};
  for (const bool ahead : {false, true}) {
    Feeding feeding(Settings(TestScenario::Server, 100));
    feeding.feed.Start(ahead);
    ASSERT_TRUE(feeding.Ensure(99));
    EXPECT_FALSE(feeding.Ensure(100));
    for (size_t i = 0; i < indices.size(); ++i) {
      EXPECT_EQ(feeding.recorder.SampleIndex(i), indices[i]);
    }
    for (size_t i = 0; i < due_ns.size(); ++i) {
      EXPECT_EQ(feeding.recorder.ScheduledDeltaNs(i), due_ns[i]);
    }
  }
}

TEST(QueryFeed, FeedsTheSameWithAndWithoutABackgroundThread) {
  constexpr uint64_t kCount = 100'000;  // Beyond what is made ahead at once.
  Feeding plain(Settings(TestScenario::Server, kCount));
  plain.feed.Start(false);
  const std::vector<Slot> expected = Take(&plain, 0, 1);
  ASSERT_EQ(expected.size(), kCount);

  Feeding ahead(Settings(TestScenario::Server, kCount));
  ahead.feed.Start(true);
  EXPECT_EQ(Take(&ahead, 0, 1), expected);
  EXPECT_FALSE(ahead.Ensure(kCount));
  EXPECT_FALSE(ahead.Ensure(kCount + 1000)) << "and never blocks after the end";
  ahead.feed.Stop();
  EXPECT_EQ(ahead.recorder.queries_ready(), kCount);
  EXPECT_TRUE(ahead.source.AtEnd());
}

TEST(QueryFeed, FeedsManyIssuers) {
  constexpr uint64_t kCount = 100'003;
  constexpr uint64_t kIssuers = 4;
  Feeding plain(Settings(TestScenario::Server, kCount));
  plain.feed.Start(false);
  const std::vector<Slot> expected = Take(&plain, 0, 1);

  Feeding ahead(Settings(TestScenario::Server, kCount));
  ahead.feed.Start(true);
  std::vector<std::vector<Slot>> taken(kIssuers);
  std::vector<std::thread> issuers;
  for (uint64_t k = 0; k < kIssuers; ++k) {
    issuers.emplace_back([&, k] { taken[k] = Take(&ahead, k, kIssuers); });
  }
  for (std::thread& issuer : issuers) issuer.join();
  for (uint64_t query = 0; query < kCount; ++query) {
    ASSERT_LT(query / kIssuers, taken[query % kIssuers].size());
    ASSERT_EQ(taken[query % kIssuers][query / kIssuers], expected[query]) << query;
  }
}

TEST(QueryFeed, MakesNoMoreThanAFewBlocksAhead) {
  Feeding feeding(Settings(TestScenario::Server, 2'000'000));
  feeding.feed.Start(true);
  ASSERT_TRUE(feeding.Ensure(50'000));
  feeding.feed.Stop();
  EXPECT_GT(feeding.recorder.queries_ready(), 50'000u);
  EXPECT_LE(feeding.recorder.queries_ready(), 50'000u + 9 * 4096);
}

TEST(QueryFeed, AsksForTheNextBlockBeforeTheLastIsUsedUp) {
  Feeding feeding(Settings(TestScenario::Server, 100'000));
  feeding.feed.Start(true);
  ASSERT_TRUE(feeding.Ensure(20'000));
  EXPECT_GT(feeding.ask_again, 20'000u);
  EXPECT_LE(feeding.ask_again, 20'000u + 4096);
}

TEST(QueryFeed, AShortListNeedsNoThread) {
  Feeding feeding(Settings(TestScenario::Server, 10));
  feeding.feed.Start(true);
  EXPECT_TRUE(feeding.Ensure(9));
  EXPECT_EQ(feeding.ask_again, 10u);
  EXPECT_FALSE(feeding.Ensure(10));
}

TEST(QueryFeed, MakesGrowingBlocksOfAnEndlessListAsItIsAsked) {
  Feeding feeding(Settings(TestScenario::SingleStream, 100));
  feeding.feed.Start(false);
  std::vector<uint64_t> sizes;
  uint64_t ready = 0;
  for (uint64_t query = 0; query < 20'000; query = feeding.ask_again) {
    ASSERT_TRUE(feeding.Ensure(query));
    ASSERT_GT(feeding.recorder.queries_ready(), std::max(query, ready)) << "asked for in vain";
    sizes.push_back(feeding.recorder.queries_ready() - ready);
    ready = feeding.recorder.queries_ready();
  }
  // The first query waits for few, later ones are made many at a time, and none far ahead.
  EXPECT_LE(sizes.front(), 1000u);
  EXPECT_TRUE(std::is_sorted(sizes.begin(), sizes.end()));
  EXPECT_LE(sizes.size(), 20u);
  EXPECT_LE(ready, 40'000u);
}

TEST(QueryFeed, BoundsABlockOfLargeQueries) {
  TestSettings settings = Settings(TestScenario::MultiStream, 100);
  settings.multi_stream_samples_per_query = uint64_t{1} << 19;
  Feeding feeding(settings);
  feeding.feed.Start(false);
  EXPECT_EQ(feeding.recorder.queries_ready(), 2u);

  settings.multi_stream_samples_per_query = (uint64_t{1} << 20) + 1;
  Feeding one_by_one(settings);
  one_by_one.feed.Start(false);
  EXPECT_EQ(one_by_one.recorder.queries_ready(), 1u);
}

TEST(QueryDemand, IsAwaitedUntilMoreIsWantedThanIsReady) {
  QueryDemand demand;
  demand.Raise(5);
  demand.Raise(3);
  EXPECT_TRUE(demand.Await([] { return uint64_t{4}; }));
  std::thread issuer([&] { demand.Raise(6); });
  EXPECT_TRUE(demand.Await([] { return uint64_t{5}; }));
  issuer.join();
  demand.End();
  EXPECT_FALSE(demand.Await([] { return uint64_t{0}; }));
  demand.Raise(100);
  EXPECT_FALSE(demand.Await([] { return uint64_t{0}; })) << "the end is for good";
}

// Between what a wait reads and its sleep there is one place where something can come in between:
// the question how many queries are ready.
TEST(QueryDemand, EndsAWaitThatIsAboutToSleep) {
  QueryDemand demand;
  demand.Raise(5);
  EXPECT_FALSE(demand.Await([&] {
    demand.End();
    return uint64_t{5};
  }));
}

TEST(QueryDemand, RaisedByAnIssuerWhileAWaitIsAboutToSleepIsSeen) {
  QueryDemand demand;
  demand.Raise(5);
  EXPECT_TRUE(demand.Await([&] {
    demand.Raise(6);
    return uint64_t{5};
  }));
}

TEST(QueryFeed, MayBeStoppedAndDestroyedAtAnyTime) {
  for (const bool ahead : {false, true}) {
    Feeding never_started(Settings(TestScenario::Server, 100'000));
    Feeding started(Settings(TestScenario::Server, 100'000));
    started.feed.Start(ahead);
    Feeding stopped(Settings(TestScenario::Server, 100'000));
    stopped.feed.Start(ahead);
    stopped.feed.Stop();
    stopped.feed.Stop();
    EXPECT_GE(stopped.recorder.queries_ready(), 256u);
  }
}

}  // namespace
}  // namespace mlperf::loadgen
