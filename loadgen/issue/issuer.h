// The issue loops: wait, issue, stop? One for each shape of traffic.
#ifndef MLPERF_LOADGEN_ISSUE_ISSUER_H_
#define MLPERF_LOADGEN_ISSUE_ISSUER_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "issue/query_feed.h"
#include "issue/recorder.h"
#include "platform/clock.h"
#include "platform/run_control.h"
#include "query_sample.h"
#include "record/run_record.h"
#include "record/stop_condition.h"
#include "system_under_test.h"
#include "test_settings.h"

namespace mlperf::loadgen {

// What the issue loops of one set share.
struct IssueContext {
  SystemUnderTest* sut = nullptr;
  Recorder* recorder = nullptr;
  QueryFeed* feed = nullptr;
  Clock* clock = nullptr;
  RunControl* control = nullptr;
  int64_t start_ns = 0;
  Pacing pacing = Pacing::Auto;             // Open loop.
  bool coalesce = false;                    // Open loop.
  std::atomic<uint64_t> queries_issued{0};  // By all threads; kept where a limit needs it.
  bool lent = false;                        // Threads that are lent issue.
  std::atomic<int> lent_in_callback{0};  // How many of them the system under test keeps just now.
  std::atomic<bool> seen_enough{false};  // Open loop: by an observer.
  std::atomic<uint64_t> held_up_by_sut{0};                         // Open loop.
  std::atomic<int64_t> spun_ns{0};                                 // Open loop: by all threads.
  std::atomic<int64_t> late_by_machine_ns{0}, late_by_gate_ns{0};  // Open loop: LateWaits.
};

// Which queries an issue thread takes: first, first + stride, first + 2 * stride, ...
struct IssueShare {
  uint64_t first = 0;
  uint64_t stride = 1;
};

// Each runs on the issuing thread, inside `gate`, until the limits or the list end it. Exceptions
// of the system under test go to context->control.
IssueEnd IssueClosedLoop(IssueContext* context, const StopLimits& limits, CallbackGate* gate);
IssueEnd IssueOpenLoop(IssueContext* context, const StopLimits& limits, const IssueShare& share,
                       CallbackGate* gate);
IssueEnd IssueOneShot(IssueContext* context, const StopLimits& limits);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_ISSUER_H_
