// What the load generator itself costs: C++ systems that answer at once.
//
//   null_sut ss|ms|off|srv|late QUERIES_OR_QPS [SECONDS]
//
// One line of numbers for each call, for people and for compare.py.
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "loadgen.h"

namespace {

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
    if (samples.size() < 1000) {
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
  size_t TotalSampleCount() override { return 1024; }
  size_t PerformanceSampleCount() override { return 1024; }
  void LoadSamplesToRam(const std::vector<mlperf::QuerySampleIndex>&) override {}
  void UnloadSamplesFromRam(const std::vector<mlperf::QuerySampleIndex>&) override {}

 private:
  std::string name_ = "null";
};

mlperf::TestSettings SettingsFor(const std::string& what, double amount, double seconds) {
  mlperf::TestSettings settings;
  settings.min_duration_ms = 0;
  settings.min_query_count = static_cast<uint64_t>(amount);
  if (what == "ss") {
    settings.scenario = mlperf::TestScenario::SingleStream;
  } else if (what == "ms") {
    settings.scenario = mlperf::TestScenario::MultiStream;
  } else if (what == "off") {
    settings.scenario = mlperf::TestScenario::Offline;
  } else {
    settings.scenario = mlperf::TestScenario::Server;
    settings.server_target_qps = amount;
    settings.min_query_count = 1;
    settings.min_duration_ms = static_cast<uint64_t>(seconds * 1000);
    settings.server_target_latency_ns = 1000000000;
  }
  return settings;
}

double MegaBytesOfMemory() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: null_sut ss|ms|off|srv QUERIES_OR_QPS [SECONDS]\n");
    return 2;
  }
  const std::string what = argv[1];
  const double amount = std::atof(argv[2]);
  const double seconds = argc > 3 ? std::atof(argv[3]) : 1;
  const mlperf::TestSettings settings = SettingsFor(what, amount, seconds);

  char directory[] = "/tmp/null_sut_XXXXXX";
  mlperf::LogSettings logs;
  logs.log_output.outdir = mkdtemp(directory);
  logs.enable_trace = false;
  NullSystem sut;
  NullLibrary qsl;
  const double memory_before_mb = MegaBytesOfMemory();
  const int64_t start_ns = NowNs();
  const mlperf::TestResult result = mlperf::StartTest(&sut, &qsl, settings, logs, "");
  const int64_t end_ns = NowNs();
  std::filesystem::remove_all(directory);

  const double samples = static_cast<double>(result.performance->sample_count);
  const double queries = static_cast<double>(sut.queries);
  const double loop_ns = static_cast<double>(sut.last_ns - sut.first_ns);
  std::printf("%s %.0f: %.0f queries, %.1f ns/query, %.2f ns/sample", what.c_str(), amount, queries,
              loop_ns / queries, loop_ns / samples);
  if (sut.complete_ns > 0) {
    std::printf(", completion %.2f ns/sample", static_cast<double>(sut.complete_ns) / samples);
  }
  std::printf(", before %.2f ms, after %.2f ms, %.1f B/query",
              static_cast<double>(sut.first_ns - start_ns) / 1e6,
              static_cast<double>(end_ns - sut.last_ns) / 1e6,
              (MegaBytesOfMemory() - memory_before_mb) * 1048576 / queries);
  const mlperf::Lateness& late = result.performance->lateness;
  if (late.count > 0) {
    std::printf(", late p50 %.2f p90 %.2f p99 %.2f p99.9 %.2f max %.1f us",
                static_cast<double>(late.p50_ns) / 1e3, static_cast<double>(late.p90_ns) / 1e3,
                static_cast<double>(late.p99_ns) / 1e3, static_cast<double>(late.p999_ns) / 1e3,
                static_cast<double>(late.max_ns) / 1e3);
  }
  std::printf("\n");
  return 0;
}
