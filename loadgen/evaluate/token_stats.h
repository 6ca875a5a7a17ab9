// Time to first token (TTFT) and time per output token (TPOT). Pure.
#ifndef MLPERF_LOADGEN_EVALUATE_TOKEN_STATS_H_
#define MLPERF_LOADGEN_EVALUATE_TOKEN_STATS_H_

#include <cstdint>
#include <vector>

#include "record/run_record.h"

namespace mlperf::loadgen {

// Token times of a set.
struct TokenTimes {
  std::vector<int64_t> first_token_ns;     // TTFT: first token minus scheduled.
  std::vector<int64_t> time_per_token_ns;  // TPOT: (latency - TTFT) / (n_tokens - 1), truncated.
  int64_t token_count = 0;                 // Sum of n_tokens, where they are valid.
  uint64_t short_answers = 0;              // Answers of one token.
};

// Of the answered samples. Samples without a first token are in neither list; samples with fewer
// than 2 tokens have no TPOT (there is no second token to time).
// `short_answers`: an answer of one token is valid; if not, it needs 2.
TokenTimes ComputeTokenTimes(const RunRecord& record, bool short_answers = false);

// Of the queries of which every sample was answered: the largest TTFT and the largest TPOT among
// the query's samples, where they have any.
TokenTimes ComputeQueryTokenTimes(const RunRecord& record);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_EVALUATE_TOKEN_STATS_H_
