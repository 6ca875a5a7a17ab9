// Runs the traffic of one loaded set: RunPlan in, RunRecord out.
#ifndef MLPERF_LOADGEN_ISSUE_SET_RUNNER_H_
#define MLPERF_LOADGEN_ISSUE_SET_RUNNER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "issue/issue_threads.h"
#include "plan/run_plan.h"
#include "platform/clock.h"
#include "platform/run_control.h"
#include "record/response_sink.h"
#include "record/run_record.h"
#include "system_under_test.h"
#include "traffic/accuracy_sampling.h"
#include "traffic/loadable_set.h"

namespace mlperf::loadgen {

// Who takes part in a test.
struct Actors {
  SystemUnderTest* sut;
  Clock* clock;
  CallbackGate* gate;
  RunControl* control;
  IssueThreads* issue_threads;
  // Have threads of the test's own: one that makes queries ahead of an open loop, and one that
  // looks whether anything is completed. Off for clocks that do not run by themselves.
  bool background_threads = true;
  // Called for a set in which nothing is completed.
  std::function<void(const std::string&)> say = [](const std::string&) {};
};

// A set while it is issued.
struct SetView {
  const SampleSlots& slots;
  uint64_t queries_ready;  // Those before it may be looked at.
  uint64_t samples_completed;
  int64_t start_ns;  // Clock readings.
  int64_t now_ns;
  // An answer is known, with its first token, only once it is complete, and may be in time although
  // it is not known yet (TimingSystem).
  bool answers_are_timed = false;
};

class SetObserver {
 public:
  virtual ~SetObserver() = default;
  // Called now and then while the set is issued. True: nothing more needs to be issued.
  virtual bool HasSeenEnough(const SetView& view) = 0;
};

// What is to be issued, and how it fits into the test.
struct SetRequest {
  Phase phase = Phase::kPerformance;
  const LoadableSet* set = nullptr;
  uint64_t id_tag = 1;
  uint64_t first_query = 0;
  uint64_t first_sample = 0;
  bool trace = false;
  ResponseSink* responses = nullptr;     // Receives those of accuracy sets.
  AccuracySampling* sampling = nullptr;  // Performance sets: which responses are logged, if any.
  bool token_data = false;
  SetObserver* observer = nullptr;  // None: there is no observer.
  uint64_t trial = 0;               // Of a peak search, from 1; 0: this is none.
  // Called when all is prepared for the first query, unless it is empty.
  std::function<void()> prepared = {};
};

struct SetOutcome {
  RunRecord record;
  // Sequence numbers of the set that follows.
  uint64_t next_query = 0;
  uint64_t next_sample = 0;
};

// Generates, issues, flushes and waits until all is completed. Exceptions of the system under test
// end up in the record. Called outside the gate.
SetOutcome RunSet(const RunPlan& plan, const SetRequest& request, const Actors& actors);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_SET_RUNNER_H_
