// What the completion functions share: one call's time and recorder, and letting go of the GIL.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_COMPLETION_CALL_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_COMPLETION_CALL_H_

#include <Python.h>

#include <cstdint>
#include <exception>
#include <memory>

#include "issue/completion_registry.h"
#include "platform/clock.h"
#include "serve/completion_sink.h"

namespace mlperf::python {

using loadgen::CompletionScope;
using loadgen::Recorder;

// Releases the GIL for a scope.
class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil() { PyEval_RestoreThread(state_); }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
};

// One completion call: the time of its entry, and the recorder it goes to.
class Call {
 public:
  Call() : recorder_(scope_.recorder()), now_ns_(recorder_ ? recorder_->NowNs() : 0) {
    if (recorder_ == nullptr) FindSink();
  }
  ~Call() {
    if (recorder_ != nullptr) {
      scope_.Publish(completed_);
    } else {
      loadgen::CountLateCompletions(late_);
    }
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Responses' bytes are wanted, at least of some.
  bool logs() const {
    return recorder_ != nullptr ? recorder_->logs_responses() : sink_ != nullptr;
  }

  // Completes one sample. True, and its position, if its response is to be logged.
  bool Complete(uint64_t id, int64_t n_tokens, uint64_t* sample) {
    if (recorder_ == nullptr) return CompleteElsewhere(id);
    if (!recorder_->Complete(id, now_ns_, n_tokens, scope_.alone(), sample)) return false;
    ++completed_;
    return recorder_->LogsResponse(*sample);
  }

  void Log(uint64_t sample, const QuerySampleResponse& response) {
    if (sink_ != nullptr) return sink_->Complete(response, now_ns_);
    recorder_->LogResponse(sample, response, now_ns_);
  }

  // A callback raised the exception being handled instead of giving the response.
  void Fail(uint64_t id) {
    if (sink_ != nullptr) return sink_->Fail(id, "the response callback raised", now_ns_);
    recorder_->ReportException(std::current_exception());
  }

  // It goes to the test of another process.
  bool is_elsewhere() const { return sink_ != nullptr; }

  // All of the call has been handed in, and the bytes are still there. A process that hosts a
  // system for another's test may answer it now; best without the GIL.
  void Publish() {
    if (sink_ != nullptr) sink_->Publish();
  }

  void FirstToken(const QuerySampleResponse& response) {
    uint64_t sample = 0;
    if (sink_ != nullptr) {
      sink_->FirstToken(response, now_ns_);
    } else if (recorder_ == nullptr) {
      ++late_;
    } else if (recorder_->FirstToken(response.id, now_ns_, &sample) &&
               recorder_->keeps_token_data() && recorder_->LogsResponse(sample)) {
      recorder_->KeepTokenData(sample, response, now_ns_);
    }
  }

 private:
  // Nothing is being issued here: a process that hosts a system for another's test has a sink.
  void FindSink() {
    sink_ = loadgen::ActiveCompletionSink();
    if (sink_ != nullptr) now_ns_ = loadgen::MonotonicClock().NowNs();
  }

  bool CompleteElsewhere(uint64_t id) {
    if (sink_ != nullptr) return sink_->Claim(id);
    ++late_;
    return false;
  }

  CompletionScope scope_;
  Recorder* recorder_;
  std::shared_ptr<loadgen::CompletionSink> sink_;  // None where there is a recorder.
  int64_t now_ns_;
  uint64_t completed_ = 0;
  uint64_t late_ = 0;
};

// Reports the exception being handled to the running test.
inline void ReportToRun() {
  const CompletionScope scope;
  if (scope.recorder() != nullptr) scope.recorder()->ReportException(std::current_exception());
}

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_COMPLETION_CALL_H_
