// Compares what the load generator says of a run with the system's own account of it.
#ifndef MLPERF_LOADGEN_TESTS_SOAK_CHECKER_H_
#define MLPERF_LOADGEN_TESTS_SOAK_CHECKER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "account.h"
#include "answerer.h"
#include "logs_read_back.h"
#include "test_result.h"

namespace mlperf::soak {

// What came out of StartTest.
struct RunOutcome {
  std::optional<TestResult> result;
  bool threw_injected = false;
  std::string thrown;  // The text of an exception; empty: there was none.
  std::string directory;
};

class Checker {
 public:
  Checker(const RunState& state, const RunOutcome& outcome);

  // `late_before`: completions after earlier runs that no run has reported yet, as this one must if
  // it has logs; none: not known. Returns the disagreements.
  std::vector<std::string> Check(std::optional<uint64_t> late_before);

  // Completions that were too late for this run, after Check.
  uint64_t late() const { return late_; }
  bool has_logs() const { return has_logs_; }

 private:
  struct Range {
    uint64_t least = 0, most = 0;
  };
  using Ranges = std::array<Range, kComplaintKinds>;

  void Expect(bool agrees, const std::string& disagreement);
  void ExpectOfSample(bool agrees, const SampleAccount& sample, const std::string& disagreement);
  bool RanToEnd() const;
  bool IsLogged(const SampleAccount& sample, bool* maybe) const;

  void CheckCallbacks();
  void CheckClosedLoop();
  void CheckEnd();
  void CheckVerdict();
  void CheckPhases();
  void CheckRows();
  void CheckQueryNumbers();
  void CheckCompletion(const SampleAccount& sample, const Row& row);
  void CheckFirstToken(const SampleAccount& sample, const Row& row);
  void NarrowOrigin(const std::vector<Attempt>& attempts, int64_t time_ns);
  void CheckAccuracyLog();
  void CheckComplaints();
  void AddCompletionRanges(const SampleAccount& sample, const Row& row, Ranges* ranges) const;
  void AddFirstTokenRanges(const SampleAccount& sample, const Row& row, Ranges* ranges) const;
  void AddWinnerRanges(const SampleAccount& sample, Ranges* ranges) const;
  void AddStrayRanges(Ranges* ranges) const;
  void CheckConservation(std::optional<uint64_t> late_before);

  const RunState& state_;
  const RunSpec& spec_;
  const Ledger& ledger_;
  const RunOutcome& outcome_;
  const bool has_logs_;
  const size_t accuracy_sets_;
  Account account_;
  std::vector<Row> rows_;
  DetailLogCounts detail_;
  uint64_t late_ = 0;
  // The clock reading that times in the sample log count from is between these.
  int64_t origin_least_ns_ = 0;
  int64_t origin_most_ns_ = 0;
  std::vector<std::string> disagreements_;
};

}  // namespace mlperf::soak

#endif  // MLPERF_LOADGEN_TESTS_SOAK_CHECKER_H_
