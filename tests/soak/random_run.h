// Random runs one after another, each checked against the system's own account.
#ifndef MLPERF_LOADGEN_TESTS_SOAK_RANDOM_RUN_H_
#define MLPERF_LOADGEN_TESTS_SOAK_RANDOM_RUN_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ledger.h"
#include "query_sample.h"
#include "run_spec.h"

namespace mlperf::soak {

struct Totals {
  uint64_t runs = 0;
  uint64_t queries = 0;  // IssueQuery calls.
  uint64_t samples = 0;
  uint64_t valid = 0;
  uint64_t thrown = 0;
  uint64_t aborted = 0;
  uint64_t stalled = 0;
  uint64_t late_completions = 0;
  std::array<uint64_t, kFaultKinds> faults{};
};

class RandomRuns {
 public:
  // Logs go to a new directory under `directory`, which is removed at the end.
  RandomRuns(const std::string& directory, const SpecLimits& limits);
  ~RandomRuns();
  RandomRuns(const RandomRuns&) = delete;
  RandomRuns& operator=(const RandomRuns&) = delete;

  // Runs a test and returns what it and the account of the system disagree about.
  std::vector<std::string> RunOne(uint64_t seed);

  const Totals& totals() const { return totals_; }

 private:
  std::string directory_;
  SpecLimits limits_;
  std::vector<ResponseId> old_ids_;
  std::optional<uint64_t> unreported_late_;
  Totals totals_;
};

}  // namespace mlperf::soak

#endif  // MLPERF_LOADGEN_TESTS_SOAK_RANDOM_RUN_H_
