// The public entry points: completions go to the active recorder, tests to RunTest.
#include "loadgen.h"

#include <csignal>
#include <cstdio>
#include <exception>

#include "completion_registry.h"
#include "test_registry.h"
#include "test_run.h"

namespace mlperf {
namespace {

using loadgen::CompletionScope;
using loadgen::Recorder;

// Hands the response to the log, through the user's callback if there is one.
void Log(Recorder* recorder, uint64_t sample, const QuerySampleResponse& response,
         const ResponseCallback& response_cb, int64_t now_ns) {
  QuerySampleResponse logged = response;
  if (response_cb) response_cb(&logged);
  recorder->LogResponse(sample, logged, now_ns);
}

// Lets the signal that ended a test do what it does without a test, once the logs are complete.
struct EndByInterrupt {
  const loadgen::Interrupts& interrupts;
  ~EndByInterrupt() {
    if (interrupts.received() != 0) std::raise(interrupts.received());
  }
};

}  // namespace

void QuerySamplesComplete(QuerySampleResponse* responses, size_t response_count,
                          const ResponseCallback& response_cb) {
  CompletionScope scope;
  Recorder* recorder = scope.recorder();
  if (recorder == nullptr) return loadgen::CountLateCompletions(response_count);
  const int64_t now_ns = recorder->NowNs();
  uint64_t completed = 0;
  for (size_t i = 0; i < response_count; ++i) {
    uint64_t sample;
    if (!recorder->Complete(responses[i].id, now_ns, responses[i].n_tokens, scope.alone(), &sample))
      continue;
    ++completed;
    if (!recorder->LogsResponse(sample)) continue;
    try {
      Log(recorder, sample, responses[i], response_cb, now_ns);
    } catch (...) {
      recorder->ReportException(std::current_exception());
    }
  }
  scope.Publish(completed);
}

void FirstTokenComplete(QuerySampleResponse* responses, size_t response_count,
                        const ResponseCallback&) {
  CompletionScope scope;
  Recorder* recorder = scope.recorder();
  if (recorder == nullptr) return loadgen::CountLateCompletions(response_count);
  const int64_t now_ns = recorder->NowNs();
  for (size_t i = 0; i < response_count; ++i) {
    uint64_t sample;
    if (!recorder->FirstToken(responses[i].id, now_ns, &sample)) continue;
    if (recorder->keeps_token_data() && recorder->LogsResponse(sample)) {
      recorder->KeepTokenData(sample, responses[i], now_ns);
    }
  }
}

TestResult StartTest(SystemUnderTest* sut, QuerySampleLibrary* qsl,
                     const TestSettings& requested_settings, const LogSettings& log_settings,
                     const std::string audit_config_filename) {
  loadgen::Interrupts interrupts(loadgen::UnhandledInterrupts());
  loadgen::TestEnvironment environment;
  environment.interrupts = &interrupts;
  environment.warn = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
  const EndByInterrupt end_by_interrupt{interrupts};
  return loadgen::RunTest(sut, qsl, requested_settings, log_settings, audit_config_filename,
                          environment);
}

void AbortTest() { loadgen::TestRegistry().Abort(); }

void RegisterIssueQueryThread() { loadgen::TestRegistry().issue_threads()->Lend(); }

}  // namespace mlperf
