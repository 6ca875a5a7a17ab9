#include "record/token_record.h"

namespace mlperf::loadgen {
namespace {

int64_t By(TokenClock clock, int64_t at_ns, uint32_t lag_ns) {
  if (at_ns == 0 || clock == TokenClock::Arrival || lag_ns == kUnknownLag) return at_ns;
  return at_ns + lag_ns;
}

bool IsWithin(int64_t time_ns, int64_t from_ns, int64_t to_ns) {
  return time_ns == 0 || (time_ns >= from_ns && time_ns <= to_ns);
}

}  // namespace

int64_t EventNs(const TokenEvent& event, TokenClock clock) {
  return By(clock, event.at_ns, event.lag_ns);
}

int64_t FirstTokenNs(const TimedAnswer& answer, TokenClock clock) {
  return By(clock, answer.first_token_ns, answer.first_token_lag_ns);
}

// It has the lag of the event that it is the time of.
int64_t FirstOutputNs(const TimedAnswer& answer, TokenClock clock) {
  for (uint32_t i = 0; i < answer.event_count; ++i) {
    if (answer.events[i].at_ns == answer.first_output_ns) return EventNs(answer.events[i], clock);
  }
  return answer.first_output_ns;
}

int64_t CompletedNs(const TimedAnswer& answer, TokenClock clock) {
  return By(clock, answer.completed_ns, answer.completed_lag_ns);
}

bool TimesArePossible(const TimedAnswer& answer, TokenClock clock, int64_t issued_ns,
                      int64_t now_ns) {
  const int64_t completed_ns = CompletedNs(answer, clock);
  const int64_t first_token_ns = FirstTokenNs(answer, clock);
  if (completed_ns < issued_ns || completed_ns > now_ns) return false;
  if (completed_ns - issued_ns > kMaxEventNs) return false;
  if (!IsWithin(answer.sent_ns, issued_ns, now_ns)) return false;
  if (!IsWithin(first_token_ns, issued_ns, completed_ns)) return false;
  if (!IsWithin(FirstOutputNs(answer, clock), issued_ns, completed_ns)) return false;
  int64_t before_ns = first_token_ns == 0 ? issued_ns : first_token_ns;
  for (uint32_t i = 0; i < answer.event_count; ++i) {
    const int64_t at_ns = EventNs(answer.events[i], clock);
    if (at_ns < before_ns || at_ns > completed_ns) return false;
    before_ns = at_ns;
  }
  return true;
}

void TokenRecord::Append(uint64_t sample, int64_t issued_ns, const TimedAnswer& answer,
                         TokenClock clock, bool keeps_times) {
  const uint32_t events = keeps_times ? answer.event_count : 0;
  answers_.Grow(answer_count_ + 1);
  events_.Grow(event_count_ + events);
  lags_ns_.Grow(lag_count_ + answer.event_count + 2);
  for (uint32_t i = 0; i < events; ++i) {
    const TokenEvent& event = answer.events[i];
    const auto since_issue_ns = static_cast<uint64_t>(EventNs(event, clock) - issued_ns);
    const uint32_t tokens = event.tokens <= kMaxEventTokens ? event.tokens : 0;
    events_[event_count_ + i] = since_issue_ns << kEventTokenBits | tokens;
  }
  for (uint32_t i = 0; i < answer.event_count; ++i) AppendLag(answer.events[i].lag_ns);
  if (answer.event_count == 0 && answer.first_token_ns != 0) AppendLag(answer.first_token_lag_ns);
  AppendLag(answer.completed_lag_ns);
  answers_[answer_count_++] = {sample,
                               keeps_times ? answer.sent_ns : 0,
                               keeps_times ? FirstOutputNs(answer, clock) : 0,
                               answer.prompt_tokens,
                               answer.cached_tokens,
                               answer.reasoning_tokens,
                               event_count_,
                               events,
                               answer.source};
  event_count_ += events;
}

void TokenRecord::AppendLag(uint32_t lag_ns) {
  if (lag_ns != kUnknownLag) lags_ns_[lag_count_++] = lag_ns;
}

std::vector<TokenGap> GapsOf(const TokenRecord& tokens, const RecordedAnswer& answer,
                             int64_t token_count) {
  std::vector<TokenGap> gaps;
  if (answer.event_count < 2) return gaps;
  gaps.reserve(answer.event_count - 1);
  bool all_known = true;
  RecordedEvent before = tokens.event(answer.first_event);
  for (uint32_t i = 1; i < answer.event_count; ++i) {
    const RecordedEvent event = tokens.event(answer.first_event + i);
    gaps.push_back({event.since_issue_ns - before.since_issue_ns, event.tokens});
    all_known = all_known && event.tokens > 0;
    before = event;
  }
  if (!all_known && token_count == int64_t{answer.event_count}) {
    for (TokenGap& gap : gaps) gap.tokens = 1;
  }
  return gaps;
}

}  // namespace mlperf::loadgen
