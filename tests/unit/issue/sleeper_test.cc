// Goal: a sleeping thread is woken by whoever makes true what it sleeps for, whenever that comes.
// Method: the change made at the only place where it can come in between: after the question
// whether to sleep was asked and before the sleep. No sleep ends by itself: a lost wake-up is a
// hang.
#include "issue/sleeper.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace mlperf::loadgen {
namespace {

constexpr std::chrono::hours kForever(24);

TEST(Sleeper, DoesNotSleepForWhatIsTrueAlready) {
  Sleeper sleeper;
  sleeper.SleepUnless([] { return true; }, kForever);
}

TEST(Sleeper, SleepsForTheLongestTimeAtMost) {
  Sleeper sleeper;
  sleeper.SleepUnless([] { return false; }, std::chrono::milliseconds(1));
}

TEST(Sleeper, IsWokenByAChangeThatCameAfterItAsked) {
  Sleeper sleeper;
  std::atomic<bool> changed{false};
  std::thread changer;
  sleeper.SleepUnless(
      [&] {
        const bool answer = changed.load();
        changer = std::thread([&] {
          changed.store(true);
          sleeper.Wake();
        });
        while (!changed.load()) std::this_thread::yield();
        return answer;
      },
      kForever);
  changer.join();
  EXPECT_TRUE(changed.load());
}

}  // namespace
}  // namespace mlperf::loadgen
