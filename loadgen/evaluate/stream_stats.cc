#include "evaluate/stream_stats.h"

#include <algorithm>
#include <limits>
#include <span>

#include "evaluate/latency_stats.h"

namespace mlperf::loadgen {
namespace {

const char* NameOf(TokenSource source) {
  switch (source) {
    case TokenSource::kUsage:
      return "usage";
    case TokenSource::kTokenIds:
      return "token ids";
    case TokenSource::kTokenizer:
      return "tokenizer";
    case TokenSource::kEvents:
      return "events";
    case TokenSource::kUnknown:
      break;
  }
  return "";
}

// Counts come from a server, whatever they are: the sum must not overflow.
int64_t SumOf(int64_t sum, int64_t told) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  return told > kMax - sum ? kMax : sum + told;
}

void AddTold(int64_t told, Optional<int64_t>* sum) {
  if (told >= 0) *sum = SumOf(sum->value_or(0), told);
}

// The value at `rank` of the values in ascending order, each repeated once a token.
int64_t ValueAtRank(std::span<const TokenGap> ascending, uint64_t rank) {
  for (const TokenGap& value : ascending) {
    if (rank < value.tokens) return value.gap_ns;
    rank -= value.tokens;
  }
  return ascending.back().gap_ns;
}

// Lists of the durations of a set, as they are collected.
struct StreamTimes {
  std::vector<int64_t> inter_chunk_ns;
  std::vector<TokenGap> gaps;
  bool all_gaps_known = true;
  std::vector<int64_t> decode_per_token_ns;
  std::vector<int64_t> tail_ns;
  std::vector<int64_t> first_output_ns;
  std::vector<int64_t> first_token_from_send_ns;
  int64_t tokens_in_events = 0;  // Of answers that have events.
};

class StreamReader {
 public:
  StreamReader(const RunRecord& record, TokenMetrics* metrics)
      : record_(record), tokens_(*record.tokens), metrics_(*metrics) {}

  StreamTimes Read() {
    for (uint64_t i = 0; i < tokens_.answer_count(); ++i) {
      const RecordedAnswer& answer = tokens_.answer(i);
      if (record_.Cancelled(answer.sample)) {
        ++metrics_.cancelled_count;
      } else {
        Add(answer);
      }
    }
    metrics_.token_source = NameOf(source_);
    return std::move(times_);
  }

 private:
  void Add(const RecordedAnswer& answer) {
    AddTold(answer.prompt_tokens, &metrics_.prompt_tokens);
    AddTold(answer.cached_tokens, &metrics_.cached_tokens);
    AddTold(answer.reasoning_tokens, &metrics_.reasoning_tokens);
    if (answer.source != TokenSource::kUnknown) {
      source_ = source_ == TokenSource::kUnknown ? answer.source : std::max(source_, answer.source);
    }
    const int64_t first_token_ns = record_.FirstTokenNs(answer.sample);
    if (answer.sent_ns != 0 && first_token_ns != 0) {
      times_.first_token_from_send_ns.push_back(first_token_ns - answer.sent_ns);
    }
    // Where they are the same there was no reasoning before.
    if (answer.first_output_ns != 0 && answer.first_output_ns != first_token_ns) {
      const uint64_t query = record_.slots->QueryOf(answer.sample);
      times_.first_output_ns.push_back(answer.first_output_ns - record_.ScheduledNs(query));
    }
    if (answer.event_count > 0) AddEvents(answer, record_.TokenCount(answer.sample));
  }

  void AddEvents(const RecordedAnswer& answer, int64_t token_count) {
    metrics_.event_count += answer.event_count;
    token_count = std::max<int64_t>(token_count, 0);
    times_.tokens_in_events = SumOf(times_.tokens_in_events, token_count);
    const RecordedEvent first = tokens_.event(answer.first_event);
    const RecordedEvent last = tokens_.event(answer.first_event + answer.event_count - 1);
    const int64_t issued_ns = record_.IssuedNs(record_.slots->QueryOf(answer.sample));
    times_.tail_ns.push_back(record_.AnsweredNs(answer.sample) - issued_ns - last.since_issue_ns);
    if (answer.event_count < 2) return;
    for (const TokenGap& gap : GapsOf(tokens_, answer, token_count)) {
      times_.inter_chunk_ns.push_back(gap.gap_ns);
      times_.all_gaps_known = times_.all_gaps_known && gap.tokens > 0;
      if (times_.all_gaps_known) times_.gaps.push_back(gap);
    }
    const int64_t after_first = token_count - std::max<int64_t>(first.tokens, 1);
    if (after_first <= 0) return;
    times_.decode_per_token_ns.push_back((last.since_issue_ns - first.since_issue_ns) /
                                         after_first);
  }

  const RunRecord& record_;
  const TokenRecord& tokens_;
  TokenMetrics& metrics_;
  TokenSource source_ = TokenSource::kUnknown;
  StreamTimes times_;
};

}  // namespace

LatencyStats InterTokenStats(std::vector<TokenGap> gaps, double target_percentile) {
  LatencyStats stats;
  __extension__ __int128 sum_ns = 0;
  for (TokenGap& gap : gaps) {
    if (gap.tokens == 0) return {};
    sum_ns += gap.gap_ns;
    stats.count += gap.tokens;
    gap.gap_ns /= gap.tokens;
  }
  if (gaps.empty()) return stats;
  std::sort(gaps.begin(), gaps.end(),
            [](const TokenGap& a, const TokenGap& b) { return a.gap_ns < b.gap_ns; });
  stats.min_ns = gaps.front().gap_ns;
  stats.max_ns = gaps.back().gap_ns;
  stats.mean_ns = static_cast<int64_t>(sum_ns / static_cast<int64_t>(stats.count));
  for (size_t i = 0; i < kReportedPercentiles.size(); ++i) {
    stats.percentiles_ns[i] =
        ValueAtRank(gaps, PercentileIndex(stats.count, kReportedPercentiles[i]));
  }
  stats.target_percentile_ns = ValueAtRank(gaps, PercentileIndex(stats.count, target_percentile));
  return stats;
}

LatencyStats ComputeClientLag(const RunPlan& plan, const RunRecord& record) {
  if (record.tokens == nullptr) return {};
  std::vector<int64_t> lags_ns(record.tokens->lag_count());
  for (uint64_t i = 0; i < lags_ns.size(); ++i) lags_ns[i] = record.tokens->lag_ns(i);
  return ComputeLatencyStats(lags_ns, plan.target_latency_percentile);
}

void ComputeStreamStats(const RunPlan& plan, const RunRecord& record, TokenMetrics* metrics) {
  if (record.tokens == nullptr) return;
  StreamTimes times = StreamReader(record, metrics).Read();
  const auto stats = [&](std::vector<int64_t>& values_ns) {
    return ComputeLatencyStats(values_ns, plan.target_latency_percentile);
  };
  metrics->inter_chunk = stats(times.inter_chunk_ns);
  metrics->decode_per_token = stats(times.decode_per_token_ns);
  metrics->tail = stats(times.tail_ns);
  metrics->first_output = stats(times.first_output_ns);
  metrics->first_token_from_send = stats(times.first_token_from_send_ns);
  metrics->client_lag = ComputeClientLag(plan, record);
  if (times.all_gaps_known) {
    metrics->inter_token = InterTokenStats(std::move(times.gaps), plan.target_latency_percentile);
  }
  if (metrics->event_count > 0) {
    metrics->tokens_per_event =
        static_cast<double>(times.tokens_in_events) / static_cast<double>(metrics->event_count);
  }
}

}  // namespace mlperf::loadgen
