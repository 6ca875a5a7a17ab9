// Goal: queries wait in the order in which they were issued, and a thread that waits for them is
// woken exactly while there are any.
// Method: the queue filled and emptied in portions of several sizes against a plain list; its
// descriptor asked with poll; a thread that issues while another takes.
#include "serve/query_queue.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

namespace mlperf::loadgen {
namespace {

constexpr size_t kAll = 1 << 30;

bool IsReadable(int fd) {
  pollfd asked{fd, POLLIN, 0};
  return poll(&asked, 1, 0) == 1 && (asked.revents & POLLIN) != 0;
}

std::vector<QuerySample> Query(uint64_t first_id, size_t count) {
  std::vector<QuerySample> samples;
  for (size_t i = 0; i < count; ++i) samples.push_back({first_id + i, 1000 + first_id + i});
  return samples;
}

void Push(QueryQueue* queue, uint64_t first_id, size_t count, int64_t now_ns = 0) {
  const std::vector<QuerySample> samples = Query(first_id, count);
  queue->Push(samples.data(), samples.size(), now_ns);
}

TEST(QueryQueueTest, KeepsWhatASampleIs) {
  QueryQueue queue;
  Push(&queue, 7, 2, 100);
  Push(&queue, 9, 1, 200);
  const std::vector<QueuedSample> taken = queue.Take(kAll);
  ASSERT_EQ(taken.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(taken[i].id, 7 + i);
    EXPECT_EQ(taken[i].index, 1007 + i);
    EXPECT_EQ(taken[i].issued_ns, i < 2 ? 100 : 200);
  }
  EXPECT_EQ(taken[0].query, taken[1].query);
  EXPECT_EQ(taken[1].query + 1, taken[2].query);
}

TEST(QueryQueueTest, IsReadableWhileSamplesAreQueued) {
  QueryQueue queue;
  EXPECT_FALSE(IsReadable(queue.fd()));
  Push(&queue, 0, 0);
  EXPECT_FALSE(IsReadable(queue.fd()));
  Push(&queue, 1, 3);
  Push(&queue, 4, 1);
  EXPECT_TRUE(IsReadable(queue.fd()));
  EXPECT_TRUE(queue.Take(0).empty());
  EXPECT_TRUE(IsReadable(queue.fd()));
  EXPECT_EQ(queue.Take(3).size(), 3u);
  EXPECT_TRUE(IsReadable(queue.fd()));
  EXPECT_EQ(queue.Take(3).size(), 1u);
  EXPECT_FALSE(IsReadable(queue.fd()));
  EXPECT_TRUE(queue.Take(3).empty());
  Push(&queue, 5, 1);
  EXPECT_TRUE(IsReadable(queue.fd()));
}

TEST(QueryQueueTest, ForgetsOnClear) {
  QueryQueue queue;
  Push(&queue, 1, 10);
  queue.Take(4);
  queue.Clear();
  EXPECT_FALSE(IsReadable(queue.fd()));
  EXPECT_TRUE(queue.Take(kAll).empty());
  Push(&queue, 20, 1);
  const std::vector<QueuedSample> taken = queue.Take(kAll);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].id, 20u);
}

// A forked child, say, which has the same pipe.
TEST(QueryQueueTest, WakesAgainAfterSomebodyElseTookTheWakeUp) {
  QueryQueue queue;
  Push(&queue, 1, 1);
  char byte;
  ASSERT_EQ(read(queue.fd(), &byte, 1), 1);
  EXPECT_EQ(queue.Take(kAll).size(), 1u);
  Push(&queue, 2, 1);
  EXPECT_TRUE(IsReadable(queue.fd()));
}

struct Portions {
  size_t pushed;
  size_t taken;
};

class QueryQueuePortions : public testing::TestWithParam<Portions> {};

// Beyond 4096 samples, the front of the queue is given back while the rest waits.
TEST_P(QueryQueuePortions, ComeInOrderAndComplete) {
  QueryQueue queue;
  std::deque<uint64_t> expected;
  uint64_t next_id = 1;
  for (int round = 0; round < 400; ++round) {
    if (round < 300) {
      Push(&queue, next_id, GetParam().pushed);
      for (size_t i = 0; i < GetParam().pushed; ++i) expected.push_back(next_id++);
    }
    const std::vector<QueuedSample> taken = queue.Take(round < 399 ? GetParam().taken : kAll);
    ASSERT_LE(taken.size(), expected.size());
    for (const QueuedSample& sample : taken) {
      ASSERT_EQ(sample.id, expected.front());
      expected.pop_front();
    }
    ASSERT_EQ(IsReadable(queue.fd()), !expected.empty());
  }
  EXPECT_TRUE(expected.empty());
}

INSTANTIATE_TEST_SUITE_P(QueryQueueTest, QueryQueuePortions,
                         testing::Values(Portions{1, 1}, Portions{3, 2}, Portions{2, 3},
                                         Portions{100, 7}, Portions{1, 5000}, Portions{5000, 1},
                                         Portions{100, 4096}));

TEST(QueryQueueTest, LosesNothingBetweenThreads) {
  constexpr uint64_t kCount = 20000;
  QueryQueue queue;
  std::thread issuer([&] {
    for (uint64_t id = 0; id < kCount; ++id) Push(&queue, id, 1);
  });
  std::vector<uint64_t> ids;
  while (ids.size() < kCount) {
    pollfd asked{queue.fd(), POLLIN, 0};
    ASSERT_EQ(poll(&asked, 1, 10'000), 1) << "the one that waits is not woken";
    for (const QueuedSample& sample : queue.Take(64)) ids.push_back(sample.id);
  }
  issuer.join();
  for (uint64_t id = 0; id < kCount; ++id) ASSERT_EQ(ids[id], id);
}

}  // namespace
}  // namespace mlperf::loadgen
