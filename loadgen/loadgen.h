// The load generator's entry points.
#ifndef MLPERF_LOADGEN_LOADGEN_H_
#define MLPERF_LOADGEN_LOADGEN_H_

#include <cstddef>
#include <functional>
#include <string>

#include "query_sample.h"
#include "query_sample_library.h"
#include "system_under_test.h"
#include "test_result.h"
#include "test_settings.h"

namespace mlperf {

// Called on the completing thread for each response that will be logged, before its bytes are
// read; may change data, size and n_tokens.
using ResponseCallback = std::function<void(QuerySampleResponse*)>;

// Completes samples: from any thread, during IssueQuery or later. The completion time is one clock
// reading at entry. Ids that are unknown, already completed or of another test are counted and
// make the result INVALID; they are never dereferenced.
void QuerySamplesComplete(QuerySampleResponse* responses, size_t response_count,
                          const ResponseCallback& response_cb = {});

// Reports the first token of samples that are not yet completed.
void FirstTokenComplete(QuerySampleResponse* responses, size_t response_count,
                        const ResponseCallback& response_cb = {});

// Ends samples that the system under test could not answer, as one whose network is down: they are
// in no latency and no throughput, and the result is INVALID, for `reason`. With no ids it reports
// a fault that cost no sample. False if no query is being issued: then it counts for the set that
// has just ended, if one has.
bool FailSamples(const ResponseId* ids, size_t count, const std::string& reason);

// Runs one test and blocks until it ends. One test at a time in a process.
// Throws std::invalid_argument for settings no test can be run with, std::logic_error if a test
// is running already, std::system_error if the logs cannot be written, and whatever a callback
// threw (after the logs are complete).
TestResult StartTest(SystemUnderTest* sut, QuerySampleLibrary* qsl,
                     const TestSettings& requested_settings, const LogSettings& log_settings,
                     const std::string audit_config_filename = "audit.config");

// Ends the running test: nothing more is issued, the logs are written and StartTest returns a
// result marked aborted. From any thread; without a running test it does nothing.
void AbortTest();

// Lends the calling thread to the test for issuing queries (Server with
// server_num_issue_query_threads > 0) and returns when the test has ended.
void RegisterIssueQueryThread();

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_LOADGEN_H_
