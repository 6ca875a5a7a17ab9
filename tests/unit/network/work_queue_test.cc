// Goal: the system's thread gets all work in order, also where other threads serve the poller
// beside it, and none of them takes what wakes it for good.
// Method: works numbered by their samples; several threads that put in, and one that only serves.
#include "work_queue.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

namespace mlperf::network {
namespace {

constexpr int kHangLimitMs = 20'000;

Work NumberedWork(uint64_t number) { return {Work::Kind::kQueries, {{number, number}}, {1}}; }

TEST(WorkQueueTest, WorkComesInOrder) {
  SharedPoller poller;
  WorkQueue queue(&poller);
  EXPECT_TRUE(queue.IsEmpty());
  EXPECT_FALSE(queue.Take(0).has_value());
  queue.Push(NumberedWork(1));
  queue.Push({Work::Kind::kFlush, {}, {}});
  queue.Push({Work::Kind::kCall, {}, {}});
  EXPECT_FALSE(queue.IsEmpty());
  EXPECT_EQ(queue.Take(0)->samples[0].id, 1u);
  EXPECT_EQ(queue.Take(0)->kind, Work::Kind::kFlush);
  EXPECT_EQ(queue.Take(0)->kind, Work::Kind::kCall);
  EXPECT_FALSE(queue.Take(0).has_value());
}

// With each number the worker has to wait anew, and the other thread may be woken in its place.
TEST(WorkQueueTest, TheWorkerIsWokenThoughAnotherThreadServes) {
  SharedPoller poller;
  WorkQueue queue(&poller);
  std::atomic<bool> is_over{false};
  std::atomic<uint64_t> taken{0};
  std::thread server([&] {
    while (!is_over) {
      poller.Wait(-1);
      queue.LetWorkerGoFirst();
    }
  });
  constexpr uint64_t kCount = 3000;
  std::thread pusher([&] {
    for (uint64_t number = 1; number <= kCount; ++number) {
      queue.Push(NumberedWork(number));
      while (taken < number && !is_over) std::this_thread::yield();
    }
  });
  for (uint64_t number = 1; number <= kCount; ++number) {
    const std::optional<Work> work = queue.Take(kHangLimitMs);
    if (!work.has_value()) {
      ADD_FAILURE() << "the worker is not woken for number " << number;
      break;
    }
    EXPECT_EQ(work->samples[0].id, number);
    taken = number;
  }
  is_over = true;
  pusher.join();
  poller.Wake();
  server.join();
}

TEST(SharedPollerTest, AHandlerIsCalledOnceUntilItIsArmed) {
  SharedPoller poller;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const transfer::Descriptor reads(ends[0]), writes(ends[1]);
  int calls = 0;
  poller.Watch(reads.get(), EPOLLIN, [&](uint32_t) { ++calls; });
  EXPECT_FALSE(poller.Wait(0));
  ASSERT_EQ(write(writes.get(), "x", 1), 1);
  EXPECT_TRUE(poller.Wait(kHangLimitMs));
  EXPECT_FALSE(poller.Wait(0));
  EXPECT_EQ(calls, 1);
  poller.Arm(reads.get(), EPOLLIN);
  EXPECT_TRUE(poller.Wait(kHangLimitMs));
  EXPECT_EQ(calls, 2);
  poller.Arm(reads.get(), EPOLLIN);
  poller.Forget(reads.get());
  poller.Arm(reads.get(), EPOLLIN);
  EXPECT_FALSE(poller.Wait(0));
  EXPECT_EQ(calls, 2);
}

TEST(SharedPollerTest, AWakeBeforeTheWaitCounts) {
  SharedPoller poller;
  poller.Wake();
  EXPECT_TRUE(poller.Wait(kHangLimitMs));
  EXPECT_FALSE(poller.Wait(0));
}

}  // namespace
}  // namespace mlperf::network
