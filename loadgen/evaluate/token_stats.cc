#include "evaluate/token_stats.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "evaluate/latency_stats.h"

namespace mlperf::loadgen {
namespace {

// What is known of the tokens of one answered sample.
struct SampleTokens {
  std::optional<int64_t> first_token_ns;
  std::optional<int64_t> time_per_token_ns;
  int64_t token_count = 0;  // 0 if what was reported is not valid.
};

SampleTokens ReadTokens(const RunRecord& record, uint64_t sample, int64_t scheduled_ns,
                        bool short_answers) {
  const int64_t first_token_ns = record.FirstTokenNs(sample);
  const int64_t token_count = record.TokenCount(sample);
  SampleTokens tokens;
  if (token_count >= (short_answers ? 1 : 2)) tokens.token_count = token_count;
  if (first_token_ns == 0) return tokens;
  tokens.first_token_ns = first_token_ns - scheduled_ns;
  if (token_count >= 2) {
    tokens.time_per_token_ns = (record.AnsweredNs(sample) - first_token_ns) / (token_count - 1);
  }
  return tokens;
}

// Counts come from the system under test, whatever they are: the sum must not overflow.
int64_t AddTokens(int64_t sum, int64_t token_count) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  return token_count > kMax - sum ? kMax : sum + token_count;
}

}  // namespace

TokenTimes ComputeTokenTimes(const RunRecord& record, bool short_answers) {
  TokenTimes times;
  times.first_token_ns.reserve(record.samples_answered());
  times.time_per_token_ns.reserve(record.samples_answered());
  record.ForEachIssuedQuery([&](uint64_t query) {
    const uint64_t samples_per_query = record.slots->samples_per_query;
    const uint64_t begin = query * samples_per_query;
    for (uint64_t sample = begin; sample < begin + samples_per_query; ++sample) {
      if (record.AnsweredNs(sample) == 0) continue;
      const SampleTokens tokens =
          ReadTokens(record, sample, record.ScheduledNs(query), short_answers);
      times.short_answers += record.TokenCount(sample) == 1 ? 1 : 0;
      if (tokens.first_token_ns) times.first_token_ns.push_back(*tokens.first_token_ns);
      if (tokens.time_per_token_ns) times.time_per_token_ns.push_back(*tokens.time_per_token_ns);
      times.token_count = AddTokens(times.token_count, tokens.token_count);
    }
  });
  return times;
}

TokenTimes ComputeQueryTokenTimes(const RunRecord& record) {
  TokenTimes times;
  record.ForEachIssuedQuery([&](uint64_t query) {
    if (!QueryAnswered(record, query)) return;
    SampleTokens largest;
    const uint64_t samples_per_query = record.slots->samples_per_query;
    const uint64_t begin = query * samples_per_query;
    for (uint64_t sample = begin; sample < begin + samples_per_query; ++sample) {
      const SampleTokens tokens = ReadTokens(record, sample, record.ScheduledNs(query), false);
      // An absent value is less than any other.
      largest.first_token_ns = std::max(largest.first_token_ns, tokens.first_token_ns);
      largest.time_per_token_ns = std::max(largest.time_per_token_ns, tokens.time_per_token_ns);
      times.token_count = AddTokens(times.token_count, tokens.token_count);
    }
    if (largest.first_token_ns) times.first_token_ns.push_back(*largest.first_token_ns);
    if (largest.time_per_token_ns) times.time_per_token_ns.push_back(*largest.time_per_token_ns);
  });
  return times;
}

}  // namespace mlperf::loadgen
