// For systems under test that forward their queries, and processes that host one for another's
// test.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bind.h"
#include "completion_door.h"
#include "issue/completion_registry.h"
#include "issue/timed_completions.h"
#include "loadgen.h"
#include "platform/clock.h"
#include "python_sut.h"
#include "record_array.h"
#include "sample_batch.h"
#include "serve/served_samples.h"

namespace mlperf::python {
namespace {

using loadgen::QueuedSample;
using loadgen::ServedRow;
using loadgen::ServedSamples;

// Not at import, as it takes NumPy, which is more to import than all of this. The first call must
// be over before another thread makes one.
void DescribeRecordsOnce() {
  static bool described = false;
  if (std::exchange(described, true)) return;
  PYBIND11_NUMPY_DTYPE(QueuedSample, id, index, issued_ns, query);
  PYBIND11_NUMPY_DTYPE(ServedRow, key, event, time_ns, n_tokens, size, index, received_ns,
                       issued_ns);
}

using Ids = py::array_t<uint64_t, py::array::c_style | py::array::forcecast>;

py::array Take(QueueSut* sut, size_t most) {
  DescribeRecordsOnce();
  return AsArray(sut->queue().Take(most));
}

py::tuple TakeServed(ServedSamples* served) {
  DescribeRecordsOnce();
  loadgen::ServedRows taken = served->Take();
  return py::make_tuple(AsArray(std::move(taken.rows)), py::bytes(taken.bytes));
}

py::array_t<bool> AreOutstanding(ServedSamples* served, const Ids& ids) {
  py::array_t<bool> are(ids.size());
  for (py::ssize_t i = 0; i < ids.size(); ++i) are.mutable_at(i) = served->IsOutstanding(ids.at(i));
  return are;
}

void Push(QueueSut* sut, const Ids& ids, const Ids& indices) {
  if (ids.size() != indices.size()) throw py::value_error("as many indices as ids, please");
  std::vector<QuerySample> samples;
  for (py::ssize_t i = 0; i < ids.size(); ++i) samples.push_back({ids.at(i), indices.at(i)});
  sut->IssueQuery(samples);
}

// One batch for each run of equal numbers in `queries`.
py::list MakeBatches(const Ids& ids, const Ids& indices, const Ids& queries) {
  const py::ssize_t count = ids.size();
  if (indices.size() != count || queries.size() != count) {
    throw py::value_error("ids, indices and queries must be of one length");
  }
  py::list batches;
  std::vector<QuerySample> samples;
  for (py::ssize_t i = 0; i < count; ++i) {
    samples.push_back({ids.at(i), indices.at(i)});
    if (i + 1 < count && queries.at(i + 1) == queries.at(i)) continue;
    PyObject* batch = NewSampleBatch(samples.data(), samples.size());
    if (batch == nullptr) throw py::error_already_set();
    batches.append(py::reinterpret_steal<py::object>(batch));
    samples.clear();
  }
  return batches;
}

// `object` is turned into an array by NumPy itself, so that what its methods raise stays.
bool Fail(const py::object& object, const std::string& reason) {
  const Ids ids = py::module_::import("numpy").attr("ascontiguousarray")(object, "uint64");
  return FailSamples(ids.data(), static_cast<size_t>(ids.size()), reason);
}

bool FailForReason(const ResponseId* ids, size_t count, const char* reason) {
  return FailSamples(ids, count, reason);
}

int64_t NowNs() { return loadgen::MonotonicClock().NowNs(); }

bool LogsResponses() {
  const loadgen::CompletionScope scope;
  if (scope.recorder() != nullptr) return scope.recorder()->logs_responses();
  return loadgen::ActiveCompletionSink() != nullptr;
}

// Makes `exception` what StartTest raises. False if nothing is being issued.
bool RaiseInTest(const py::object& exception) {
  if (!PyExceptionInstance_Check(exception.ptr())) {
    throw py::type_error("exception must be an instance of BaseException");
  }
  const loadgen::CompletionScope scope;
  if (scope.recorder() == nullptr) return false;
  try {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
    throw py::error_already_set();
  } catch (const py::error_already_set&) {
    scope.recorder()->ReportException(std::current_exception());
  }
  return true;
}

}  // namespace

void BindNetwork(py::module_& module) {
  py::class_<QueueSut, PythonSut>(module, "QueueSut",
                                  "A system under test whose queries another thread fetches: the "
                                  "one that issues takes no interpreter lock for them.")
      .def(py::init<py::object, py::object>(), py::arg("flush_queries"), py::arg("name"))
      .def(
          "fileno", [](QueueSut& sut) { return sut.queue().fd(); },
          "Readable while queries are queued.")
      .def("take", Take, py::arg("most"),
           "At most `most` samples, the oldest first: records of id, index, issued_ns (monotonic "
           "clock) and query, the number of the query they are of.")
      .def("push", Push, py::arg("ids"), py::arg("indices"),
           "Issues one query from outside a test, uint64 of shape (n,) each.")
      .def(
          "clear", [](QueueSut& sut) { sut.queue().Clear(); }, "Forgets what is queued.")
      .def("forward_to", &QueueSut::ForwardTo, py::arg("receiver"),
           "Hands queries to a LaneDispatcher, or to the query taker of another extension module "
           "(a capsule), in place of the queue; None: to the queue again. Not while queries are "
           "issued. Raises TypeError for anything else.");
  py::class_<ServedSamples, std::shared_ptr<ServedSamples>>(
      module, "ServedSamples",
      "Samples this process works on for the test of another one. While it is the process's "
      "(`serve_completions`), completions go here.")
      .def(py::init<>())
      .def("are_outstanding", AreOutstanding, py::arg("ids"),
           "Which of the ids, shape (n,), are of outstanding samples: bool of shape (n,).")
      .def(
          "issued", [](ServedSamples& served) { return AsArray(served.IssuedIds()); },
          "The ids of the outstanding samples that the system has, uint64 of shape (n,).")
      .def("clear", &ServedSamples::Clear,
           "Forgets all samples, and everything that goes wrong until `open`.")
      .def("open", &ServedSamples::Open, "Another run begins, whose faults are its own.")
      .def("take", TakeServed,
           "What happened since: records of key, event (0 completed, 1 first token, 2 failed, 3 a "
           "fault, 4 AbortTest was called), time_ns, n_tokens, size, index, received_ns and "
           "issued_ns (0: not issued to the system), and the bytes of all, one after another.")
      .def("fileno", &ServedSamples::fd, "Readable while there is something to take.");
  module.def(
      "serve_completions",
      [](std::shared_ptr<ServedSamples> served) { loadgen::SetCompletionSink(std::move(served)); },
      py::arg("served").none(true),
      "Sends completions to `served` while no test issues here. None: they are late again.");
  module.def("make_batches", MakeBatches, py::arg("ids"), py::arg("indices"), py::arg("queries"),
             "SampleBatches of the samples, uint64 of shape (n,) each: one for each run of equal "
             "numbers in `queries`.");
  module.def("describe_records", DescribeRecordsOnce,
             "Prepares what the queues give; to be called once, before threads use them.");
  module.def("fail", Fail, py::arg("ids"), py::arg("reason"),
             "Ends samples that cannot be answered. They are in no latency and no throughput, and "
             "the result is INVALID for `reason`. `ids`: response ids, shape (n,); empty to report "
             "a fault that cost no sample. Returns False if no query is being issued; the call "
             "then counts for the set that has just ended, if there is one.");
  static const CompletionDoor door = {loadgen::CompleteAt, FailForReason, NowNs, LogsResponses,
                                      AbortTest};
  module.attr("completion_door") = py::capsule(&door, kCompletionDoorName);
  module.def("raise_in_test", RaiseInTest, py::arg("exception"),
             "Ends the running test; StartTest raises `exception`. False if nothing is being "
             "issued.");
}

}  // namespace mlperf::python
