#include "issue/timed_completions.h"

#include <cstdint>
#include <exception>
#include <memory>

#include "issue/completion_registry.h"
#include "issue/recorder.h"
#include "platform/clock.h"
#include "serve/completion_sink.h"

namespace mlperf::loadgen {
namespace {

QuerySampleResponse FirstEvent(const TimedAnswer& answer) {
  return {answer.response.id, reinterpret_cast<uintptr_t>(answer.first_event),
          answer.first_event_size};
}

// What the answer says besides, and its bytes where they are logged.
void Keep(Recorder* recorder, uint64_t sample, const TimedAnswer& answer, bool believed,
          int64_t now_ns) {
  recorder->KeepAnswer(sample, answer, believed);
  if (!recorder->LogsResponse(sample)) return;
  if (recorder->keeps_token_data()) recorder->KeepTokenData(sample, FirstEvent(answer), now_ns);
  recorder->LogResponse(sample, answer.response, now_ns);
}

void CompleteElsewhere(const TimedAnswer* answers, size_t count) {
  const std::shared_ptr<CompletionSink> sink = ActiveCompletionSink();
  if (sink == nullptr) return CountLateCompletions(count);
  for (size_t i = 0; i < count; ++i) {
    const TimedAnswer& answer = answers[i];
    const ResponseId id = answer.response.id;
    if (answer.first_token_ns != 0) sink->FirstToken(FirstEvent(answer), answer.first_token_ns);
    if (!sink->Claim(id)) continue;
    if (answer.cancelled) {  // The test it is for knows of no such answers.
      sink->Fail(id, "the system under test cancelled the request", answer.completed_ns);
    } else {
      sink->Complete(answer.response, answer.completed_ns);
    }
  }
  sink->Publish();
}

}  // namespace

void CompleteAt(const TimedAnswer* answers, size_t count) {
  CompletionScope scope;
  Recorder* recorder = scope.recorder();
  if (recorder == nullptr) return CompleteElsewhere(answers, count);
  const int64_t now_ns = recorder->NowNs();
  uint64_t completed = 0;
  for (size_t i = 0; i < count; ++i) {
    uint64_t sample = 0;
    bool believed = false;
    if (!recorder->CompleteTimed(answers[i], now_ns, scope.alone(), &sample, &believed)) continue;
    ++completed;
    try {
      Keep(recorder, sample, answers[i], believed, now_ns);
    } catch (...) {  // There was no memory for it.
      recorder->ReportException(std::current_exception());
    }
  }
  scope.Publish(completed);
}

}  // namespace mlperf::loadgen
