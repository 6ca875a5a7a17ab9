// What an endpoint answered to one request.
#ifndef MLPERF_LLM_ANSWER_H_
#define MLPERF_LLM_ANSWER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mlperf::llm {

// When bytes came. Both are of the monotonic clock.
struct Stamp {
  int64_t arrived_ns = 0;  // In the kernel; equal to read_ns where it is not known.
  int64_t read_ns = 0;
  bool is_by_kernel = false;
};

inline constexpr uint32_t kUnknownLag = UINT32_MAX;

// Read minus arrival, at most kUnknownLag - 1.
constexpr uint32_t LagOf(const Stamp& stamp) {
  if (!stamp.is_by_kernel) return kUnknownLag;
  const int64_t lag = stamp.read_ns - stamp.arrived_ns;
  return lag < 0 ? 0 : lag >= kUnknownLag ? kUnknownLag - 1 : static_cast<uint32_t>(lag);
}

// An event with tokens.
struct TokenEvent {
  int64_t at_ns;
  uint32_t tokens;  // 0: not known.
  uint32_t lag_ns;
};

// What the number of tokens is by, the most trustworthy first.
enum class TokenSource : uint8_t { kUnknown, kUsage, kTokenIds, kEvents };

// As a JSON string each, between the quotes; those of all choices, as they came.
struct AnswerText {
  std::string content;  // With refusals.
  std::string reasoning;
  std::string tools;  // Names and arguments of tool calls.
  std::vector<int32_t> token_ids;
};

// Times are 0, and numbers that the server may leave out -1, where there are none.
struct Answer {
  int status = 0;
  // Why the answer is none; empty if it did not fail. The reason is short, and the same for
  // answers that fail alike.
  std::string reason;
  std::string failure;

  int64_t first_byte_ns = 0;
  int64_t first_token_ns = 0;
  int64_t first_output_ns = 0;  // The first event of content, a refusal or a tool call.
  int64_t last_token_ns = 0;
  int64_t completed_ns = 0;
  uint32_t first_token_lag_ns = kUnknownLag;
  uint32_t completed_lag_ns = kUnknownLag;

  int64_t n_tokens = 0;
  TokenSource source = TokenSource::kUnknown;
  int64_t prompt_tokens = -1;
  int64_t cached_tokens = -1;
  int64_t reasoning_tokens = -1;
  std::vector<TokenEvent> events;

  AnswerText text;          // Where it is kept.
  std::string first_event;  // The text of the first event with tokens, likewise.

  uint64_t bytes = 0;          // Of the body.
  uint64_t stream_events = 0;  // With data.
  uint64_t faults = 0;         // Events that are no JSON.
  std::string first_fault;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_ANSWER_H_
