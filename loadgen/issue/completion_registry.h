// The one process-wide object: which recorder takes completions now, which threads are lent for
// issuing, and whether a test is running.
#ifndef MLPERF_LOADGEN_ISSUE_COMPLETION_REGISTRY_H_
#define MLPERF_LOADGEN_ISSUE_COMPLETION_REGISTRY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "issue/recorder.h"
#include "serve/completion_sink.h"

namespace mlperf::loadgen {

// Makes `recorder` the one that completions go to, for a scope. Leaving the scope waits for the
// completing threads that still use it, so it must not hold anything they wait for.
class ActiveRecorder {
 public:
  explicit ActiveRecorder(Recorder* recorder);
  ~ActiveRecorder();
  ActiveRecorder(const ActiveRecorder&) = delete;
  ActiveRecorder& operator=(const ActiveRecorder&) = delete;

 private:
  Recorder* recorder_;
};

// Marks the calling thread as one that issues queries of `recorder`, for a scope inside that of
// the ActiveRecorder: its completions need no further protection. `alone`: no other thread issues.
class IssuingThread {
 public:
  IssuingThread(Recorder* recorder, bool alone);
  ~IssuingThread();
  IssuingThread(const IssuingThread&) = delete;
  IssuingThread& operator=(const IssuingThread&) = delete;

 private:
  Recorder* outer_;
  bool outer_alone_;
};

// True on a thread that issues queries.
bool IsIssuingThread();

// The recorder for one completion call, kept alive for the scope; null if no set is being issued,
// and then the completions come too late and are counted as such.
class CompletionScope {
 public:
  CompletionScope();
  ~CompletionScope();
  CompletionScope(const CompletionScope&) = delete;
  CompletionScope& operator=(const CompletionScope&) = delete;

  Recorder* recorder() const { return recorder_; }
  // On the only thread that issues.
  bool alone() const { return alone_; }

  // Publishes that `count` samples were completed in this scope.
  void Publish(uint64_t count) {
    alone_ ? recorder_->PublishByIssuer(count) : recorder_->Publish(count);
  }
  // The same of `count` samples that failed for the reason `text`.
  void PublishFailed(uint64_t count, const std::string& text) {
    recorder_->PublishFailed(count, text, alone_);
  }

 private:
  Recorder* recorder_;
  bool alone_;
  Recorder* outer_ = nullptr;
  bool guarded_ = false;
};

// Says that a test begins in this process: completions may come too late from now on. In a process
// that has had none, a forked one included, a completion is a mistake, which stderr has once: it
// was meant for the test of another process.
void ExpectCompletions();

// Completions that came while no set was being issued, since the last call.
void CountLateCompletions(uint64_t count);
uint64_t TakeLateCompletions();

// Failures that were reported while no set was being issued, since the last call.
void NoteLateFailure(const std::string& text);
std::vector<std::string> TakeLateFailures();

// Where completions go that come while no set is being issued; none: nowhere, and then they are
// late. A forked process has none.
void SetCompletionSink(std::shared_ptr<CompletionSink> sink);
std::shared_ptr<CompletionSink> ActiveCompletionSink();

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_COMPLETION_REGISTRY_H_
