// A system under test and its library that answer from many threads in any order, break the
// promises that a RunSpec says, and keep a ledger of all they do.
#ifndef MLPERF_LOADGEN_TESTS_SOAK_FAULTY_SYSTEM_H_
#define MLPERF_LOADGEN_TESTS_SOAK_FAULTY_SYSTEM_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "answerer.h"
#include "ledger.h"
#include "query_sample_library.h"
#include "run_spec.h"
#include "system_under_test.h"

namespace mlperf::soak {

class FaultySystem final : public SystemUnderTest {
 public:
  explicit FaultySystem(RunState* state);
  ~FaultySystem() override;

  const std::string& Name() override;
  void IssueQuery(const std::vector<QuerySample>& samples) override;
  void FlushQueries() override;

  // Answers what is still held, late if the test has ended, and ends all threads.
  void Finish();

 private:
  void Dispatch(const std::vector<QuerySample>& samples, uint64_t first_number);

  const std::string name_ = "faulty system";
  RunState* state_;
  std::unique_ptr<WorkerPool> pool_;
  std::atomic<uint64_t> issue_calls_{0};
  std::atomic<uint64_t> flush_calls_{0};
};

class FaultyLibrary final : public QuerySampleLibrary {
 public:
  explicit FaultyLibrary(RunState* state) : state_(state) {}

  const std::string& Name() override;
  size_t TotalSampleCount() override { return state_->spec.library_total_count; }
  size_t PerformanceSampleCount() override { return state_->spec.library_performance_count; }
  void LoadSamplesToRam(const std::vector<QuerySampleIndex>& samples) override;
  void UnloadSamplesFromRam(const std::vector<QuerySampleIndex>& samples) override;

 private:
  const std::string name_ = "faulty library";
  RunState* state_;
  uint64_t load_calls_ = 0;
  uint64_t unload_calls_ = 0;
};

}  // namespace mlperf::soak

#endif  // MLPERF_LOADGEN_TESTS_SOAK_FAULTY_SYSTEM_H_
