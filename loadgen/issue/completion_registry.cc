#include "issue/completion_registry.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>

#include "settings/utf8_text.h"

namespace mlperf::loadgen {
namespace {

std::atomic<Recorder*> active_recorder{nullptr};
std::atomic<uint64_t> late_completions{0};

// What a completing thread is using, shown to the thread that ends the set (a hazard pointer).
// Places are never freed, only handed on to other threads.
struct alignas(64) UsePlace {
  std::atomic<Recorder*> in_use{nullptr};
  std::atomic<bool> owned{true};
  UsePlace* next = nullptr;
};

std::atomic<UsePlace*> use_places{nullptr};

UsePlace* ClaimUsePlace() {
  for (UsePlace* place = use_places.load(); place != nullptr; place = place->next) {
    bool expected = false;
    if (place->owned.compare_exchange_strong(expected, true)) return place;
  }
  UsePlace* place = new UsePlace;
  place->next = use_places.load();
  while (!use_places.compare_exchange_weak(place->next, place)) {
  }
  return place;
}

// Hands the place on when the thread ends.
struct UsePlaceOwner {
  UsePlace* place = ClaimUsePlace();
  ~UsePlaceOwner() { place->owned.store(false); }
};

UsePlace* ThisThreadsPlace() {
  thread_local UsePlaceOwner owner;
  return owner.place;
}

constexpr size_t kMostLateFailures = 100;

std::mutex failures_mutex;
std::vector<std::string> late_failures;

std::mutex sink_mutex;
// Never destroyed, as threads may complete samples while the program ends.
std::shared_ptr<CompletionSink>& TheSink() {
  static auto* sink = new std::shared_ptr<CompletionSink>;
  return *sink;
}

thread_local Recorder* issuing_recorder = nullptr;
thread_local bool issues_alone = false;

std::atomic<bool> expects_completions{false};
std::atomic<bool> has_reported_strays{false};

void ReportStrayCompletion() {
  if (expects_completions.load() || has_reported_strays.exchange(true)) return;
  std::fprintf(stderr,
               "mlperf_loadgen: a sample was completed or failed in process %d, which has no test, "
               "so that this is lost: a test sees only what happens in the process that called "
               "StartTest. Have worker processes send their answers back to it, by a pipe or a "
               "queue, and complete them there. (Each process says this once.)\n",
               static_cast<int>(getpid()));
}

// A forked process has copies of its parent's test, which would take completions in silence.
void ForgetTheParentsTest() {
  active_recorder.store(nullptr);
  issuing_recorder = nullptr;
  issues_alone = false;
  late_completions.store(0);
  late_failures.clear();
  TheSink() = nullptr;
  expects_completions.store(false);
  has_reported_strays.store(false);
}

void LockForFork() {
  failures_mutex.lock();
  sink_mutex.lock();
}

void UnlockAfterFork() {
  sink_mutex.unlock();
  failures_mutex.unlock();
}

}  // namespace

void ExpectCompletions() {
  [[maybe_unused]] static const int registered = pthread_atfork(LockForFork, UnlockAfterFork, [] {
    ForgetTheParentsTest();
    UnlockAfterFork();
  });
  expects_completions.store(true);
}

ActiveRecorder::ActiveRecorder(Recorder* recorder) : recorder_(recorder) {
  active_recorder.store(recorder);
}

ActiveRecorder::~ActiveRecorder() {
  active_recorder.store(nullptr);
  for (UsePlace* place = use_places.load(); place != nullptr; place = place->next) {
    while (place->in_use.load() == recorder_) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
}

IssuingThread::IssuingThread(Recorder* recorder, bool alone)
    : outer_(issuing_recorder), outer_alone_(issues_alone) {
  issuing_recorder = recorder;
  issues_alone = alone;
}

IssuingThread::~IssuingThread() {
  issuing_recorder = outer_;
  issues_alone = outer_alone_;
}

bool IsIssuingThread() { return issuing_recorder != nullptr; }

CompletionScope::CompletionScope() : recorder_(issuing_recorder), alone_(issues_alone) {
  if (recorder_ != nullptr) return;
  UsePlace* place = ThisThreadsPlace();
  outer_ = place->in_use.load(std::memory_order_relaxed);
  guarded_ = true;
  // Announce, then look again: a recorder that is still active after the announcement is waited
  // for by whoever takes it down.
  Recorder* recorder = active_recorder.load();
  while (recorder != nullptr) {
    place->in_use.store(recorder);
    Recorder* again = active_recorder.load();
    if (again == recorder) break;
    recorder = again;
  }
  if (recorder == nullptr) place->in_use.store(outer_, std::memory_order_release);
  recorder_ = recorder;
}

CompletionScope::~CompletionScope() {
  if (guarded_) ThisThreadsPlace()->in_use.store(outer_, std::memory_order_release);
}

void CountLateCompletions(uint64_t count) {
  if (count == 0) return;
  late_completions.fetch_add(count, std::memory_order_relaxed);
  ReportStrayCompletion();
}

uint64_t TakeLateCompletions() { return late_completions.exchange(0, std::memory_order_relaxed); }

void NoteLateFailure(const std::string& text) {
  ReportStrayCompletion();
  std::lock_guard<std::mutex> lock(failures_mutex);
  if (late_failures.size() < kMostLateFailures) late_failures.push_back(ValidUtf8(text));
}

std::vector<std::string> TakeLateFailures() {
  std::lock_guard<std::mutex> lock(failures_mutex);
  return std::exchange(late_failures, {});
}

void SetCompletionSink(std::shared_ptr<CompletionSink> sink) {
  if (sink != nullptr) ExpectCompletions();
  std::lock_guard<std::mutex> lock(sink_mutex);
  TheSink() = std::move(sink);
}

std::shared_ptr<CompletionSink> ActiveCompletionSink() {
  std::lock_guard<std::mutex> lock(sink_mutex);
  return TheSink();
}

}  // namespace mlperf::loadgen
