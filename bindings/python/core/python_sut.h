// Systems under test and sample libraries whose callbacks are Python callables.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_PYTHON_SUT_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_PYTHON_SUT_H_

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "conduct/index_keeper.h"
#include "issue/keeping_system.h"
#include "issue/timing_system.h"
#include "lane_dispatcher.h"
#include "platform/run_control.h"
#include "query_dispatch_library.h"
#include "query_sample_library.h"
#include "query_taker.h"
#include "serve/query_queue.h"

namespace mlperf::python {

namespace py = pybind11;

// The GIL as the gate of a test: the thread that runs the test holds it while callbacks run and
// releases it while the generator waits. Made and destroyed with the GIL held; in between the
// thread is outside the gate.
class GilGate : public loadgen::CallbackGate {
 public:
  // `held_by_callbacks`: false for a system that needs no GIL, so that no query waits for it; other
  // callbacks take it themselves.
  explicit GilGate(bool held_by_callbacks);
  ~GilGate() override;
  void Enter() override {
    if (held_by_callbacks_) PyEval_RestoreThread(state_);
  }
  void Leave() override {
    if (held_by_callbacks_) state_ = PyEval_SaveThread();
  }
  // Runs signal handlers on the main thread; throws what they raise.
  void Poll() override;

 private:
  bool held_by_callbacks_;
  PyThreadState* state_;
  bool on_main_thread_;
};

// Takes the GIL for a scope unless the thread has it already, as the one that runs the test does.
class EnsureGil {
 public:
  EnsureGil() : held_(PyGILState_Check() != 0) {
    if (!held_) state_ = PyGILState_Ensure();
  }
  ~EnsureGil() {
    if (!held_) PyGILState_Release(state_);
  }
  EnsureGil(const EnsureGil&) = delete;
  EnsureGil& operator=(const EnsureGil&) = delete;

 private:
  bool held_;
  PyGILState_STATE state_ = PyGILState_UNLOCKED;
};

// How queries are handed to the issue callback.
enum class IssueForm {
  kSamples,  // issue(samples): a SampleBatch.
  kLists,    // issue(ids, indices): two lists of int.
};

// A system under test made of callables. Threads without the GIL take it for each call.
class PythonSut : public QueryDispatchLibrary, public loadgen::KeepingSystem {
 public:
  // `name`: a str, or a callable that returns one and is asked at the start of each test.
  PythonSut(py::object issue, py::object flush, py::object name, IssueForm form);

  const std::string& Name() override;
  void IssueQuery(const std::vector<QuerySample>& samples) override;
  void IssueAndKeep(std::vector<QuerySample> samples) override;
  void FlushQueries() override;

 private:
  void IssueBatch(PyObject* batch);
  void IssueLists(const std::vector<QuerySample>& samples);

  py::object issue_;
  py::object flush_;
  py::object name_source_;
  IssueForm form_;
  std::string name_;
};

// Keeps its queries for another thread, or hands them to a dispatcher or to another module's taker.
// Issuing one takes no GIL.
class QueueSut : public PythonSut, public loadgen::TimingSystem {
 public:
  QueueSut(py::object flush, py::object name);
  void IssueQuery(const std::vector<QuerySample>& samples) override;
  void IssueAndKeep(std::vector<QuerySample> samples) override { IssueQuery(samples); }
  loadgen::QueryQueue& queue() { return queue_; }
  // A taker's answers have times of their own.
  bool TimesItsAnswers() const override { return taker_ != nullptr; }
  // Queries go to a LaneDispatcher or to the capsule of a QueryTaker; if it is None, into the
  // queue. Not while any are issued.
  void ForwardTo(const py::object& receiver);

 private:
  loadgen::QueryQueue queue_;
  std::shared_ptr<network::LaneDispatcher> dispatcher_;
  py::object taker_capsule_;
  const QueryTaker* taker_ = nullptr;
};

class PythonQsl : public QuerySampleLibrary, public loadgen::IndexKeeper {
 public:
  PythonQsl(size_t total_sample_count, size_t performance_sample_count, py::object load,
            py::object unload, std::string name);

  const std::string& Name() override { return name_; }
  size_t TotalSampleCount() override { return total_sample_count_; }
  size_t PerformanceSampleCount() override { return performance_sample_count_; }
  void LoadSamplesToRam(const std::vector<QuerySampleIndex>& samples) override;
  void UnloadSamplesFromRam(const std::vector<QuerySampleIndex>& samples) override;
  void ForgetIndices() override;

 private:
  size_t total_sample_count_;
  size_t performance_sample_count_;
  py::object load_;
  py::object unload_;
  std::string name_;
  bool load_was_called_ = false;  // For the set whose unloading comes next.
  py::object loaded_;             // Its indices as they were given, until its first query.
};

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_PYTHON_SUT_H_
