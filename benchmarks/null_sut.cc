// What the load generator itself costs: a C++ system that answers at once.
//
//   null_sut ss|ms|off QUERIES        SingleStream, MultiStream of 8; in Offline: SAMPLES
//   null_sut srv QUERIES_PER_SECOND [SECONDS]
//
// Prints one line of JSON, a flat object of numbers, as workloads.py does.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "loadgen.h"

namespace {

constexpr size_t kLibrarySize = 1024;
// From this size on the clock is worth reading around the completion of a query.
constexpr size_t kLargeQuery = 1000;

using Numbers = std::vector<std::pair<const char*, double>>;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Completes inside the callback; reads the clock at the first query and at the flush only, but
// measures the completion itself where a query is large.
class NullSystem : public mlperf::SystemUnderTest {
 public:
  const std::string& Name() override { return name_; }
  void IssueQuery(const std::vector<mlperf::QuerySample>& samples) override {
    if (queries++ == 0) first_ns = NowNs();
    responses_.resize(samples.size());
    for (size_t i = 0; i < samples.size(); ++i) responses_[i].id = samples[i].id;
    if (samples.size() < kLargeQuery) {
      mlperf::QuerySamplesComplete(responses_.data(), responses_.size());
      return;
    }
    const int64_t start_ns = NowNs();
    mlperf::QuerySamplesComplete(responses_.data(), responses_.size());
    complete_ns = NowNs() - start_ns;
  }
  void FlushQueries() override { last_ns = NowNs(); }

  uint64_t queries = 0;
  int64_t first_ns = 0, last_ns = 0, complete_ns = 0;

 private:
  std::string name_ = "null";
  std::vector<mlperf::QuerySampleResponse> responses_;
};

class NullLibrary : public mlperf::QuerySampleLibrary {
 public:
  const std::string& Name() override { return name_; }
  size_t TotalSampleCount() override { return kLibrarySize; }
  size_t PerformanceSampleCount() override { return kLibrarySize; }
  void LoadSamplesToRam(const std::vector<mlperf::QuerySampleIndex>&) override {}
  void UnloadSamplesFromRam(const std::vector<mlperf::QuerySampleIndex>&) override {}

 private:
  std::string name_ = "null";
};

// Returns whether `scenario` is one of the usage line's.
bool SetUp(const std::string& scenario, double amount, double seconds,
           mlperf::TestSettings* settings) {
  settings->min_duration_ms = 0;
  settings->min_query_count = static_cast<uint64_t>(amount);
  if (scenario == "ss") {
    settings->scenario = mlperf::TestScenario::SingleStream;
  } else if (scenario == "ms") {
    settings->scenario = mlperf::TestScenario::MultiStream;
  } else if (scenario == "off") {
    settings->scenario = mlperf::TestScenario::Offline;
  } else if (scenario == "srv") {
    settings->scenario = mlperf::TestScenario::Server;
    settings->server_target_qps = amount;
    settings->server_target_latency_ns = 1000000000;
    settings->min_query_count = 1;
    settings->min_duration_ms = static_cast<uint64_t>(seconds * 1000);
  } else {
    return false;
  }
  return true;
}

// The most memory the process ever held. (The peak that getrusage gives may be the parent's.)
double PeakMemoryBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return 1024 * std::strtod(line.c_str() + 6, nullptr);
  }
  return 0;
}

Numbers Measure(const mlperf::TestSettings& settings, const std::string& directory) {
  mlperf::LogSettings logs;
  logs.log_output.outdir = directory;
  logs.enable_trace = false;
  NullSystem sut;
  NullLibrary qsl;
  const double memory_before = PeakMemoryBytes();
  const int64_t start_ns = NowNs();
  const mlperf::TestResult result = mlperf::StartTest(&sut, &qsl, settings, logs, "");
  const int64_t end_ns = NowNs();

  const auto samples = static_cast<double>(result.performance->sample_count);
  const auto queries = static_cast<double>(sut.queries);
  const auto loop_ns = static_cast<double>(sut.last_ns - sut.first_ns);
  Numbers numbers = {
      {"queries_per_s", queries / loop_ns * 1e9},
      {"ns_per_query", loop_ns / queries},
      {"ns_per_sample", loop_ns / samples},
      {"whole_run_ns_per_sample", static_cast<double>(end_ns - start_ns) / samples},
      {"before_ms", static_cast<double>(sut.first_ns - start_ns) / 1e6},
      {"after_ms", static_cast<double>(end_ns - sut.last_ns) / 1e6},
      {"bytes_per_sample", (PeakMemoryBytes() - memory_before) / samples},
  };
  if (sut.complete_ns > 0) {
    numbers.emplace_back("complete_ns_per_sample", static_cast<double>(sut.complete_ns) / samples);
  }
  const mlperf::Lateness& late = result.performance->lateness;
  if (late.count > 0) {
    numbers.emplace_back("late_p50_us", static_cast<double>(late.p50_ns) / 1e3);
    numbers.emplace_back("late_p99_us", static_cast<double>(late.p99_ns) / 1e3);
    numbers.emplace_back("late_p999_us", static_cast<double>(late.p999_ns) / 1e3);
    numbers.emplace_back("late_max_us", static_cast<double>(late.max_ns) / 1e3);
  }
  return numbers;
}

void Print(const Numbers& numbers) {
  const char* separator = "{";
  for (const auto& [name, value] : numbers) {
    std::printf("%s\"%s\": %.6g", separator, name, value);
    separator = ", ";
  }
  std::printf("}\n");
}

}  // namespace

int main(int argc, char** argv) {
  const double amount = argc > 2 ? std::atof(argv[2]) : 0;
  const double seconds = argc > 3 ? std::atof(argv[3]) : 1;
  mlperf::TestSettings settings;
  if (amount < 1 || !SetUp(argv[1], amount, seconds, &settings)) {
    std::fprintf(stderr,
                 "usage: null_sut ss|ms|off COUNT\n"
                 "       null_sut srv QUERIES_PER_SECOND [SECONDS]\n");
    return 2;
  }
  std::string directory = (std::filesystem::temp_directory_path() / "null_sut_XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) {
    std::perror(directory.c_str());
    return 1;
  }
  const Numbers numbers = Measure(settings, directory);
  std::filesystem::remove_all(directory);
  Print(numbers);
  return 0;
}
