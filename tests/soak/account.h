// The ledger of a run as an account of each sample: who can have completed it, and who must have.
//
// Threads run beside the load generator, so the ledger knows of each call only that it was between
// two moments. What follows from that for sure, and what is possible, is kept apart.
#ifndef MLPERF_LOADGEN_TESTS_SOAK_ACCOUNT_H_
#define MLPERF_LOADGEN_TESTS_SOAK_ACCOUNT_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "ledger.h"

namespace mlperf::soak {

struct SampleAccount {
  IssuedSample issued;
  std::vector<Attempt> completions;  // Of its id, whatever came of them.
  std::vector<Attempt> first_tokens;
  // Those that were surely made while the sample was outstanding or completed, in its set's time.
  std::vector<bool> completion_is_sure;
  std::vector<bool> first_token_is_sure;
  // Completions that no sure one was before: one of them counts, if any.
  std::vector<Attempt> candidates;
  bool surely_completed = false;
};

struct Account {
  // In the order of their ids, which is that of the log's rows.
  std::vector<SampleAccount> samples;
  std::vector<Attempt> unissued;  // Of ids that were not issued.
  // While set k was surely active, [k].first to [k].second; first is 0 if nothing was issued.
  std::vector<std::pair<int64_t, int64_t>> active_ns;

  bool SurelyActive(const Attempt& attempt) const;
  const SampleAccount* Find(ResponseId id) const;
};

// The first call was over before the second began.
bool Precedes(const Attempt& first, const Attempt& second);

// `ran_to_end`: the run was not ended early, so that its last set ended by completing all samples.
Account MakeAccount(const Ledger& ledger, bool ran_to_end);

}  // namespace mlperf::soak

#endif  // MLPERF_LOADGEN_TESTS_SOAK_ACCOUNT_H_
