// A system under test and a sample library made of function pointers, for the C interfaces.
#ifndef MLPERF_LOADGEN_BINDINGS_CALLBACK_ADAPTERS_H_
#define MLPERF_LOADGEN_BINDINGS_CALLBACK_ADAPTERS_H_

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "query_sample_library.h"
#include "system_under_test.h"

namespace mlperf::c {

// `pointer`, unless it is null: throws std::invalid_argument, which names it.
template <typename T>
T* Required(T* pointer, const char* name) {
  if (pointer != nullptr) return pointer;
  throw std::invalid_argument(std::string(name) + " is null; give a function or a text");
}

class CallbackSut : public SystemUnderTest {
 public:
  using Issue = std::function<void(const QuerySample*, size_t)>;

  CallbackSut(std::string name, Issue issue, std::function<void()> flush)
      : name_(std::move(name)), issue_(std::move(issue)), flush_(std::move(flush)) {}

  const std::string& Name() override { return name_; }
  void IssueQuery(const std::vector<QuerySample>& samples) override {
    issue_(samples.data(), samples.size());
  }
  void FlushQueries() override { flush_(); }

 private:
  std::string name_;
  Issue issue_;
  std::function<void()> flush_;
};

class CallbackQsl : public QuerySampleLibrary {
 public:
  using Indices = std::function<void(const QuerySampleIndex*, size_t)>;

  CallbackQsl(std::string name, size_t total_sample_count, size_t performance_sample_count,
              Indices load, Indices unload)
      : name_(std::move(name)),
        total_sample_count_(total_sample_count),
        performance_sample_count_(performance_sample_count),
        load_(std::move(load)),
        unload_(std::move(unload)) {}

  const std::string& Name() override { return name_; }
  size_t TotalSampleCount() override { return total_sample_count_; }
  size_t PerformanceSampleCount() override { return performance_sample_count_; }
  void LoadSamplesToRam(const std::vector<QuerySampleIndex>& samples) override {
    load_(samples.data(), samples.size());
  }
  void UnloadSamplesFromRam(const std::vector<QuerySampleIndex>& samples) override {
    unload_(samples.data(), samples.size());
  }

 private:
  std::string name_;
  size_t total_sample_count_;
  size_t performance_sample_count_;
  Indices load_;
  Indices unload_;
};

}  // namespace mlperf::c

#endif  // MLPERF_LOADGEN_BINDINGS_CALLBACK_ADAPTERS_H_
