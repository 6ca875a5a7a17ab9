// Goal: lent threads run the jobs of a test under stable indices, as often as it wants, and always
// get back to their owners.
// Method: threads lent before and after they are awaited; jobs that note who ran them. Nothing
// sleeps: jobs wait for each other where an order matters.
#include "issue/issue_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace mlperf::loadgen {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLong(60'000);  // Never waited for in full.

// Threads that lend themselves one after the other, so that thread k has index k.
class LentThreads {
 public:
  explicit LentThreads(IssueThreads* issue_threads, size_t count) : issue_threads_(issue_threads) {
    for (size_t k = 0; k < count; ++k) {
      threads_.emplace_back([issue_threads] { issue_threads->Lend(); });
      issue_threads->Await(k + 1, kLong);
    }
  }
  ~LentThreads() { Release(); }

  void Release() {
    issue_threads_->ReleaseAll();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  std::thread::id id(size_t k) const { return threads_[k].get_id(); }

 private:
  IssueThreads* issue_threads_;
  std::vector<std::thread> threads_;
};

void Nothing() {}

TEST(IssueThreads, CountsThreadsLentBefore) {
  IssueThreads issue_threads;
  const LentThreads lent(&issue_threads, 3);
  EXPECT_EQ(issue_threads.Await(3, kLong), 3u);
  EXPECT_EQ(issue_threads.Await(2, kLong), 3u) << "all of them, not only the awaited";
}

TEST(IssueThreads, AwaitsThreadsLentAfter) {
  IssueThreads issue_threads;
  std::vector<std::thread> threads;
  std::thread lender([&] {
    for (int k = 0; k < 3; ++k) threads.emplace_back([&] { issue_threads.Lend(); });
  });
  EXPECT_EQ(issue_threads.Await(3, kLong), 3u);
  lender.join();
  issue_threads.ReleaseAll();
  for (std::thread& thread : threads) thread.join();
}

TEST(IssueThreads, GivesUpAwaitingThreadsThatDoNotCome) {
  IssueThreads issue_threads;
  EXPECT_EQ(issue_threads.Await(1, milliseconds(1)), 0u);
  const LentThreads lent(&issue_threads, 1);
  EXPECT_EQ(issue_threads.Await(2, milliseconds(1)), 1u);
}

TEST(IssueThreads, RunsTheJobOnEachThreadUnderItsIndex) {
  constexpr size_t kThreads = 4;
  IssueThreads issue_threads;
  const LentThreads lent(&issue_threads, kThreads);
  for (int round = 0; round < 3; ++round) {
    std::vector<std::thread::id> ran_on(kThreads);
    std::latch all_at_once(kThreads);
    issue_threads.RunOnAll(
        kThreads,
        [&](size_t k) {
          all_at_once.arrive_and_wait();
          ran_on[k] = std::this_thread::get_id();
        },
        Nothing);
    for (size_t k = 0; k < kThreads; ++k) EXPECT_EQ(ran_on[k], lent.id(k));
  }
}

TEST(IssueThreads, RunsTheJobOnTheFirstThreadsOnly) {
  IssueThreads issue_threads;
  const LentThreads lent(&issue_threads, 3);
  std::vector<std::atomic<int>> runs(3);
  issue_threads.RunOnAll(2, [&](size_t k) { ++runs[k]; }, Nothing);
  EXPECT_EQ(runs[0], 1);
  EXPECT_EQ(runs[1], 1);
  EXPECT_EQ(runs[2], 0);
  issue_threads.RunOnAll(0, [&](size_t k) { ++runs[k]; }, Nothing);
  EXPECT_EQ(runs[0], 1);
}

TEST(IssueThreads, IsIdleNowAndThenWhileAJobRuns) {
  IssueThreads issue_threads;
  const LentThreads lent(&issue_threads, 1);
  std::atomic<int> idle_count{0};
  std::latch idle_twice(1);
  issue_threads.RunOnAll(
      1, [&](size_t) { idle_twice.wait(); },
      [&] {
        if (++idle_count == 2) idle_twice.count_down();
      });
  EXPECT_GE(idle_count, 2);
}

TEST(IssueThreads, AThreadLentDuringAJobHasNoneAndIsReleased) {
  IssueThreads issue_threads;
  LentThreads lent(&issue_threads, 1);
  std::thread late;
  std::atomic<int> runs{0};
  issue_threads.RunOnAll(
      1,
      [&](size_t) {
        ++runs;
        late = std::thread([&] { issue_threads.Lend(); });
        issue_threads.Await(2, kLong);
      },
      Nothing);
  EXPECT_EQ(runs, 1);
  lent.Release();
  late.join();
}

TEST(IssueThreads, ServesOneTestAfterTheOther) {
  IssueThreads issue_threads;
  issue_threads.ReleaseAll();
  for (int test = 0; test < 3; ++test) {
    LentThreads lent(&issue_threads, 2);
    std::atomic<size_t> index_sum{0};
    issue_threads.RunOnAll(2, [&](size_t k) { index_sum += k + 1; }, Nothing);
    EXPECT_EQ(index_sum, 3u);
    lent.Release();
    EXPECT_EQ(issue_threads.Await(0, kLong), 0u);
  }
}

}  // namespace
}  // namespace mlperf::loadgen
