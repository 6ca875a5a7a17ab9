// A system under test and a library whose callbacks are given by the test, and a journal of what
// was called in which order.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_SCRIPTED_SYSTEM_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_SCRIPTED_SYSTEM_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "loadgen.h"
#include "query_sample.h"
#include "query_sample_library.h"
#include "system_under_test.h"

namespace mlperf::loadgen {

// Answers each sample with no data.
inline void CompleteAll(const std::vector<QuerySample>& samples) {
  std::vector<QuerySampleResponse> responses;
  for (const QuerySample& sample : samples) responses.emplace_back(sample.id, 0, 0);
  QuerySamplesComplete(responses.data(), responses.size());
}

inline void Complete(ResponseId id) {
  QuerySampleResponse response(id, 0, 0);
  QuerySamplesComplete(&response, 1);
}

// Words, from any thread.
class Journal {
 public:
  void Note(const std::string& word) {
    std::lock_guard<std::mutex> lock(mutex_);
    words_.push_back(word);
  }
  std::vector<std::string> words() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return words_;
  }
  size_t Count(const std::string& word) const {
    size_t count = 0;
    for (const std::string& noted : words()) count += noted == word ? 1 : 0;
    return count;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> words_;
};

struct IssuedQuery {
  std::vector<QuerySample> samples;
  std::thread::id thread;
};

class ScriptedSut final : public SystemUnderTest {
 public:
  explicit ScriptedSut(Journal* journal = nullptr) : journal_(journal) {}

  const std::string& Name() override {
    if (on_name) on_name();
    return name;
  }
  void IssueQuery(const std::vector<QuerySample>& samples) override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queries_.push_back({samples, std::this_thread::get_id()});
    }
    if (journal_) journal_->Note("issue " + std::to_string(samples.size()));
    on_issue(samples);
  }
  void FlushQueries() override {
    if (journal_) journal_->Note("flush");
    if (on_flush) on_flush();
  }

  std::vector<IssuedQuery> queries() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return queries_;
  }
  // The library indices of all samples, in the order of issue.
  std::vector<uint64_t> issued_indices() const {
    std::vector<uint64_t> indices;
    for (const IssuedQuery& query : queries()) {
      for (const QuerySample& sample : query.samples) indices.push_back(sample.index);
    }
    return indices;
  }

  std::function<void(const std::vector<QuerySample>&)> on_issue = CompleteAll;
  std::function<void()> on_flush;
  std::string name = "scripted \"SUT\"";
  std::function<void()> on_name;

 private:
  Journal* journal_;
  mutable std::mutex mutex_;
  std::vector<IssuedQuery> queries_;
};

class ScriptedLibrary final : public QuerySampleLibrary {
 public:
  ScriptedLibrary(Journal* journal, size_t total_count, size_t performance_count)
      : journal_(journal), total_count_(total_count), performance_count_(performance_count) {}

  const std::string& Name() override {
    if (on_name) on_name();
    return name;
  }
  size_t TotalSampleCount() override {
    if (on_count) on_count();
    return total_count_;
  }
  size_t PerformanceSampleCount() override { return performance_count_; }
  void LoadSamplesToRam(const std::vector<QuerySampleIndex>& samples) override {
    journal_->Note("load " + std::to_string(samples.size()));
    loaded_.push_back(samples);
    if (on_load) on_load();
  }
  void UnloadSamplesFromRam(const std::vector<QuerySampleIndex>& samples) override {
    journal_->Note("unload " + std::to_string(samples.size()));
    unloaded_.push_back(samples);
    if (on_unload) on_unload();
  }

  const std::vector<std::vector<QuerySampleIndex>>& loaded() const { return loaded_; }
  const std::vector<std::vector<QuerySampleIndex>>& unloaded() const { return unloaded_; }

  std::string name = "scripted QSL";
  std::function<void()> on_name, on_count, on_load, on_unload;

 private:
  Journal* journal_;
  size_t total_count_;
  size_t performance_count_;
  std::vector<std::vector<QuerySampleIndex>> loaded_;
  std::vector<std::vector<QuerySampleIndex>> unloaded_;
};

// Answers on a thread of its own, in the order of issue.
class Worker {
 public:
  ~Worker() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // `answer` is called on the worker for each query.
  explicit Worker(std::function<void(const std::vector<QuerySample>&)> answer)
      : answer_(std::move(answer)), thread_([this] { Work(); }) {}

  void Take(const std::vector<QuerySample>& samples) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queue_.push_back(samples);
    }
    changed_.notify_all();
  }

 private:
  void Work() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return ended_ || !queue_.empty(); });
      if (queue_.empty()) return;
      const std::vector<QuerySample> samples = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      answer_(samples);
      lock.lock();
    }
  }

  std::function<void(const std::vector<QuerySample>&)> answer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::vector<QuerySample>> queue_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_SCRIPTED_SYSTEM_H_
