// Goal: the first signal ends the test, a second one the process, children have no part in it, and
// what was there before is there afterwards. Method: signals raised within a scope, in child
// processes where they end the process.
#include "platform/interrupts.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace mlperf::loadgen {
namespace {

int handled = 0;
void Count(int) { ++handled; }
void CountTen(int) { handled += 10; }

// The signal that ends a child process which runs `part`; 0 if it exits by itself.
int SignalThatEnds(const std::function<void()>& part) {
  const pid_t child = fork();
  if (child == 0) {
    part();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(InterruptsTest, TheFirstSignalEndsTheTest) {
  for (const int number : {SIGINT, SIGTERM}) {
    RunControl control;
    Interrupts interrupts({SIGINT, SIGTERM});
    {
      const InterruptScope scope(&interrupts, &control);
      EXPECT_FALSE(control.stop_requested());
      raise(number);
      EXPECT_EQ(control.cause(), StopCause::kInterrupt);
    }
    EXPECT_EQ(interrupts.received(), number);
  }
}

TEST(InterruptsTest, NothingIsReceivedWithoutASignal) {
  RunControl control;
  Interrupts interrupts({SIGINT});
  {
    const InterruptScope scope(&interrupts, &control);
  }
  EXPECT_EQ(interrupts.received(), 0);
  EXPECT_EQ(SignalThatEnds([] { raise(SIGINT); }), SIGINT) << "the default action is back";
}

TEST(InterruptsTest, TheSecondSignalEndsTheProcess) {
  EXPECT_EQ(SignalThatEnds([] {
              RunControl control;
              Interrupts interrupts({SIGINT, SIGTERM});
              const InterruptScope scope(&interrupts, &control);
              raise(SIGINT);
              raise(SIGTERM);
            }),
            SIGTERM);
}

TEST(InterruptsTest, AForkedChildHasNoPartInTheTest) {
  RunControl control;
  Interrupts interrupts({SIGTERM});
  const InterruptScope scope(&interrupts, &control);
  EXPECT_EQ(SignalThatEnds([] { raise(SIGTERM); }), SIGTERM);
  EXPECT_FALSE(control.stop_requested());
}

TEST(InterruptsTest, AnEarlierHandlerIsCalledAndPutBack) {
  handled = 0;
  struct sigaction own = {}, before = {};
  own.sa_handler = Count;
  sigaction(SIGINT, &own, &before);
  RunControl control;
  Interrupts interrupts({SIGINT}, CountTen);
  {
    const InterruptScope scope(&interrupts, &control);
    raise(SIGINT);
    EXPECT_EQ(handled, 11) << "the earlier handler, then the hook";
  }
  raise(SIGINT);
  EXPECT_EQ(handled, 12);
  sigaction(SIGINT, &before, nullptr);
}

// Another thread enters the handler, is held up at once, and goes on when the test has ended. It
// must not touch what was the test's, and does what was done before the test.
TEST(InterruptsTest, AHandlerThatGoesOnAfterTheTestLeavesItAlone) {
  handled = 0;
  struct sigaction own = {}, before = {}, installed = {};
  own.sa_handler = Count;
  sigaction(SIGINT, &own, &before);
  RunControl control;
  Interrupts interrupts({SIGINT}, CountTen);
  {
    const InterruptScope scope(&interrupts, &control);
    sigaction(SIGINT, nullptr, &installed);
  }
  siginfo_t info = {};
  installed.sa_sigaction(SIGINT, &info, nullptr);
  EXPECT_FALSE(control.stop_requested());
  EXPECT_EQ(interrupts.received(), 0);
  EXPECT_EQ(handled, 1) << "the earlier handler alone";
  sigaction(SIGINT, &before, nullptr);
}

// A signal of another thread while a test begins and ends: what the test receives, it still counts.
TEST(InterruptsTest, ASignalOfAnotherThreadFindsOnlyARunningTest) {
  constexpr int kRounds = 2000;
  struct sigaction own = {}, before = {};
  own.sa_handler = Count;
  sigaction(SIGINT, &own, &before);
  std::atomic<int> asked{0}, raised{0};
  std::thread other([&] {
    for (int round = 1; round <= kRounds; ++round) {
      while (asked < round) std::this_thread::yield();
      raise(SIGINT);
      raised = round;
    }
  });
  for (int round = 1; round <= kRounds; ++round) {
    const auto control = std::make_unique<RunControl>();
    Interrupts interrupts({SIGINT});
    std::optional<InterruptScope> scope(std::in_place, &interrupts, control.get());
    asked = round;
    scope.reset();
    EXPECT_EQ(control->cause() == StopCause::kInterrupt, interrupts.received() == SIGINT);
    while (raised < round) std::this_thread::yield();
  }
  other.join();
  sigaction(SIGINT, &before, nullptr);
}

TEST(InterruptsTest, AHandlerThatIsSetMeanwhileStays) {
  EXPECT_EQ(SignalThatEnds([] {
              RunControl control;
              Interrupts interrupts({SIGINT});
              {
                const InterruptScope scope(&interrupts, &control);
                signal(SIGINT, SIG_IGN);
              }
              raise(SIGINT);
            }),
            0);
}

TEST(InterruptsTest, OnlySignalsWithoutAHandlerAreUnhandled) {
  EXPECT_EQ(UnhandledInterrupts(), (std::vector<int>{SIGINT, SIGTERM}));
  EXPECT_EQ(SignalThatEnds([] {
              signal(SIGINT, SIG_IGN);
              signal(SIGTERM, Count);
              if (!UnhandledInterrupts().empty()) raise(SIGABRT);
            }),
            0);
}

}  // namespace
}  // namespace mlperf::loadgen
