// A Server test of a system that answers on a thread of its own.
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "loadgen.h"

// Answers each sample with its index, squared.
class SquaringSystem : public mlperf::SystemUnderTest {
 public:
  SquaringSystem() : worker_([this] { Work(); }) {}
  ~SquaringSystem() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    work_.notify_one();
    worker_.join();
  }

  const std::string& Name() override { return name_; }

  void IssueQuery(const std::vector<mlperf::QuerySample>& samples) override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queue_.insert(queue_.end(), samples.begin(), samples.end());
    }
    work_.notify_one();
  }

  void FlushQueries() override {}

 private:
  void Work() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      const mlperf::QuerySample sample = queue_.front();
      queue_.pop_front();
      lock.unlock();
      uint64_t answer = sample.index * sample.index;
      mlperf::QuerySampleResponse response(sample.id, reinterpret_cast<uintptr_t>(&answer),
                                           sizeof(answer));
      mlperf::QuerySamplesComplete(&response, 1);
      lock.lock();
    }
  }

  std::string name_ = "squaring system";
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<mlperf::QuerySample> queue_;
  bool stopping_ = false;
  std::thread worker_;
};

// A library whose samples are their indices: there is nothing to load.
class Numbers : public mlperf::QuerySampleLibrary {
 public:
  const std::string& Name() override { return name_; }
  size_t TotalSampleCount() override { return 1000; }
  size_t PerformanceSampleCount() override { return 1000; }
  void LoadSamplesToRam(const std::vector<mlperf::QuerySampleIndex>&) override {}
  void UnloadSamplesFromRam(const std::vector<mlperf::QuerySampleIndex>&) override {}

 private:
  std::string name_ = "numbers";
};

int main() {
  mlperf::TestSettings settings;
  settings.scenario = mlperf::TestScenario::Server;
  settings.server_target_qps = 2000;
  settings.server_target_latency_ns = 50000000;
  settings.min_duration_ms = 1000;
  settings.min_query_count = 1000;

  SquaringSystem sut;
  Numbers qsl;
  const mlperf::TestResult result = mlperf::StartTest(&sut, &qsl, settings, {});
  std::printf("%s: %.1f samples/s, p99 latency %.1f us, issued late by p50 %.1f us\n",
              result.valid() ? "VALID" : "INVALID",
              result.performance->completed_samples_per_second,
              static_cast<double>(result.performance->sample_latency.percentiles_ns[4]) / 1000,
              static_cast<double>(result.performance->lateness.p50_ns) / 1000);
  return result.valid() ? 0 : 1;
}
