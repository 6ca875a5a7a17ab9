#include "door_sink.h"

#include <utility>
#include <vector>

#include "json_text.h"

namespace mlperf::python {
namespace {

TokenSource SourceOf(llm::TokenSource source) {
  switch (source) {
    case llm::TokenSource::kUsage:
      return TokenSource::kUsage;
    case llm::TokenSource::kTokenIds:
      return TokenSource::kTokenIds;
    case llm::TokenSource::kEvents:
      return TokenSource::kEvents;
    case llm::TokenSource::kUnknown:
      break;
  }
  return TokenSource::kUnknown;
}

TimedAnswer TimesOf(const llm::Answer& answer) {
  TimedAnswer timed;
  timed.first_token_ns = answer.first_token_ns;
  timed.first_output_ns = answer.first_output_ns;
  timed.completed_ns = answer.completed_ns;
  timed.first_token_lag_ns = answer.first_token_lag_ns;
  timed.completed_lag_ns = answer.completed_lag_ns;
  timed.prompt_tokens = answer.prompt_tokens;
  timed.cached_tokens = answer.cached_tokens;
  timed.reasoning_tokens = answer.reasoning_tokens;
  timed.source = SourceOf(answer.source);
  timed.response.n_tokens = answer.n_tokens;
  return timed;
}

void LendBytes(const void* data, size_t size, QuerySampleResponse* response) {
  response->data = reinterpret_cast<uintptr_t>(data);
  response->size = size;
}

}  // namespace

DoorSink::DoorSink(const py::capsule& door, py::object count_tokens)
    : owner_(door), count_tokens_(std::move(count_tokens)) {
  if (std::string_view(door.name() != nullptr ? door.name() : "") != kCompletionDoorName) {
    throw py::type_error("the door must be _core.completion_door");
  }
  door_ = door.get_pointer<const CompletionDoor>();
}

bool DoorSink::WantsText() { return door_->logs_responses() || !count_tokens_.is_none(); }

void DoorSink::Complete(uint64_t id, int64_t sent_ns, const llm::Answer& answer, bool cancelled) {
  TimedAnswer timed = TimesOf(answer);
  timed.response.id = id;
  timed.sent_ns = sent_ns;
  timed.cancelled = cancelled;
  const std::string text = llm::TextOfJson(answer.text.content);
  const std::vector<int32_t>& ids = answer.text.token_ids;
  if (ids.empty()) {
    LendBytes(text.data(), text.size(), &timed.response);
  } else {
    LendBytes(ids.data(), ids.size() * sizeof(int32_t), &timed.response);
  }
  thread_local std::vector<TokenEvent> events;
  events.clear();
  for (const llm::TokenEvent& event : answer.events) {
    events.push_back({event.at_ns, event.tokens, event.lag_ns});
  }
  timed.events = events.data();
  timed.event_count = static_cast<uint32_t>(events.size());
  timed.first_event = answer.first_event.data();
  timed.first_event_size = answer.first_event.size();
  if (answer.source == llm::TokenSource::kEvents && !count_tokens_.is_none()) {
    CountTokens(llm::TextOfJson(answer.text.reasoning) + text, &timed);
  }
  door_->complete_at(&timed, 1);
}

// Where the text cannot be counted, the events stay what is counted.
void DoorSink::CountTokens(const std::string& text, TimedAnswer* answer) const {
  const py::gil_scoped_acquire held;
  try {
    const auto count = py::cast<int64_t>(count_tokens_(py::bytes(text)));
    if (count < 1) return;
    answer->response.n_tokens = count;
    answer->source = TokenSource::kTokenizer;
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable("the tokenizer");
  }
}

void DoorSink::Fail(uint64_t id, const std::string& reason) {
  const ResponseId failed = id;
  door_->fail(&failed, 1, reason.c_str());
}

}  // namespace mlperf::python
