// One answer of an endpoint from the bytes of its connection, however they are cut.
//
// An event has tokens if a choice has content, text, a refusal, reasoning or a tool call that is
// not empty; or if it has choices, no finish reason, and token ids or a usage above any before. The
// answer is complete at "[DONE]", or at the end of the body after a finish reason. All else fails:
// a body that ends before, an error in it, another status than 200, another type than an event
// stream or a completion as one JSON, a complete answer without a token.
#ifndef MLPERF_LLM_ANSWER_READER_H_
#define MLPERF_LLM_ANSWER_READER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "answer.h"
#include "body_reader.h"
#include "event_facts.h"
#include "event_stream.h"
#include "http_head.h"

namespace mlperf::llm {

struct AnswerOptions {
  bool keep_text = true;
  bool keep_token_ids = false;
  uint64_t max_answer_bytes = 64 << 20;
};

class AnswerReader {
 public:
  explicit AnswerReader(AnswerOptions options = {}) : options_(options) {}

  // Another answer begins. Keeps memory for events.
  void Begin(AnswerOptions options);

  // Takes the next bytes. Returns whether the answer is complete or failed; what follows then only
  // decides whether the connection can be used again.
  bool Feed(std::string_view bytes, Stamp stamp);

  // The bytes that follow arrive after this time, whatever the clocks say.
  void NotBefore(int64_t time_ns) { now_.arrived_ns = std::max(now_.arrived_ns, time_ns); }

  // The connection ends. The answer is complete or failed then.
  void End(Stamp stamp);

  // The answer is not waited for any longer. `failure`: why it failed; empty: it did not.
  void Stop(Stamp stamp, const std::string& failure);

  const Answer& answer() const { return answer_; }
  bool is_over() const { return is_over_; }
  // Whether no byte of an answer has come.
  bool is_untouched() const { return answer_.first_byte_ns == 0; }
  // The body ended properly, nothing came after it, and the server keeps the connection.
  bool is_reusable() const;
  // No answer can come any more on this connection.
  bool is_at_end() const { return stage_ == Stage::kEnded || stage_ == Stage::kBroken; }
  // The tokens that came before the answer was cut; -1: it was not cut.
  int64_t cut_after() const { return cut_after_; }

 private:
  enum class Stage : uint8_t { kHead, kBody, kEnded, kBroken };
  enum class Form : uint8_t { kEvents, kWhole, kRefusal };

  void FeedHead(std::string_view* bytes);
  void FeedBody(std::string_view* bytes);
  void TakeBody(std::string_view data);
  void TakeInForm(std::string_view data);
  void TakeEvent(const StreamEvent& event);
  void TakeFacts(const EventFacts& facts, std::string_view json);
  void TakeTokens(const EventFacts& facts);
  uint32_t TokensOf(const EventFacts& facts) const;
  void TakeUsage(const EventFacts& facts);
  void EndBody();
  void EndWhole();
  void Complete();
  void Cut();
  void Fault(std::string_view data);
  void Fail(std::string reason, std::string words);
  void FailAs(const std::string& words);  // They are short enough for a reason.
  void CountTokens();
  std::string RefusalWords() const;

  AnswerOptions options_;
  Answer answer_;
  HeadReader head_;
  BodyReader body_;
  EventStream events_;
  std::string whole_;  // A body that is no event stream.
  Stamp now_;
  int64_t usage_ = 0;  // The last completion_tokens; 0: none.
  uint64_t token_ids_ = 0;
  int64_t cut_after_ = -1;
  Stage stage_ = Stage::kHead;
  Form form_ = Form::kEvents;
  bool is_over_ = false;
  bool is_finished_ = false;        // There was a finish reason.
  bool usage_is_per_event_ = true;  // Each event with tokens had its usage so far.
  bool has_extra_bytes_ = false;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_ANSWER_READER_H_
