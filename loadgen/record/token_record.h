// What answers with times of their own said beside the times of their samples: when their tokens
// came, how many there were, and how late this machine read them.
#ifndef MLPERF_LOADGEN_RECORD_TOKEN_RECORD_H_
#define MLPERF_LOADGEN_RECORD_TOKEN_RECORD_H_

#include <cstdint>
#include <vector>

#include "record/sample_slots.h"
#include "record/timed_answer.h"
#include "test_settings.h"

namespace mlperf::loadgen {

// The largest number of tokens, and the longest time from the issue, that an event can have here
// and in the token log.
constexpr int kEventTokenBits = 16;
constexpr uint32_t kMaxEventTokens = (uint32_t{1} << kEventTokenBits) - 1;
constexpr int64_t kMaxEventNs = (int64_t{1} << (64 - kEventTokenBits)) - 1;

// The times of an answer by the clock of the settings: of arrival, or of reading.
int64_t EventNs(const TokenEvent& event, TokenClock clock);
int64_t FirstTokenNs(const TimedAnswer& answer, TokenClock clock);
int64_t FirstOutputNs(const TimedAnswer& answer, TokenClock clock);
int64_t CompletedNs(const TimedAnswer& answer, TokenClock clock);

// Whether the times of an answer keep their order, from the issue to now.
bool TimesArePossible(const TimedAnswer& answer, TokenClock clock, int64_t issued_ns,
                      int64_t now_ns);

// One answer. Times are clock readings; 0: none.
struct RecordedAnswer {
  uint64_t sample;  // Position within the set.
  int64_t sent_ns;
  int64_t first_output_ns;
  int64_t prompt_tokens;  // -1, here and below: the server has not said.
  int64_t cached_tokens;
  int64_t reasoning_tokens;
  uint64_t first_event;  // Position of its first event in the record.
  uint32_t event_count;
  TokenSource source;
};

// An event as it is kept: 48 bits of ns since the issue of its sample, 16 bits of tokens.
struct RecordedEvent {
  int64_t since_issue_ns;
  uint32_t tokens;  // 0: not known, or more than kMaxEventTokens.
};

// Grows by whole answers, in the order in which they came. One thread at a time.
class TokenRecord {
 public:
  // `keeps_times`: if not, its counts and lags are all that is kept of the answer.
  void Append(uint64_t sample, int64_t issued_ns, const TimedAnswer& answer, TokenClock clock,
              bool keeps_times);

  uint64_t answer_count() const { return answer_count_; }
  uint64_t event_count() const { return event_count_; }
  const RecordedAnswer& answer(uint64_t i) const { return answers_[i]; }
  RecordedEvent event(uint64_t i) const {
    const uint64_t packed = events_[i];
    return {static_cast<int64_t>(packed >> kEventTokenBits),
            static_cast<uint32_t>(packed & kMaxEventTokens)};
  }

  // How late reads were, ns, of which that is known.
  uint64_t lag_count() const { return lag_count_; }
  uint32_t lag_ns(uint64_t i) const { return lags_ns_[i]; }

 private:
  void AppendLag(uint32_t lag_ns);

  ChunkedArray<RecordedAnswer> answers_;
  ChunkedArray<uint64_t> events_;
  ChunkedArray<uint32_t> lags_ns_;
  uint64_t answer_count_ = 0;
  uint64_t event_count_ = 0;
  uint64_t lag_count_ = 0;
};

// The time between two arrivals of tokens, and how many came with the later one; 0: not known.
struct TokenGap {
  int64_t gap_ns = 0;
  uint32_t tokens = 0;
};

// The gaps of one answer of `token_count` tokens. Where the tokens of some event are not known,
// each has one if there are as many events as tokens.
std::vector<TokenGap> GapsOf(const TokenRecord& tokens, const RecordedAnswer& answer,
                             int64_t token_count);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_RECORD_TOKEN_RECORD_H_
