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

// Completes samples. It may be called from any thread, during IssueQuery or later. The completion
// time is one clock reading at the start of the call. Ids that are unknown, already completed or of
// another test are counted and make the result INVALID; they are never dereferenced.
void QuerySamplesComplete(QuerySampleResponse* responses, size_t response_count,
                          const ResponseCallback& response_cb = {});

// Reports the first token of samples that are not yet completed.
void FirstTokenComplete(QuerySampleResponse* responses, size_t response_count,
                        const ResponseCallback& response_cb = {});

// Ends samples that the system under test could not answer, for example because its network is
// down. They are in no latency and no throughput, and the result is INVALID for `reason`. Without
// ids, the call reports a fault that cost no sample. Returns false if no query is being issued; the
// call then counts for the set that has just ended, if there is one.
bool FailSamples(const ResponseId* ids, size_t count, const std::string& reason);

// Runs one test and blocks until it ends. A process runs one test at a time.
// Throws std::invalid_argument for settings with which no test can run, std::logic_error if a test
// is already running, std::system_error if the logs cannot be written, and any exception that a
// callback threw (after the logs are complete).
TestResult StartTest(SystemUnderTest* sut, QuerySampleLibrary* qsl,
                     const TestSettings& requested_settings, const LogSettings& log_settings,
                     const std::string audit_config_filename = "audit.config");

// Ends the running test: no more queries are issued, the logs are written, and StartTest returns a
// result marked aborted. It may be called from any thread; without a running test it does nothing.
void AbortTest();

// Lends the calling thread to the test for issuing queries (Server with
// server_num_issue_query_threads > 0) and returns when the test has ended.
void RegisterIssueQueryThread();

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_LOADGEN_H_
