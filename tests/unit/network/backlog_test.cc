// Goal: queries stay whole, nodes share what waits, and none has more than its limit. Method:
// backlogs of queries of some sizes; what follows from the rules of docs/network.md.
#include "backlog.h"

#include <gtest/gtest.h>

#include <vector>

namespace mlperf::network {
namespace {

constexpr uint64_t kMiB = 1 << 20;

Backlog Of(const std::vector<size_t>& queries, size_t limit, uint64_t limit_bytes = 64 * kMiB) {
  Backlog backlog({limit, limit_bytes});
  for (const size_t size : queries) {
    const std::vector<QuerySample> samples(size, QuerySample{1, 1});
    backlog.Push(samples.data(), samples.size(), 0);
  }
  return backlog;
}

TEST(BacklogTest, AQueryGoesTogetherUnlessItIsToBeCut) {
  EXPECT_EQ(Of({3, 1}, 8).Together(), 3u);
  EXPECT_EQ(Of({1}, 8).Together(), 1u);
  EXPECT_EQ(Of({8, 1}, 8).Together(), 8u);
  EXPECT_EQ(Of({9}, 8).Together(), 1u);
  EXPECT_EQ(Of({512}, 1024).Together(), 512u);
  EXPECT_EQ(Of({513}, 1024).Together(), 1u);
  Backlog begun = Of({9}, 8);
  begun.Drop(5);
  EXPECT_EQ(begun.Together(), 1u);
}

struct Share {
  std::vector<size_t> queries;
  size_t limit, outstanding, nodes, expected;
};

TEST(BacklogTest, NodesGetSharesOfWholeQueries) {
  const std::vector<Share> cases = {
      {{3, 3, 3}, 8, 0, 1, 6},     // Whole queries, and the next one waits for room.
      {{3, 3}, 4, 0, 1, 3},        //
      {{1, 1, 1, 1}, 8, 0, 2, 2},  // Shared out,
      {{4, 4}, 8, 0, 2, 4},        //
      {{3}, 8, 0, 2, 3},           // but whole.
      {{6}, 4, 0, 1, 4},           // One that is too large for a node is cut.
      {{600}, 1000, 0, 2, 300},    //
      {{600}, 1000, 0, 1, 512},    //
      {{1, 4}, 2, 0, 1, 1},        // From its beginning.
      {{1, 1, 1, 1}, 8, 6, 1, 2},  // Room is what is left.
      {std::vector<size_t>(5000, 1), 10'000, 0, 1, 512},
  };
  for (const Share& c : cases) {
    EXPECT_EQ(Of(c.queries, c.limit).ShareFor(c.outstanding, c.nodes), c.expected)
        << c.queries.size() << " queries of " << c.queries[0] << ", limit " << c.limit;
  }
}

TEST(BacklogTest, HeavyPayloadsEndBetweenQueries) {
  const Backlog whole = Of({3, 3}, 8);
  EXPECT_FALSE(whole.MayEndAfter(2, kMiB, 3));
  EXPECT_TRUE(whole.MayEndAfter(3, kMiB, 3));
  EXPECT_TRUE(whole.MayEndAfter(2, 64 * kMiB, 3));  // As much as may be outstanding.
  EXPECT_TRUE(whole.MayEndAfter(6, 0, 3));
  EXPECT_TRUE(Of({600}, 1024).MayEndAfter(5, 0, 1));  // One that is cut in any case.
  EXPECT_FALSE(Of({1, 3}, 8).MayEndAfter(2, 0, 1));
}

TEST(BacklogTest, SamplesKeepTheirOrderAndTheirTimes) {
  Backlog backlog({8, kMiB});
  const std::vector<QuerySample> first = {{10, 1}, {11, 2}};
  const QuerySample second = {12, 3};
  backlog.Push(first.data(), 2, 100);
  backlog.Push(&second, 1, 200);
  backlog.Drop(1);
  ASSERT_EQ(backlog.size(), 2u);
  EXPECT_EQ(backlog[0].id, 11u);
  EXPECT_EQ(backlog[0].issued_ns, 100);
  EXPECT_EQ(backlog[1].index, 3u);
  EXPECT_EQ(backlog[1].issued_ns, 200);
}

}  // namespace
}  // namespace mlperf::network
