// What a random run is: settings, how the system answers, and which faults it has.
#ifndef MLPERF_LOADGEN_TESTS_SOAK_RUN_SPEC_H_
#define MLPERF_LOADGEN_TESTS_SOAK_RUN_SPEC_H_

#include <cstdint>
#include <string>

#include "test_settings.h"

namespace mlperf::soak {

// How often each promise to the load generator is broken: probabilities a sample, or a call.
struct FaultRates {
  double drop = 0;              // Never completed.
  double duplicate = 0;         // Completed again, later or in the same call.
  double racing_duplicate = 0;  // Completed by two threads at the same moment.
  double unknown_id = 0;
  double foreign_id = 0;  // An id of an earlier run.
  double guessed_id = 0;  // One of the next ids, maybe not issued yet.
  double null_data = 0;
  double double_first_token = 0;
  double missing_first_token = 0;
  double late_first_token = 0;
  double bad_token_count = 0;
  double changed_response = 0;  // No fault: a response callback replaces the data. A call.
  double callback_throws = 0;   // A call.
};

// Where one exception is thrown.
enum class Thrower { kNone, kSutName, kIssue, kFlush, kLibraryName, kLoad, kUnload };

// Who calls AbortTest.
enum class Aborter { kNone, kIssue, kLoad, kWorker, kOtherThread };

// Who calls StartTest while the test runs.
enum class Nester { kNone, kIssue, kWorker };

// Who answers what is not answered in IssueQuery itself.
enum class Answerers { kWorkers, kThreadEachBatch };

struct RunSpec {
  uint64_t seed = 0;
  TestSettings settings;
  bool trace = false;
  uint64_t library_total_count = 1;
  uint64_t library_performance_count = 1;

  Answerers answerers = Answerers::kWorkers;
  uint64_t worker_count = 1;
  uint64_t largest_batch = 1;       // Samples a call; batches mix queries.
  double answered_in_callback = 0;  // Share of the samples.
  bool holds_until_flush = false;
  uint64_t largest_response = 0;  // Bytes.

  FaultRates faults;
  Thrower thrower = Thrower::kNone;
  uint64_t throw_at = 0;  // Which call, from 0.
  Aborter aborter = Aborter::kNone;
  uint64_t abort_at = 0;  // Which call or batch, from 0; for another thread: how long it waits.
  Nester nester = Nester::kNone;
  bool slow_callbacks = false;
  bool completes_after_run = false;
};

struct SpecLimits {
  uint64_t queries = 200;  // Upper bound of min_query_count.
  uint64_t threads = 8;    // Upper bound of worker_count.
  bool faults = true;
};

RunSpec DrawRunSpec(uint64_t seed, const SpecLimits& limits);

// For messages: what is needed to see which run it was.
std::string Describe(const RunSpec& spec);

}  // namespace mlperf::soak

#endif  // MLPERF_LOADGEN_TESTS_SOAK_RUN_SPEC_H_
