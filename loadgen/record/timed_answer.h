// The answer to a sample with times of its own: from a system that knows when its tokens came more
// exactly than the call that reports them, such as a client that has the kernel's time stamps.
#ifndef MLPERF_LOADGEN_RECORD_TIMED_ANSWER_H_
#define MLPERF_LOADGEN_RECORD_TIMED_ANSWER_H_

#include <cstddef>
#include <cstdint>

#include "query_sample.h"

namespace mlperf {

// How much later than it arrived something was read, in ns, where that is not known. What does not
// fit is one less.
constexpr uint32_t kUnknownLag = UINT32_MAX;

// Some tokens of an answer that arrived together.
struct TokenEvent {
  int64_t at_ns;    // When it arrived.
  uint32_t tokens;  // 0: it is not known how many.
  uint32_t lag_ns;  // When it was read, minus at_ns; or kUnknownLag.
};

// Who counted the tokens of an answer, the most trustworthy first.
enum class TokenSource : uint8_t {
  kUsage,      // The server, which says so.
  kTokenIds,   // The server, by naming each.
  kTokenizer,  // A tokenizer that the text was given to.
  kEvents,     // None: these are events, each of which may be several tokens.
  kUnknown,
};

// Times are readings of the monotonic clock, ns; 0: did not happen, or is not known. They keep the
// order: issue, sent; issue, first token, events in ascending order, completion, the call.
struct TimedAnswer {
  QuerySampleResponse response;
  int64_t sent_ns = 0;  // The last byte of the request was handed to the kernel.
  int64_t first_token_ns = 0;
  int64_t first_output_ns = 0;  // The first event of the answer proper, which is no reasoning.
  int64_t completed_ns = 0;
  uint32_t first_token_lag_ns = kUnknownLag;
  uint32_t completed_lag_ns = kUnknownLag;
  int64_t prompt_tokens = -1;  // -1, here and below: the server has not said.
  int64_t cached_tokens = -1;
  int64_t reasoning_tokens = -1;
  TokenSource source = TokenSource::kUnknown;
  const TokenEvent* events = nullptr;  // Those with tokens.
  uint32_t event_count = 0;
  // What FirstTokenComplete would hand over. Like the response, it is lent for the call.
  const char* first_event = nullptr;
  size_t first_event_size = 0;
  bool cancelled = false;  // The system gave the answer up on purpose, and it is not whole.
};

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_RECORD_TIMED_ANSWER_H_
