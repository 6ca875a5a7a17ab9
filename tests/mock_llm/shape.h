// What the mock's answer to one request looks like, and when each part of it is due.
#ifndef MLPERF_LOADGEN_TESTS_MOCK_LLM_SHAPE_H_
#define MLPERF_LOADGEN_TESTS_MOCK_LLM_SHAPE_H_

#include <cstdint>
#include <string_view>

namespace mlperf::mock_llm {

enum class Role : int64_t { kNone, kWithFirstToken, kAtOnce };
enum class Finish : int64_t { kOwnEvent, kWithLastToken };
enum class Usage : int64_t { kNever, kIfAsked, kAlways, kInEachEvent };

// All members are integers, as options set them by name.
struct Shape {
  int64_t ttft_us = 50'000;
  int64_t itl_us = 10'000;       // From an event with tokens to the next.
  int64_t n = 64;                // Tokens.
  int64_t tokens_per_event = 1;  // As with speculative decoding.
  int64_t reasoning = 0;         // So many of the tokens come first, as reasoning.
  int64_t role = static_cast<int64_t>(Role::kWithFirstToken);
  int64_t finish = static_cast<int64_t>(Finish::kWithLastToken);
  int64_t usage = static_cast<int64_t>(Usage::kIfAsked);
  int64_t prompt_tokens = 10;
  int64_t cached_tokens = -1;  // -1: usage does not say.
  int64_t keepalive_us = 0;    // A comment so often until the first token; 0: none.
  int64_t pause_us = 0;        // The decoding rests so long
  int64_t work_us = 0;         // after each so much of work; 0: never.
  int64_t serial = 0;          // 1: a request begins when that before it has ended.
  int64_t linger = 0;          // 1: the body does not end after [DONE].
  int64_t close = 0;           // 1: "Connection: close".
  int64_t cut_every = 0;       // Each so many requests is cut half way; 0: none.
  int64_t fail_every = 0;      // Each so many requests is refused; 0: none.
  int64_t fail_status = 429;
};

// False: there is no such option.
bool SetOption(std::string_view name, int64_t value, Shape* shape);

// Applies "name=value,name=value"; false if a part of it is no option.
bool SetOptions(std::string_view text, Shape* shape);

// Why no answer can have this shape; empty if one can.
std::string_view Fault(const Shape& shape);

int64_t EventCount(const Shape& shape);
// The tokens of an event, and of all events before it.
int64_t TokensOf(const Shape& shape, int64_t event);
int64_t TokensBefore(const Shape& shape, int64_t event);

// When an event is due after the answer's start.
int64_t DueNs(const Shape& shape, int64_t event);

}  // namespace mlperf::mock_llm

#endif  // MLPERF_LOADGEN_TESTS_MOCK_LLM_SHAPE_H_
