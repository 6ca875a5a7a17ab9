// Goal: the issue loops issue the right queries at the right time, stop by the right rule, and
// survive a system under test that throws, stalls or is to stop.
// Method: hand-written schedules in a recorder; a clock that moves by 0 or 1 ns per reading and by
// what the scripted system takes, so that every issue time is exact.
#include "issue/issuer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "helpers/fake_clock.h"
#include "helpers/scripted_system.h"
#include "helpers/tracking_gate.h"
#include "issue/completion_registry.h"

namespace mlperf::loadgen {
namespace {

using Times = std::vector<int64_t>;

// A list of queries in a recorder that takes the completions of the process.
class Rig {
 public:
  // Queries due at `due_ns`. In a closed loop only their number counts.
  Rig(bool closed_loop, const Times& due_ns, uint64_t samples_per_query = 1, int64_t step_ns = 0)
      : clock(step_ns),
        recorder({.samples_per_query = samples_per_query,
                  .closed_loop = closed_loop,
                  .issue_spans = true},
                 &clock),
        context{&sut, &recorder, &feed, &clock, &control, clock.Peek()} {
    QueryBlock block;
    block.query_count = due_ns.size();
    block.scheduled_delta_ns = due_ns;
    for (uint32_t i = 0; i < due_ns.size() * samples_per_query; ++i) {
      block.sample_indices.push_back(1000 + i);
    }
    recorder.Append(block);
  }

  IssueEnd ClosedLoop(const StopLimits& limits) { return IssueClosedLoop(&context, limits, &gate); }
  IssueEnd OpenLoop(const StopLimits& limits, const IssueShare& share = {}) {
    return IssueOpenLoop(&context, limits, share, &gate);
  }

  // From the start; -1: not issued.
  Times issued_ns() const {
    Times times;
    for (uint64_t query = 0; query < recorder.queries_ready(); ++query) {
      const int64_t issued = recorder.slots()->issued_ns[query];
      times.push_back(issued == 0 ? -1 : issued - context.start_ns);
    }
    return times;
  }

  FakeClock clock;
  RunControl control;
  TrackingGate gate{1};
  ScriptedSut sut;
  Recorder recorder;

 private:
  // The queries are in the recorder already: there are none to make.
  const LoadableSet no_samples_;
  QuerySource no_queries_{RunPlan{}, Phase::kAccuracy, no_samples_};

 public:
  QueryFeed feed{&no_queries_, &recorder};
  IssueContext context;
  ActiveRecorder active{&recorder};
  IssuingThread issuing{&recorder, true};
};

// Answers after `service_ns`.
void Serve(Rig* rig, int64_t service_ns) {
  rig->sut.on_issue = [rig, service_ns](const std::vector<QuerySample>& samples) {
    rig->clock.Advance(service_ns);
    CompleteAll(samples);
  };
}

std::vector<size_t> QuerySizes(const ScriptedSut& sut) {
  std::vector<size_t> sizes;
  for (const IssuedQuery& query : sut.queries()) sizes.push_back(query.samples.size());
  return sizes;
}

// Which queries are marked as held up by the system.
std::vector<int> HeldUp(const Rig& rig) {
  std::vector<int> held_up;
  for (uint64_t query = 0; query < rig.recorder.queries_ready(); ++query) {
    held_up.push_back(rig.recorder.slots()->held_up[query]);
  }
  return held_up;
}

StopLimits Limits(uint64_t min_query_count, int64_t target_duration_ns = 0) {
  StopLimits limits;
  limits.min_query_count = min_query_count;
  limits.target_duration_ns = target_duration_ns;
  return limits;
}

StopLimits OpenLimits() {
  StopLimits limits;
  limits.natural_end = false;
  return limits;
}

// ---- Closed loop -------------------------------------------------------------------------------

TEST(ClosedLoop, IssuesAQueryWhenTheLastOneIsAnswered) {
  Rig rig(true, Times(100));
  Serve(&rig, 100);
  const IssueEnd end = rig.ClosedLoop(Limits(5));
  EXPECT_EQ(end.reason, StopReason::kMinimumsMet);
  EXPECT_EQ(end.queries_issued, 5u);
  EXPECT_EQ(end.elapsed_ns, 400);
  EXPECT_EQ(end.outstanding, 0u);
  EXPECT_TRUE(rig.recorder.slots()->scheduled_is_issued);
  for (int64_t query = 0; query < 5; ++query) {
    EXPECT_EQ(rig.issued_ns()[static_cast<size_t>(query)], 100 * query);
    const auto slot = static_cast<uint64_t>(query);
    EXPECT_EQ(rig.recorder.slots()->completed_ns[slot] - rig.context.start_ns, 100 * (query + 1));
    EXPECT_EQ(rig.recorder.slots()->issue_returned_ns[slot] - rig.context.start_ns,
              100 * (query + 1));
  }
  EXPECT_EQ(rig.issued_ns()[5], -1);
}

TEST(ClosedLoop, HandsOverIdsAndIndicesOfAllSamplesOfAQuery) {
  Rig rig(true, Times(3), 4);
  Serve(&rig, 100);
  rig.ClosedLoop(Limits(3));
  EXPECT_EQ(QuerySizes(rig.sut), (std::vector<size_t>{4, 4, 4}));
  uint64_t sample = 0;
  for (const IssuedQuery& query : rig.sut.queries()) {
    for (const QuerySample& issued : query.samples) {
      EXPECT_EQ(issued.id, rig.recorder.IdOf(sample));
      EXPECT_EQ(issued.index, 1000 + sample);
      ++sample;
    }
  }
}

struct ClosedLoopStop {
  std::string name;
  StopLimits limits;
  StopReason reason;
  uint64_t queries_issued;
};

class ClosedLoopStops : public testing::TestWithParam<ClosedLoopStop> {};

// A list of 12 queries; a query takes 100 ns, so query i is issued after 100 * i.
TEST_P(ClosedLoopStops, ByTheRightRule) {
  Rig rig(true, Times(12));
  Serve(&rig, 100);
  const IssueEnd end = rig.ClosedLoop(GetParam().limits);
  EXPECT_EQ(end.reason, GetParam().reason);
  EXPECT_EQ(end.queries_issued, GetParam().queries_issued);
  EXPECT_EQ(end.elapsed_ns, 100 * (static_cast<int64_t>(GetParam().queries_issued) - 1));
  EXPECT_EQ(rig.sut.queries().size(), GetParam().queries_issued);
  EXPECT_EQ(rig.context.queries_issued, GetParam().queries_issued);
}

StopLimits Limits(uint64_t min_query_count, int64_t target_duration_ns, uint64_t max_query_count,
                  int64_t max_duration_ns = 0) {
  StopLimits limits = Limits(min_query_count, target_duration_ns);
  limits.max_query_count = max_query_count;
  limits.max_duration_ns = max_duration_ns;
  return limits;
}

StopLimits WholeList() {
  StopLimits limits = Limits(1, 0, 2, 1);
  limits.until_list_ends = true;
  return limits;
}

StopLimits WithAsyncLimit() {
  StopLimits limits = Limits(3);
  limits.max_async_queries = 1;
  return limits;
}

INSTANTIATE_TEST_SUITE_P(
    , ClosedLoopStops,
    testing::Values(
        ClosedLoopStop{"MinimumCount", Limits(3), StopReason::kMinimumsMet, 3},
        ClosedLoopStop{"AtLeastOne", Limits(0), StopReason::kMinimumsMet, 1},
        ClosedLoopStop{"DurationAfterCount", Limits(3, 500), StopReason::kMinimumsMet, 6},
        ClosedLoopStop{"DurationNotReached", Limits(3, 501), StopReason::kMinimumsMet, 7},
        ClosedLoopStop{"CountAfterDuration", Limits(8, 500), StopReason::kMinimumsMet, 8},
        ClosedLoopStop{"MaxCount", Limits(10, 0, 4), StopReason::kMaxQueryCount, 4},
        ClosedLoopStop{"MaxDurationMustBeExceeded", Limits(10, 0, 0, 300), StopReason::kMaxDuration,
                       5},
        ClosedLoopStop{"MinimumsBeforeMaxCount", Limits(4, 0, 4), StopReason::kMinimumsMet, 4},
        ClosedLoopStop{"MinimumsBeforeMaxDuration", Limits(5, 0, 0, 300), StopReason::kMinimumsMet,
                       5},
        ClosedLoopStop{"MaxCountBeforeMaxDuration", Limits(10, 0, 5, 300),
                       StopReason::kMaxQueryCount, 5},
        ClosedLoopStop{"ListTooShort", Limits(13), StopReason::kSamplesExhausted, 12},
        ClosedLoopStop{"AccuracyTestsNothing", WholeList(), StopReason::kScheduleEnd, 12},
        ClosedLoopStop{"AsyncLimitIsForOpenLoops", WithAsyncLimit(), StopReason::kMinimumsMet, 3}),
    [](const testing::TestParamInfo<ClosedLoopStop>& stop) { return stop.param.name; });

TEST(ClosedLoop, WaitsForAnswersOfAnotherThread) {
  Rig rig(true, Times(300), 3, 1);
  std::atomic<int> unanswered{0};
  Worker worker([&](const std::vector<QuerySample>& samples) {
    // The last sample on its own: the query is over with it, not before.
    CompleteAll({samples[2], samples[0]});
    --unanswered;
    CompleteAll({samples[1]});
  });
  rig.sut.on_issue = [&](const std::vector<QuerySample>& samples) {
    EXPECT_EQ(unanswered.fetch_add(1), 0);
    worker.Take(samples);
  };
  const IssueEnd end = rig.ClosedLoop(Limits(300));
  EXPECT_EQ(end.reason, StopReason::kMinimumsMet);
  EXPECT_TRUE(rig.recorder.WaitForCompleted(900, &rig.control, &rig.gate));
  EXPECT_EQ(rig.recorder.TakeViolations().total(), 0u);
  EXPECT_EQ(rig.gate.held(), 1);
}

TEST(ClosedLoop, EndsWhenTheTestIsStoppedThoughTheSystemIsStuck) {
  Rig rig(true, Times(10), 8);
  rig.sut.on_issue = [&](std::vector<QuerySample> samples) {
    samples.pop_back();
    CompleteAll(samples);
    rig.control.RequestStop(StopCause::kAbort);
  };
  const IssueEnd end = rig.ClosedLoop(Limits(10));
  EXPECT_EQ(end.reason, StopReason::kAborted);
  EXPECT_EQ(end.queries_issued, 1u);
  EXPECT_EQ(end.outstanding, 1u);
  EXPECT_EQ(rig.gate.held(), 1);
}

TEST(ClosedLoop, IssuesNothingMoreOnceStoppedThoughAllIsAnswered) {
  Rig rig(true, Times(10));
  rig.sut.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll(samples);
    if (rig.sut.queries().size() == 3) rig.control.RequestStop(StopCause::kAbort);
  };
  const IssueEnd end = rig.ClosedLoop(Limits(10));
  EXPECT_EQ(end.reason, StopReason::kAborted);
  EXPECT_EQ(end.queries_issued, 3u);
}

TEST(ClosedLoop, EndsWithTheSystemsException) {
  Rig rig(true, Times(10));
  rig.sut.on_issue = [&](const std::vector<QuerySample>& samples) {
    if (rig.sut.queries().size() == 3) throw std::runtime_error("broken");
    CompleteAll(samples);
  };
  const IssueEnd end = rig.ClosedLoop(Limits(10));
  EXPECT_EQ(end.reason, StopReason::kAborted);
  EXPECT_EQ(end.queries_issued, 3u);
  EXPECT_TRUE(rig.control.stop_requested());
  EXPECT_THROW(std::rethrow_exception(rig.control.exception()), std::runtime_error);
}

// ---- Open loop ---------------------------------------------------------------------------------

TEST(OpenLoop, IssuesAtTheScheduledTimes) {
  Rig rig(false, {0, 500, 2000, 2000, 100'000, 50'000'000}, 1, 1);
  const IssueEnd end = rig.OpenLoop(OpenLimits());
  EXPECT_EQ(end.reason, StopReason::kScheduleEnd);
  EXPECT_EQ(end.queries_issued, 6u);
  const Times issued_ns = rig.issued_ns();
  EXPECT_EQ(issued_ns[0], 0);
  EXPECT_EQ(issued_ns[1], 500);
  // After a wait outside the gate the clock is read once more.
  EXPECT_EQ(issued_ns[2], 2001);
  // Due at the same time: as soon as the system returned (2 readings: completion and return).
  EXPECT_EQ(issued_ns[3], 2004);
  EXPECT_EQ(issued_ns[4], 100'001);
  EXPECT_EQ(issued_ns[5], 50'000'001);
  EXPECT_EQ(end.elapsed_ns, 50'000'001);
  EXPECT_EQ(rig.context.held_up_by_sut, 1u);
  EXPECT_EQ(rig.gate.held(), 1);
}

TEST(OpenLoop, DoesNotWaitForAnswers) {
  Rig rig(false, {0, 900, 1800, 2700}, 1, 1);
  rig.sut.on_issue = [](const std::vector<QuerySample>&) {};
  const IssueEnd end = rig.OpenLoop(OpenLimits());
  EXPECT_EQ(end.reason, StopReason::kScheduleEnd);
  EXPECT_EQ(rig.issued_ns(), (Times{0, 900, 1800, 2700}));
  EXPECT_EQ(rig.recorder.completed_count(), 0u);
}

TEST(OpenLoop, CountsQueriesHeldUpByTheSystem) {
  Rig rig(false, {0, 900, 1800, 9000}, 1, 1);
  Serve(&rig, 3000);
  rig.OpenLoop(OpenLimits());
  const Times issued_ns = rig.issued_ns();
  // A reading before each issue, two in it (completion and return).
  EXPECT_EQ(issued_ns[0], 0);
  EXPECT_EQ(issued_ns[1], 3003);
  EXPECT_EQ(issued_ns[2], 6006);
  EXPECT_EQ(issued_ns[3], 9009);
  EXPECT_EQ(rig.context.held_up_by_sut, 3u);
}

struct OpenLoopStop {
  std::string name;
  StopLimits limits;
  bool answers;
  StopReason reason;
  uint64_t queries_issued;
  uint64_t outstanding;
};

class OpenLoopStops : public testing::TestWithParam<OpenLoopStop> {};

// Ten queries, due every 900 ns.
TEST_P(OpenLoopStops, ByTheRightRule) {
  Rig rig(false, {0, 900, 1800, 2700, 3600, 4500, 5400, 6300, 7200, 8100}, 1, 1);
  if (!GetParam().answers) rig.sut.on_issue = [](const std::vector<QuerySample>&) {};
  const IssueEnd end = rig.OpenLoop(GetParam().limits);
  EXPECT_EQ(end.reason, GetParam().reason);
  EXPECT_EQ(end.queries_issued, GetParam().queries_issued);
  EXPECT_EQ(end.outstanding, GetParam().outstanding);
  EXPECT_EQ(rig.sut.queries().size(), GetParam().queries_issued);
  EXPECT_EQ(end.elapsed_ns, 900 * (static_cast<int64_t>(GetParam().queries_issued) - 1));
}

StopLimits OpenLimits(uint64_t max_async_queries, uint64_t max_query_count,
                      int64_t max_duration_ns) {
  StopLimits limits = OpenLimits();
  limits.max_async_queries = max_async_queries;
  limits.max_query_count = max_query_count;
  limits.max_duration_ns = max_duration_ns;
  return limits;
}

StopLimits WholeSchedule() {
  StopLimits limits = OpenLimits(1, 2, 1);
  limits.until_list_ends = true;
  return limits;
}

INSTANTIATE_TEST_SUITE_P(
    , OpenLoopStops,
    testing::Values(
        OpenLoopStop{"MinimumsEndNothing", OpenLimits(), true, StopReason::kScheduleEnd, 10, 0},
        OpenLoopStop{"MaxCount", OpenLimits(0, 3, 0), true, StopReason::kMaxQueryCount, 3, 0},
        OpenLoopStop{"MaxDurationMustBeExceeded", OpenLimits(0, 0, 1800), true,
                     StopReason::kMaxDuration, 4, 0},
        OpenLoopStop{"TooManyOutstanding", OpenLimits(4, 0, 0), false,
                     StopReason::kTooManyOutstanding, 5, 5},
        OpenLoopStop{"AnsweredQueriesAreNotOutstanding", OpenLimits(1, 0, 0), true,
                     StopReason::kScheduleEnd, 10, 0},
        OpenLoopStop{"OutstandingBeforeMaxCount", OpenLimits(4, 5, 0), false,
                     StopReason::kTooManyOutstanding, 5, 5},
        OpenLoopStop{"MaxCountBeforeMaxDuration", OpenLimits(0, 4, 1800), true,
                     StopReason::kMaxQueryCount, 4, 0},
        OpenLoopStop{"AccuracyFollowsTheScheduleToItsEnd", WholeSchedule(), false,
                     StopReason::kScheduleEnd, 10, 10}),
    [](const testing::TestParamInfo<OpenLoopStop>& stop) { return stop.param.name; });

// As a rate of 0.001 a second makes it: the run would go on for a quarter of an hour.
TEST(OpenLoop, AQueryFarBeyondTheLongestDurationIsNotWaitedFor) {
  Rig rig(false, {0, 900, 5'000'000'000}, 1, 1);
  StopLimits limits = OpenLimits(0, 0, 1'000'000);
  limits.last_due_ns = LastDueNs(limits.max_duration_ns);
  const IssueEnd end = rig.OpenLoop(limits);
  EXPECT_EQ(end.reason, StopReason::kMaxDuration);
  EXPECT_EQ(end.queries_issued, 2u);
  EXPECT_GE(end.elapsed_ns, 1'000'000);
  EXPECT_LT(end.elapsed_ns, 1'100'000);
  EXPECT_EQ(rig.gate.held(), 1);
}

// The reference's list goes on until a query is due after the minimum duration, which may be the
// longest one as well.
TEST(OpenLoop, TheQueryDueNextAfterTheLongestDurationIsStillIssued) {
  Rig rig(false, {0, 900, 500'000'000}, 1, 1);
  StopLimits limits = OpenLimits(0, 0, 1'000'000);
  limits.last_due_ns = LastDueNs(limits.max_duration_ns);
  const IssueEnd end = rig.OpenLoop(limits);
  EXPECT_EQ(end.reason, StopReason::kMaxDuration);
  EXPECT_EQ(end.queries_issued, 3u);
  EXPECT_EQ(end.elapsed_ns, 500'000'001);
}

TEST(OpenLoop, AWaitEndsOnceAnObserverHasSeenEnough) {
  Rig rig(false, {0, 1'000'000'000'000}, 1, 1);
  rig.clock.on_sleep = [&] { rig.context.seen_enough = true; };
  const IssueEnd end = rig.OpenLoop(OpenLimits());
  EXPECT_EQ(end.reason, StopReason::kSeenEnough);
  EXPECT_EQ(end.queries_issued, 1u);
  EXPECT_LT(rig.clock.Peek() - rig.context.start_ns, 1'000'000'000);
}

TEST(OpenLoop, CoalescesWhatIsDue) {
  Rig rig(false, {0, 900, 1000, 1100, 3001, 3002, 9000}, 1, 1);
  rig.context.coalesce = true;
  Serve(&rig, 2998);  // And 3 readings: query 0 takes until 3001.
  const IssueEnd end = rig.OpenLoop(OpenLimits());
  EXPECT_EQ(end.reason, StopReason::kScheduleEnd);
  // Query 4 is due at the very time of the second call; query 5 is not due before the next.
  EXPECT_EQ(QuerySizes(rig.sut), (std::vector<size_t>{1, 4, 1, 1}));
  EXPECT_EQ(rig.sut.issued_indices(),
            (std::vector<uint64_t>{1000, 1001, 1002, 1003, 1004, 1005, 1006}));
  EXPECT_EQ(end.queries_issued, 7u);
  // One issue time for a call, but each query keeps its own due time.
  EXPECT_EQ(rig.issued_ns(), (Times{0, 3001, 3001, 3001, 3001, 6002, 9003}));
  EXPECT_EQ(rig.recorder.ScheduledDeltaNs(2), 1000);
  EXPECT_EQ(rig.recorder.TakeViolations().total(), 0u);
}

// Whom to blame: queries 1 to 3 were due before the first call returned at 3001, and so was query
// 4, to the nanosecond. Query 5 became due after it, in the second call, which query 6 was not due
// in.
TEST(OpenLoop, MergedQueriesThatWereDueDuringTheCallAreHeldUp) {
  Rig rig(false, {0, 900, 1000, 1100, 3001, 3002, 9004}, 1, 1);
  rig.context.coalesce = true;
  Serve(&rig, 2998);
  rig.OpenLoop(OpenLimits());
  EXPECT_EQ(QuerySizes(rig.sut), (std::vector<size_t>{1, 4, 1, 1}));
  EXPECT_EQ(HeldUp(rig), (std::vector<int>{0, 1, 1, 1, 1, 1, 0}));
  EXPECT_EQ(rig.context.held_up_by_sut, 5u);
}

// The thread was woken a millisecond too late.
TEST(OpenLoop, QueriesThatBecameDueWhileTheGeneratorOversleptAreItsOwnLateness) {
  Rig rig(false, {0, 900'000, 900'100, 900'200, 9'000'000}, 1, 1);
  rig.context.coalesce = true;
  rig.clock.on_sleep = [&] {
    if (rig.sut.queries().size() == 1) rig.clock.Advance(1'000'000);
  };
  rig.OpenLoop(OpenLimits());
  EXPECT_EQ(QuerySizes(rig.sut), (std::vector<size_t>{1, 3, 1}));
  EXPECT_EQ(HeldUp(rig), (std::vector<int>(5, 0)));
  EXPECT_EQ(rig.context.held_up_by_sut, 0u);
}

// Nothing was issued before the first call, so that nothing held it up.
TEST(OpenLoop, QueriesOfTheFirstCallAreNotHeldUp) {
  Rig rig(false, {0, 1, 2, 9000}, 1, 1);
  rig.context.coalesce = true;
  rig.clock.Advance(500);
  rig.OpenLoop(OpenLimits());
  EXPECT_EQ(QuerySizes(rig.sut), (std::vector<size_t>{3, 1}));
  EXPECT_EQ(rig.context.held_up_by_sut, 0u);
}

TEST(OpenLoop, WithoutCoalescingEachQueryIsACall) {
  Rig rig(false, {0, 900, 1000, 1100, 3001, 3002, 9000}, 1, 1);
  Serve(&rig, 2998);
  rig.OpenLoop(OpenLimits());
  EXPECT_EQ(QuerySizes(rig.sut), (std::vector<size_t>(7, 1)));
}

TEST(OpenLoop, TestsTheLimitsOncePerCoalescedCall) {
  Rig rig(false, {0, 900, 1000, 1100, 9000}, 1, 1);
  rig.context.coalesce = true;
  Serve(&rig, 3000);
  const IssueEnd end = rig.OpenLoop(OpenLimits(0, 2, 0));
  EXPECT_EQ(end.reason, StopReason::kMaxQueryCount);
  EXPECT_EQ(end.queries_issued, 4u);
  EXPECT_EQ(rig.issued_ns(), (Times{0, 3003, 3003, 3003, -1}));
}

TEST(OpenLoop, CountsMergedQueriesAsOutstanding) {
  Rig rig(false, {0, 900, 1000, 1100, 9000}, 1, 1);
  rig.context.coalesce = true;
  rig.sut.on_issue = [&](const std::vector<QuerySample>&) { rig.clock.Advance(3000); };
  const IssueEnd end = rig.OpenLoop(OpenLimits(3, 0, 0));
  EXPECT_EQ(end.reason, StopReason::kTooManyOutstanding);
  EXPECT_EQ(end.outstanding, 4u);
}

// What the issuer and another thread leave behind that completed a sample at the same instant: it
// is counted twice. One query fewer than none is not very many.
TEST(OpenLoop, ARacingDoubleCompletionDoesNotMakeQueriesOutstanding) {
  Rig rig(false, {0, 900, 1800}, 1, 1);
  rig.sut.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll(samples);
    rig.recorder.Publish(1);
  };
  const IssueEnd end = rig.OpenLoop(OpenLimits(1, 0, 0));
  EXPECT_EQ(end.reason, StopReason::kScheduleEnd);
  EXPECT_EQ(end.queries_issued, 3u);
  EXPECT_EQ(end.outstanding, 0u);
}

TEST(OpenLoop, SharesTakeEverySecondQuery) {
  Rig rig(false, {0, 100, 200, 300, 400, 500, 600}, 1, 1);
  EXPECT_EQ(rig.OpenLoop(OpenLimits(), {0, 2}).queries_issued, 4u);
  EXPECT_EQ(rig.sut.issued_indices(), (std::vector<uint64_t>{1000, 1002, 1004, 1006}));
  EXPECT_EQ(rig.OpenLoop(OpenLimits(), {1, 2}).queries_issued, 3u);
  EXPECT_EQ(rig.sut.issued_indices(),
            (std::vector<uint64_t>{1000, 1002, 1004, 1006, 1001, 1003, 1005}));
  EXPECT_EQ(rig.recorder.completed_count(), 7u);
  EXPECT_EQ(rig.recorder.TakeViolations().total(), 0u);
}

TEST(OpenLoop, SharesCoalesceTheirOwnQueriesOnly) {
  Rig rig(false, {0, 100, 200, 300, 400, 500, 600}, 1, 1);
  rig.context.coalesce = true;
  Serve(&rig, 1000);
  rig.OpenLoop(OpenLimits(), {1, 2});
  EXPECT_EQ(QuerySizes(rig.sut), (std::vector<size_t>{1, 2}));
  EXPECT_EQ(rig.sut.issued_indices(), (std::vector<uint64_t>{1001, 1003, 1005}));
}

TEST(OpenLoop, OutstandingQueriesOfOtherSharesCount) {
  Rig rig(false, {0, 100, 200, 300, 400, 500}, 1, 1);
  rig.sut.on_issue = [](const std::vector<QuerySample>&) {};
  EXPECT_EQ(rig.OpenLoop(OpenLimits(4, 0, 0), {0, 2}).reason, StopReason::kScheduleEnd);
  const IssueEnd end = rig.OpenLoop(OpenLimits(4, 0, 0), {1, 2});
  EXPECT_EQ(end.reason, StopReason::kTooManyOutstanding);
  EXPECT_EQ(end.queries_issued, 2u);
  EXPECT_EQ(end.outstanding, 5u);
}

TEST(OpenLoop, EndsDuringAWaitWhenTheTestIsStopped) {
  Rig rig(false, {0, 3'600'000'000'000}, 1, 1);
  rig.clock.on_sleep = [&] { rig.control.RequestStop(StopCause::kAbort); };
  const IssueEnd end = rig.OpenLoop(OpenLimits());
  EXPECT_EQ(end.reason, StopReason::kAborted);
  EXPECT_EQ(end.queries_issued, 1u);
  EXPECT_EQ(rig.issued_ns(), (Times{0, -1}));
  EXPECT_EQ(rig.gate.held(), 1);
}

TEST(OpenLoop, EndsWithTheSystemsException) {
  Rig rig(false, {0, 900, 1800}, 1, 1);
  rig.sut.on_issue = [](const std::vector<QuerySample>&) { throw std::runtime_error("broken"); };
  const IssueEnd end = rig.OpenLoop(OpenLimits());
  EXPECT_EQ(end.reason, StopReason::kAborted);
  EXPECT_EQ(end.queries_issued, 1u);
  EXPECT_THROW(std::rethrow_exception(rig.control.exception()), std::runtime_error);
}

TEST(OpenLoop, CallsTheSystemInsideTheGate) {
  Rig rig(false, {0, 900, 5000, 100'000}, 1, 1);
  rig.sut.on_issue = [&](const std::vector<QuerySample>&) { EXPECT_EQ(rig.gate.held(), 1); };
  rig.OpenLoop(OpenLimits());
  EXPECT_EQ(rig.gate.leave_count(), 2) << "for the two long waits";
}

// ---- One shot ----------------------------------------------------------------------------------

TEST(OneShot, IssuesEverythingInOneQuery) {
  Rig rig(false, {0}, 1000);
  rig.clock.Advance(50);
  const IssueEnd end = IssueOneShot(&rig.context, Limits(1));
  EXPECT_EQ(end.reason, StopReason::kMinimumsMet);
  EXPECT_EQ(end.queries_issued, 1u);
  EXPECT_EQ(end.elapsed_ns, 50);
  EXPECT_EQ(rig.issued_ns(), (Times{50}));
  EXPECT_EQ(rig.recorder.ScheduledDeltaNs(0), 0) << "scheduled at the start, issued after it";
  EXPECT_EQ(QuerySizes(rig.sut), (std::vector<size_t>{1000}));
  EXPECT_EQ(rig.recorder.completed_count(), 1000u);
}

TEST(OneShot, EndsAnAccuracySetWithItsList) {
  Rig rig(false, {0}, 10);
  EXPECT_EQ(IssueOneShot(&rig.context, WholeList()).reason, StopReason::kScheduleEnd);
}

TEST(OneShot, EndsWithTheSystemsException) {
  Rig rig(false, {0}, 10);
  rig.sut.on_issue = [](const std::vector<QuerySample>&) { throw std::runtime_error("broken"); };
  EXPECT_EQ(IssueOneShot(&rig.context, Limits(1)).reason, StopReason::kAborted);
  EXPECT_THROW(std::rethrow_exception(rig.control.exception()), std::runtime_error);
}

}  // namespace
}  // namespace mlperf::loadgen
