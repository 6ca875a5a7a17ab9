// What one event of a completion's stream says, or a whole completion: the members of its JSON that
// matter, by the names of OpenAI, vLLM, SGLang, Azure and others.
#ifndef MLPERF_LLM_EVENT_FACTS_H_
#define MLPERF_LLM_EVENT_FACTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "answer.h"

namespace mlperf::llm {

struct EventFacts {
  bool is_json = false;
  bool has_choices = false;
  bool has_output = false;  // Content, text, a refusal or a tool call that is not empty.
  bool has_reasoning = false;
  bool is_finished = false;  // A finish reason.
  bool is_error = false;
  std::string error;  // The server's words.
  uint32_t token_ids = 0;
  int64_t completion_tokens = -1;
  int64_t prompt_tokens = -1;
  int64_t cached_tokens = -1;
  int64_t reasoning_tokens = -1;
};

// What of an event's text is kept.
struct TextKeeper {
  AnswerText* text = nullptr;  // Null: nothing.
  bool keeps_token_ids = false;
};

// Reads the JSON of an event. What it adds to the kept text stays there only if it is JSON.
EventFacts ReadEvent(std::string_view json, TextKeeper keeper);

// The words of an error: the message in its JSON, or the text itself, cut to a line that can be
// shown.
std::string ErrorWords(std::string_view body);

// `text` on one line of UTF-8, at most 200 bytes: what is none becomes U+FFFD.
std::string OneLine(std::string_view text);

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_EVENT_FACTS_H_
