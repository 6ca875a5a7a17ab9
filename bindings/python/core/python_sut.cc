#include "python_sut.h"

#include <utility>

#include "conduct/running_tests.h"
#include "plan/checkpoint.h"
#include "platform/clock.h"
#include "sample_batch.h"
#include "unawaited.h"

namespace mlperf::python {
namespace {

constexpr char kOfSystem[] =
    "return when the query is taken, or derive the system from AsyncSystemUnderTest";
constexpr char kOfLibrary[] = "return when all samples are there (asyncio.run waits)";

// Throws what a call raised, or drops what it returned. `callback`: of what was called; `fix`: of
// what it should not have returned.
void Finish(PyObject* returned, const char* callback, const char* fix = kOfSystem) {
  const py::object owned = py::reinterpret_steal<py::object>(returned);
  if (returned == nullptr || !IsDone(returned, callback, fix)) throw py::error_already_set();
}

py::object RequireCallable(py::object callable, const char* name) {
  if (PyCallable_Check(callable.ptr()) != 0) return callable;
  throw py::type_error(std::string(name) + " must be callable, not " +
                       Py_TYPE(callable.ptr())->tp_name);
}

// Throws TestStopped once the running test is to stop.
void HeedStop() {
  if (loadgen::TheTestRegistry().stop_requested()) throw loadgen::TestStopped();
}

// `number(i)` for each i below `count`, as a list of int.
template <typename Number>
py::list IntList(size_t count, const loadgen::Checkpoint& checkpoint, const Number& number) {
  py::list list(count);
  for (size_t i = 0; i < count; ++i) {
    if (loadgen::IsCheckpoint(i)) checkpoint();
    PyObject* value = PyLong_FromUnsignedLongLong(number(i));
    if (value == nullptr) throw py::error_already_set();
    PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i), value);
  }
  return list;
}

py::list IndexList(const std::vector<QuerySampleIndex>& samples,
                   const loadgen::Checkpoint& checkpoint) {
  return IntList(samples.size(), checkpoint, [&](size_t i) { return samples[i]; });
}

}  // namespace

GilGate::GilGate(bool held_by_callbacks) : held_by_callbacks_(held_by_callbacks) {
  {
    const py::object main = py::module_::import("threading").attr("main_thread")();
    on_main_thread_ = main.attr("ident").cast<unsigned long>() == PyThread_get_thread_ident();
  }
  state_ = PyEval_SaveThread();
}

GilGate::~GilGate() { PyEval_RestoreThread(state_); }

void GilGate::Poll() {
  if (!on_main_thread_) return;
  const EnsureGil gil;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

PythonSut::PythonSut(py::object issue, py::object flush, py::object name, IssueForm form)
    : issue_(RequireCallable(std::move(issue), "issue_query")),
      flush_(RequireCallable(std::move(flush), "flush_queries")),
      name_source_(std::move(name)),
      form_(form) {}

const std::string& PythonSut::Name() {
  const EnsureGil gil;
  const py::object name = PyCallable_Check(name_source_.ptr()) != 0 ? name_source_() : name_source_;
  if (!py::isinstance<py::str>(name)) {
    throw py::type_error(std::string("the name of a system under test must be a str, not ") +
                         Py_TYPE(name.ptr())->tp_name);
  }
  name_ = name.cast<std::string>();
  return name_;
}

void PythonSut::IssueQuery(const std::vector<QuerySample>& samples) {
  const EnsureGil gil;
  if (form_ == IssueForm::kLists) return IssueLists(samples);
  IssueBatch(NewSampleBatch(samples.data(), samples.size()));
}

void PythonSut::IssueAndKeep(std::vector<QuerySample> samples) {
  const EnsureGil gil;
  if (form_ == IssueForm::kLists) return IssueLists(samples);
  IssueBatch(NewSampleBatch(std::move(samples)));
}

// Takes the reference.
void PythonSut::IssueBatch(PyObject* batch) {
  if (batch == nullptr) throw py::error_already_set();
  PyObject* returned = PyObject_CallOneArg(issue_.ptr(), batch);
  Py_DECREF(batch);
  Finish(returned, "issue_query");
}

void PythonSut::IssueLists(const std::vector<QuerySample>& samples) {
  const size_t count = samples.size();
  const py::list ids = IntList(count, HeedStop, [&](size_t i) { return samples[i].id; });
  const py::list indices = IntList(count, HeedStop, [&](size_t i) { return samples[i].index; });
  Finish(PyObject_CallFunctionObjArgs(issue_.ptr(), ids.ptr(), indices.ptr(), nullptr),
         "issue_query");
}

void PythonSut::FlushQueries() {
  const EnsureGil gil;
  Finish(PyObject_CallNoArgs(flush_.ptr()), "flush_queries");
}

QueueSut::QueueSut(py::object flush, py::object name)
    : PythonSut(flush, flush, std::move(name), IssueForm::kSamples) {}

void QueueSut::IssueQuery(const std::vector<QuerySample>& samples) {
  if (dispatcher_) return dispatcher_->Issue(samples.data(), samples.size());
  if (taker_ != nullptr) return taker_->issue(taker_->self, samples.data(), samples.size());
  queue_.Push(samples.data(), samples.size(), loadgen::MonotonicClock().NowNs());
}

void QueueSut::ForwardTo(const py::object& receiver) {
  std::shared_ptr<network::LaneDispatcher> dispatcher;
  const QueryTaker* taker = nullptr;
  if (PyCapsule_IsValid(receiver.ptr(), kQueryTakerName) != 0) {
    taker = static_cast<const QueryTaker*>(PyCapsule_GetPointer(receiver.ptr(), kQueryTakerName));
  } else if (py::isinstance<network::LaneDispatcher>(receiver)) {
    dispatcher = receiver.cast<std::shared_ptr<network::LaneDispatcher>>();
  } else if (!receiver.is_none()) {
    throw py::type_error(
        "receiver must be a LaneDispatcher, the capsule of a query taker or None, "
        "not " +
        py::repr(receiver).cast<std::string>());
  }
  dispatcher_ = std::move(dispatcher);
  taker_ = taker;
  taker_capsule_ = taker != nullptr ? receiver : py::object();
}

PythonQsl::PythonQsl(size_t total_sample_count, size_t performance_sample_count, py::object load,
                     py::object unload, std::string name)
    : total_sample_count_(total_sample_count),
      performance_sample_count_(performance_sample_count),
      load_(RequireCallable(std::move(load), "load_samples")),
      unload_(RequireCallable(std::move(unload), "unload_samples")),
      name_(std::move(name)) {}

void PythonQsl::LoadSamplesToRam(const std::vector<QuerySampleIndex>& samples) {
  const EnsureGil gil;
  const py::list indices = IndexList(samples, HeedStop);
  load_was_called_ = true;
  loaded_ = indices;
  Finish(PyObject_CallOneArg(load_.ptr(), indices.ptr()), "load_samples", kOfLibrary);
}

void PythonQsl::UnloadSamplesFromRam(const std::vector<QuerySampleIndex>& samples) {
  const EnsureGil gil;
  if (!std::exchange(load_was_called_, false)) return;
  py::object indices = std::exchange(loaded_, {});
  // A list that the library has emptied, say, is not what it was given.
  if (!indices || py::len(indices) != samples.size()) {
    indices = IndexList(samples, loadgen::NoCheckpoint);
  }
  Finish(PyObject_CallOneArg(unload_.ptr(), indices.ptr()), "unload_samples", kOfLibrary);
}

void PythonQsl::ForgetIndices() {
  const EnsureGil gil;
  loaded_ = {};
}

}  // namespace mlperf::python
