// The public entry points: completions go to the active recorder, tests to RunTest.
#include "loadgen.h"

#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>

#include "conduct/run.h"
#include "conduct/running_tests.h"
#include "issue/completion_registry.h"
#include "plan/run_plan.h"
#include "platform/clock.h"
#include "serve/completion_sink.h"

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

// What the exception that is being handled says.
std::string BeingHandled() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

// Completions while this process issues nothing: for whom it hosts a system under test, or too
// late.
void CompleteElsewhere(const QuerySampleResponse* responses, size_t count,
                       const ResponseCallback& response_cb) {
  const std::shared_ptr<loadgen::CompletionSink> sink = loadgen::ActiveCompletionSink();
  if (sink == nullptr) return loadgen::CountLateCompletions(count);
  const int64_t now_ns = loadgen::MonotonicClock().NowNs();
  for (size_t i = 0; i < count; ++i) {
    if (!sink->Claim(responses[i].id)) continue;
    QuerySampleResponse response = responses[i];
    try {
      if (response_cb) response_cb(&response);
    } catch (...) {
      sink->Fail(responses[i].id, "the response callback threw " + BeingHandled(), now_ns);
      continue;
    }
    response.id = responses[i].id;  // It is claimed, whatever the callback did.
    sink->Complete(response, now_ns);
  }
  sink->Publish();
}

void FirstTokensElsewhere(const QuerySampleResponse* responses, size_t count) {
  const std::shared_ptr<loadgen::CompletionSink> sink = loadgen::ActiveCompletionSink();
  if (sink == nullptr) return loadgen::CountLateCompletions(count);
  const int64_t now_ns = loadgen::MonotonicClock().NowNs();
  for (size_t i = 0; i < count; ++i) sink->FirstToken(responses[i], now_ns);
  sink->Publish();
}

bool FailElsewhere(const ResponseId* ids, size_t count, const std::string& reason) {
  const std::shared_ptr<loadgen::CompletionSink> sink = loadgen::ActiveCompletionSink();
  if (sink == nullptr) {
    loadgen::NoteLateFailure(reason);
    return false;
  }
  const int64_t now_ns = loadgen::MonotonicClock().NowNs();
  for (size_t i = 0; i < count; ++i) {
    if (sink->Claim(ids[i])) sink->Fail(ids[i], reason, now_ns);
  }
  if (count == 0) sink->Fail(kResponseIdReserved, reason, now_ns);
  sink->Publish();
  return true;
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
  if (recorder == nullptr) return CompleteElsewhere(responses, response_count, response_cb);
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
  if (recorder == nullptr) return FirstTokensElsewhere(responses, response_count);
  const int64_t now_ns = recorder->NowNs();
  for (size_t i = 0; i < response_count; ++i) {
    uint64_t sample;
    if (!recorder->FirstToken(responses[i].id, now_ns, &sample)) continue;
    if (recorder->keeps_token_data() && recorder->LogsResponse(sample)) {
      recorder->KeepTokenData(sample, responses[i], now_ns);
    }
  }
}

bool FailSamples(const ResponseId* ids, size_t count, const std::string& reason) {
  CompletionScope scope;
  Recorder* recorder = scope.recorder();
  if (recorder == nullptr) return FailElsewhere(ids, count, reason);
  const int64_t now_ns = recorder->NowNs();
  uint64_t failed = 0;
  for (size_t i = 0; i < count; ++i) failed += recorder->Fail(ids[i], now_ns, scope.alone());
  scope.PublishFailed(failed, reason);
  if (count == 0) recorder->NoteFault(reason);
  return true;
}

TestResult StartTest(SystemUnderTest* sut, QuerySampleLibrary* qsl,
                     const TestSettings& requested_settings, const LogSettings& log_settings,
                     const std::string audit_config_filename) {
  loadgen::Interrupts interrupts(loadgen::UnhandledInterrupts());
  loadgen::TestEnvironment environment;
  environment.interrupts = &interrupts;
  environment.warn = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
  for (const std::string& text : loadgen::UnusedSettings(requested_settings))
    environment.warn(text);
  const EndByInterrupt end_by_interrupt{interrupts};
  return loadgen::RunTest(sut, qsl, requested_settings, log_settings, audit_config_filename,
                          environment);
}

void AbortTest() {
  loadgen::TheTestRegistry().Abort();
  if (const auto sink = loadgen::ActiveCompletionSink()) sink->Abort();
}

void RegisterIssueQueryThread() { loadgen::TheTestRegistry().issue_threads()->Lend(); }

}  // namespace mlperf
