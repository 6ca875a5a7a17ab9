// Goal: a completion reaches the set that is being issued or is counted as late, whatever thread it
// comes from and however long that thread lives, and a set never goes away under a completer.
// Method: threads that are held inside or between completions by latches, while a set ends.
#include "issue/completion_registry.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "helpers/fake_clock.h"
#include "helpers/scripted_system.h"

namespace mlperf::loadgen {
namespace {

// A recorder of issued queries.
std::unique_ptr<Recorder> IssuedSet(const Clock* clock, uint64_t query_count) {
  auto recorder = std::make_unique<Recorder>(Recorder::Options{}, clock);
  QueryBlock block;
  block.query_count = query_count;
  block.sample_indices.resize(query_count);
  block.scheduled_delta_ns.resize(query_count);
  recorder->Append(block);
  for (uint64_t query = 0; query < query_count; ++query) recorder->MarkIssued(query, 1);
  return recorder;
}

class CompletionRegistryTest : public testing::Test {
 protected:
  void SetUp() override { TakeLateCompletions(); }

  FakeClock clock_;
};

Recorder* RecorderOfThisThread() { return CompletionScope().recorder(); }

Recorder* RecorderOfAnotherThread() {
  Recorder* recorder = nullptr;
  std::thread([&] { recorder = RecorderOfThisThread(); }).join();
  return recorder;
}

TEST_F(CompletionRegistryTest, GivesTheActiveRecorderToEveryThread) {
  EXPECT_EQ(RecorderOfThisThread(), nullptr);
  const auto set = IssuedSet(&clock_, 1);
  {
    const ActiveRecorder active(set.get());
    EXPECT_EQ(RecorderOfThisThread(), set.get());
    EXPECT_EQ(RecorderOfAnotherThread(), set.get());
  }
  EXPECT_EQ(RecorderOfThisThread(), nullptr);
  EXPECT_EQ(RecorderOfAnotherThread(), nullptr);
}

TEST_F(CompletionRegistryTest, GivesIssuingThreadsTheirRecorder) {
  const auto set = IssuedSet(&clock_, 1);
  const auto other = IssuedSet(&clock_, 1);
  const ActiveRecorder active(set.get());
  const IssuingThread issuing(set.get(), true);
  {
    const IssuingThread inner(other.get(), false);
    EXPECT_EQ(RecorderOfThisThread(), other.get());
    EXPECT_EQ(RecorderOfAnotherThread(), set.get());
  }
  EXPECT_EQ(RecorderOfThisThread(), set.get());
}

TEST_F(CompletionRegistryTest, CountsCompletionsAndFirstTokensWithoutASetAsLate) {
  QuerySampleResponse responses[3];
  QuerySamplesComplete(responses, 3);
  FirstTokenComplete(responses, 2);
  QuerySamplesComplete(nullptr, 0);
  EXPECT_EQ(TakeLateCompletions(), 5u);
  EXPECT_EQ(TakeLateCompletions(), 0u);
}

TEST_F(CompletionRegistryTest, ThreadsMayOutliveTheSet) {
  constexpr int kThreads = 4;
  std::latch answered(kThreads);
  std::latch ended(1);
  auto set = IssuedSet(&clock_, kThreads);
  std::vector<std::thread> threads;
  {
    const ActiveRecorder active(set.get());
    for (uint64_t k = 0; k < kThreads; ++k) {
      threads.emplace_back([&, id = set->IdOf(k)] {
        Complete(id);
        answered.count_down();
        ended.wait();
        for (int i = 0; i < 1000; ++i) Complete(id);
      });
    }
    answered.wait();
  }
  EXPECT_EQ(set->completed_count(), 4u);
  set.reset();
  ended.count_down();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(TakeLateCompletions(), 4000u);
}

// Waits until the set that `recorder` records is being taken down.
void AwaitInactive(const Recorder* recorder) {
  while (RecorderOfThisThread() == recorder) std::this_thread::yield();
}

// Enough for the thread that takes a set down to go on, if nothing held it.
void YieldForAWhile() {
  for (int i = 0; i < 2000; ++i) std::this_thread::yield();
}

TEST_F(CompletionRegistryTest, TheEndOfASetWaitsForACompleterAtWork) {
  const auto set = IssuedSet(&clock_, 1);
  std::latch inside(1);
  std::latch leave(1);
  std::atomic<bool> taken_down{false};
  auto active = std::make_unique<ActiveRecorder>(set.get());
  std::thread completer([&] {
    const CompletionScope scope;
    inside.count_down();
    leave.wait();
    EXPECT_FALSE(taken_down);
  });
  inside.wait();
  std::thread ending([&] {
    active.reset();
    taken_down = true;
  });
  AwaitInactive(set.get());
  YieldForAWhile();
  EXPECT_FALSE(taken_down);
  leave.count_down();
  ending.join();
  completer.join();
  EXPECT_TRUE(taken_down);
}

TEST_F(CompletionRegistryTest, AScopeWithinAScopeKeepsTheOuterOneProtected) {
  const auto set = IssuedSet(&clock_, 1);
  std::latch inside(1);
  std::latch inactive(1);
  std::atomic<bool> taken_down{false};
  auto active = std::make_unique<ActiveRecorder>(set.get());
  std::thread completer([&] {
    const CompletionScope outer;
    EXPECT_EQ(RecorderOfThisThread(), set.get());
    inside.count_down();
    inactive.wait();
    {
      const CompletionScope inner;
      EXPECT_EQ(inner.recorder(), nullptr) << "the set has ended for new completions";
      YieldForAWhile();
      EXPECT_FALSE(taken_down) << "within the inner scope";
    }
    YieldForAWhile();
    EXPECT_FALSE(taken_down) << "after it";
    EXPECT_EQ(outer.recorder(), set.get());
  });
  inside.wait();
  std::thread ending([&] {
    active.reset();
    taken_down = true;
  });
  AwaitInactive(set.get());
  inactive.count_down();
  ending.join();
  completer.join();
}

// Sets come and go under threads that complete all the time: each completion is either counted by
// a set that is alive or late.
TEST_F(CompletionRegistryTest, NothingIsLostWhileSetsComeAndGo) {
  constexpr int kThreads = 3;
  constexpr int kSets = 200;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> calls{0};
  std::vector<std::thread> threads;
  for (int k = 0; k < kThreads; ++k) {
    threads.emplace_back([&] {
      while (!stop) {
        Complete(kResponseIdReserved);
        ++calls;
      }
    });
  }
  uint64_t refused = 0;
  for (int i = 0; i < kSets; ++i) {
    const auto set = IssuedSet(&clock_, 1);
    {
      const ActiveRecorder active(set.get());
      std::this_thread::yield();
    }
    refused += set->TakeViolations()[Violation::kUnknownId];
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused + TakeLateCompletions(), calls);
}

TEST_F(CompletionRegistryTest, ThreadsOfAllTimesAreServed) {
  constexpr uint64_t kThreads = 300;
  const auto set = IssuedSet(&clock_, kThreads);
  {
    const ActiveRecorder active(set.get());
    for (uint64_t k = 0; k < kThreads; ++k) {
      std::thread([&, k] { Complete(set->IdOf(k)); }).join();
    }
  }
  EXPECT_EQ(set->completed_count(), kThreads);
  EXPECT_EQ(set->TakeViolations().total(), 0u);
  EXPECT_EQ(TakeLateCompletions(), 0u);
}

// What a forked process writes to stderr while it does something.
std::string SaidByAFork(const std::function<void()>& act) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    act();
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  char buffer[4096];
  for (ssize_t size; (size = read(ends[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<size_t>(size));
  }
  close(ends[0]);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  return said;
}

void CompleteNumber(ResponseId id) {
  QuerySampleResponse response(id, 0, 0);
  QuerySamplesComplete(&response, 1);
}

TEST_F(CompletionRegistryTest, AForkedProcessSaysOnceThatItHasNoTest) {
  ExpectCompletions();
  const auto set = IssuedSet(&clock_, 2);
  const ActiveRecorder active(set.get());
  const IssuingThread issuing(set.get(), true);
  const std::string said = SaidByAFork([] {
    CompleteNumber(1);
    CompleteNumber(2);
    const ResponseId id = 1;
    EXPECT_FALSE(FailSamples(&id, 1, "no memory"));
    FailSamples(nullptr, 0, "hot");
  });
  EXPECT_NE(said.find("which has no test"), std::string::npos) << said;
  EXPECT_EQ(said.find("which has no test"), said.rfind("which has no test")) << said;
}

TEST_F(CompletionRegistryTest, AForkedProcessWithATestOfItsOwnMayCompleteTooLate) {
  const std::string said = SaidByAFork([] {
    ExpectCompletions();
    CompleteNumber(1);
    if (TakeLateCompletions() != 1) std::fprintf(stderr, "it is not counted");
  });
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace mlperf::loadgen
