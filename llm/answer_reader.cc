#include "answer_reader.h"

#include <algorithm>
#include <utility>

#include "json_text.h"

namespace mlperf::llm {
namespace {

constexpr std::string_view kEndMark = "[DONE]";
constexpr size_t kMaxRefusal = 64 << 10;  // What is read of an error's body.

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

void AnswerReader::Begin(AnswerOptions options) {
  std::vector<TokenEvent> events = std::move(answer_.events);
  events.clear();
  EventStream stream = std::move(events_);
  stream.Clear();
  *this = AnswerReader(options);
  answer_.events = std::move(events);
  events_ = std::move(stream);
}

bool AnswerReader::Feed(std::string_view bytes, Stamp stamp) {
  if (bytes.empty()) return is_over_;
  // Arrivals do not run back, whatever the clocks do.
  stamp.arrived_ns =
      std::clamp(stamp.arrived_ns, std::min(now_.arrived_ns, stamp.read_ns), stamp.read_ns);
  now_ = stamp;
  if (answer_.first_byte_ns == 0) answer_.first_byte_ns = stamp.arrived_ns;
  while (!bytes.empty() && stage_ == Stage::kHead) FeedHead(&bytes);
  if (stage_ == Stage::kBody) FeedBody(&bytes);
  has_extra_bytes_ |= !bytes.empty();
  return is_over_;
}

void AnswerReader::FeedHead(std::string_view* bytes) {
  const HeadReader::Step step = head_.Next(bytes);
  if (step == HeadReader::Step::kMore) return;
  if (step == HeadReader::Step::kBroken) {
    stage_ = Stage::kBroken;
    Fail("no answer of HTTP/1.1", std::string("no answer of HTTP/1.1: ") + head_.fault());
    return;
  }
  const HttpHead& head = head_.head();
  if (head.is_interim()) {
    head_.Clear();
    return;
  }
  answer_.status = head.status;
  body_.Begin(head);
  stage_ = Stage::kBody;
  const bool is_plain = head.status == 200 && head.coding.empty();
  form_ = is_plain && head.type == "text/event-stream"  ? Form::kEvents
          : is_plain && head.type == "application/json" ? Form::kWhole
                                                        : Form::kRefusal;
}

void AnswerReader::FeedBody(std::string_view* bytes) {
  while (stage_ == Stage::kBody) {
    switch (body_.Next(bytes)) {
      case BodyReader::Step::kMore:
        return;
      case BodyReader::Step::kData:
        TakeBody(body_.data());
        break;
      case BodyReader::Step::kEnd:
        stage_ = Stage::kEnded;
        EndBody();
        break;
      case BodyReader::Step::kBroken:
        stage_ = Stage::kBroken;
        Fail("broken chunked coding", "the body is no chunked coding of HTTP/1.1");
        break;
    }
  }
}

void AnswerReader::TakeBody(std::string_view data) {
  // What is within the limit counts, however the reads were cut.
  const uint64_t room = options_.max_answer_bytes - answer_.bytes;
  const bool is_too_long = data.size() > room;
  data = data.substr(0, room);
  answer_.bytes += data.size();
  if (!is_over_) TakeInForm(data);
  if (!is_too_long) return;
  stage_ = Stage::kBroken;
  Fail("the answer is too long", "the answer has more than " +
                                     std::to_string(options_.max_answer_bytes) +
                                     " bytes; raise max_answer_bytes");
}

void AnswerReader::TakeInForm(std::string_view data) {
  if (form_ == Form::kRefusal) {
    whole_.append(data.substr(0, kMaxRefusal - std::min(whole_.size(), kMaxRefusal)));
  } else if (form_ == Form::kWhole) {
    whole_.append(data);
  } else {
    StreamEvent event;
    while (!is_over_ && events_.Next(&data, &event)) TakeEvent(event);
  }
}

void AnswerReader::TakeEvent(const StreamEvent& event) {
  ++answer_.stream_events;
  const std::string_view data = TrimBlanks(event.data);
  if (data == kEndMark) return Complete();
  if (event.name == StreamEvent::Name::kError) {
    return FailAs("the server sent an error: " + ErrorWords(data));
  }
  AnswerText* const text = options_.keep_text ? &answer_.text : nullptr;
  const EventFacts facts = ReadEvent(data, {text, options_.keep_token_ids});
  if (facts.is_json) return TakeFacts(facts, data);
  // Of a keep-alive with a name of its own nobody expects JSON.
  if (event.name == StreamEvent::Name::kMessage) Fault(data);
}

void AnswerReader::TakeFacts(const EventFacts& facts, std::string_view json) {
  if (facts.is_error) {
    return FailAs("the server sent an error: " + facts.error);
  }
  const bool has_hidden_tokens = facts.has_choices && !facts.is_finished &&
                                 (facts.token_ids > 0 || facts.completion_tokens > usage_);
  if (facts.has_output || facts.has_reasoning || has_hidden_tokens) {
    if (options_.keep_text && answer_.events.empty()) {
      AnswerText first;
      ReadEvent(json, {&first, false});
      answer_.first_event = TextOfJson(first.reasoning + first.content + first.tools);
    }
    TakeTokens(facts);
  }
  token_ids_ += facts.token_ids;
  TakeUsage(facts);
  is_finished_ |= facts.is_finished;
}

void AnswerReader::TakeTokens(const EventFacts& facts) {
  if (facts.completion_tokens < 0) usage_is_per_event_ = false;
  const uint32_t lag_ns = LagOf(now_);
  if (answer_.events.empty()) {
    answer_.first_token_ns = now_.arrived_ns;
    answer_.first_token_lag_ns = lag_ns;
  }
  if (answer_.first_output_ns == 0 && !facts.has_reasoning) {
    answer_.first_output_ns = facts.has_output ? now_.arrived_ns : 0;
  }
  answer_.last_token_ns = now_.arrived_ns;
  answer_.events.push_back({now_.arrived_ns, TokensOf(facts), lag_ns});
}

// The tokens of an event; 0: not known.
uint32_t AnswerReader::TokensOf(const EventFacts& facts) const {
  if (usage_is_per_event_ && facts.completion_tokens > usage_) {
    return static_cast<uint32_t>(std::min<int64_t>(facts.completion_tokens - usage_, UINT32_MAX));
  }
  return facts.token_ids;
}

void AnswerReader::TakeUsage(const EventFacts& facts) {
  const auto take = [](int64_t from, int64_t* to) {
    if (from >= 0) *to = from;
  };
  take(facts.completion_tokens, &usage_);
  take(facts.prompt_tokens, &answer_.prompt_tokens);
  take(facts.cached_tokens, &answer_.cached_tokens);
  take(facts.reasoning_tokens, &answer_.reasoning_tokens);
}

void AnswerReader::End(Stamp stamp) {
  stamp.arrived_ns = std::max(stamp.arrived_ns, now_.arrived_ns);
  now_ = stamp;
  if (stage_ == Stage::kHead) {
    stage_ = Stage::kBroken;
    Fail("the connection was closed before an answer",
         "the server closed the connection before it answered");
  } else if (stage_ == Stage::kBody) {
    stage_ = Stage::kBroken;
    EndBody();
  }
}

void AnswerReader::Stop(Stamp stamp, const std::string& failure) {
  if (is_over_) return;
  now_ = stamp;
  stage_ = Stage::kBroken;
  FailAs(failure);
}

// The body ended, or was cut.
void AnswerReader::EndBody() {
  if (is_over_) return;
  if (form_ == Form::kRefusal) {
    const std::string status = "HTTP " + std::to_string(answer_.status);
    const std::string words = RefusalWords();
    if (answer_.status == 200) return Fail("an answer of another type", words);
    const std::string reason = OneLine(head_.head().reason);
    return Fail(reason.empty() ? status : status + ": " + reason, words);
  }
  if (form_ == Form::kWhole) return EndWhole();
  StreamEvent event;
  if (events_.Finish(&event)) TakeEvent(event);
  if (is_over_) return;
  is_finished_ ? Complete() : Cut();
}

std::string AnswerReader::RefusalWords() const {
  const HttpHead& head = head_.head();
  const std::string words = ErrorWords(whole_);
  if (head.status != 200) {
    return "HTTP " + std::to_string(head.status) + " " + OneLine(head.reason) +
           (words.empty() ? "" : ": " + words);
  }
  if (!head.coding.empty()) return "the answer is compressed: " + OneLine(head.coding);
  return "the answer is " + (head.type.empty() ? "of no type" : OneLine(head.type)) +
         ", and no event stream" + (words.empty() ? "" : ": " + words);
}

// A completion as one JSON: one event with all tokens.
void AnswerReader::EndWhole() {
  AnswerText* const text = options_.keep_text ? &answer_.text : nullptr;
  const EventFacts facts = ReadEvent(whole_, {text, options_.keep_token_ids});
  if (!facts.is_json) {
    return Fail("an answer that is no JSON", "the answer is no JSON: " + OneLine(whole_));
  }
  TakeFacts(facts, whole_);
  if (is_over_) return;
  is_finished_ ? Complete() : Cut();
}

void AnswerReader::Complete() {
  if (answer_.events.empty()) {
    return Fail("complete, but without a token", "the answer is complete, but has no token");
  }
  CountTokens();
  answer_.completed_ns = now_.arrived_ns;
  answer_.completed_lag_ns = LagOf(now_);
  is_over_ = true;
}

void AnswerReader::Cut() {
  CountTokens();
  cut_after_ = answer_.n_tokens;
  Fail("cut before finish_reason or [DONE]",
       "cut after " + std::to_string(cut_after_) + " tokens: neither finish_reason nor [DONE]");
}

void AnswerReader::Fault(std::string_view data) {
  if (++answer_.faults == 1) answer_.first_fault = OneLine(data);
}

void AnswerReader::Fail(std::string reason, std::string words) {
  if (is_over_) return;
  CountTokens();
  answer_.reason = std::move(reason);
  answer_.failure = std::move(words);
  answer_.completed_ns = now_.arrived_ns;
  answer_.completed_lag_ns = LagOf(now_);
  is_over_ = true;
}

void AnswerReader::FailAs(const std::string& words) { Fail(words, words); }

void AnswerReader::CountTokens() {
  if (usage_ > 0) {
    answer_.n_tokens = usage_;
    answer_.source = TokenSource::kUsage;
  } else if (token_ids_ > 0) {
    answer_.n_tokens = static_cast<int64_t>(token_ids_);
    answer_.source = TokenSource::kTokenIds;
  } else if (!answer_.events.empty()) {
    answer_.n_tokens = static_cast<int64_t>(answer_.events.size());
    answer_.source = TokenSource::kEvents;
  }
}

bool AnswerReader::is_reusable() const {
  return stage_ == Stage::kEnded && head_.head().keeps_connection && !has_extra_bytes_;
}

}  // namespace mlperf::llm
