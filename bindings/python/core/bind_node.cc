// The native part of a node: what its system's thread is to do, the payloads it works on, and the
// lanes of load generators.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bind.h"
#include "lane_server.h"
#include "node_lane.h"
#include "platform/clock.h"
#include "sample_batch.h"
#include "unawaited.h"

namespace mlperf::python {
namespace {

namespace py = pybind11;
using loadgen::AdmittedSample;
using network::HeldPayload;
using network::HostedSystem;
using network::LaneEnd;
using network::LaneServer;
using network::Work;

using Ids = py::array_t<uint64_t, py::array::c_style | py::array::forcecast>;

constexpr char kOfSystem[] = "write it with def, or derive the system from AsyncSystemUnderTest";

// Work that the system's thread has taken, and how far it is.
class TakenWork {
 public:
  TakenWork(std::shared_ptr<HostedSystem> system, Work work)
      : system_(std::move(system)), work_(std::move(work)) {}

  bool IsFlush() const { return work_.kind == Work::Kind::kFlush; }
  bool IsCall() const { return work_.kind == Work::Kind::kCall; }
  bool IsDone() const { return next_ == work_.query_ends.size(); }

  // Issues the queries that are left, up to the first whose call raises.
  void Issue(const py::function& issue_query) {
    while (!IsDone()) {
      begin_ = next_ == 0 ? 0 : work_.query_ends[next_ - 1];
      end_ = work_.query_ends[next_++];
      const bool is_wanted = system_->served->MarkIssued(work_.samples[begin_].id, end_ - begin_,
                                                         loadgen::MonotonicClock().NowNs());
      if (!is_wanted) next_ = work_.query_ends.size();  // Its run was given up.
      if (is_wanted) IssueOne(issue_query);
    }
    const py::gil_scoped_release release;
    if (system_->work.IsEmpty()) system_->served->Flush();
  }

  // The response ids of the query issued last.
  py::array_t<uint64_t> LastIds() const {
    py::array_t<uint64_t> ids(static_cast<py::ssize_t>(end_ - begin_));
    for (size_t i = begin_; i < end_; ++i) {
      ids.mutable_at(static_cast<py::ssize_t>(i - begin_)) = work_.samples[i].id;
    }
    return ids;
  }

 private:
  void IssueOne(const py::function& issue_query) {
    PyObject* batch = NewSampleBatch(&work_.samples[begin_], end_ - begin_);
    if (batch == nullptr) throw py::error_already_set();
    PyObject* returned = PyObject_CallOneArg(issue_query.ptr(), batch);
    Py_DECREF(batch);
    const py::object owned = py::reinterpret_steal<py::object>(returned);
    if (returned == nullptr || !python::IsDone(returned, "issue_query", kOfSystem)) {
      throw py::error_already_set();
    }
  }

  std::shared_ptr<HostedSystem> system_;
  Work work_;
  size_t next_ = 0;  // Query.
  size_t begin_ = 0, end_ = 0;
};

void Issue(HostedSystem* system, const Ids& keys, const Ids& indices, const Ids& queries,
           int64_t received_ns) {
  const auto count = static_cast<size_t>(keys.size());
  if (indices.size() != keys.size() || queries.size() != keys.size()) {
    throw py::value_error("keys, indices and queries must be of one length");
  }
  std::vector<AdmittedSample> samples(count);
  for (size_t i = 0; i < count; ++i) samples[i] = {keys.data()[i], indices.data()[i], received_ns};
  const ResponseId first = system->served->Admit(samples.data(), count);
  Work work;
  for (size_t i = 0; i < count; ++i) {
    work.samples.push_back({first + i, samples[i].index});
    const bool ends = i + 1 == count || queries.data()[i] != queries.data()[i + 1];
    if (ends) work.query_ends.push_back(i + 1);
  }
  if (count > 0) system->work.Push(std::move(work));
}

std::unique_ptr<TakenWork> Take(const std::shared_ptr<HostedSystem>& system, int timeout_ms) {
  std::optional<Work> work;
  {
    const py::gil_scoped_release release;
    work = system->work.Take(timeout_ms);
  }
  return work ? std::make_unique<TakenWork>(system, *std::move(work)) : nullptr;
}

std::string Listen(LaneServer* server, const std::string& address) {
  std::string bound;
  const transfer::Status status = server->Listen(address, &bound);
  if (!status.ok()) {
    PyErr_SetString(PyExc_OSError, status.message.c_str());
    throw py::error_already_set();
  }
  return bound;
}

py::object TakeEnd(LaneServer* server) {
  std::optional<LaneEnd> end = server->TakeEnd();
  if (!end) return py::none();
  const py::bytes text(end->text);
  return py::make_tuple(end->kind == LaneEnd::Kind::kNonsense,
                        text.attr("decode")("utf-8", "replace"));
}

void BindWork(py::module_& module) {
  py::class_<TakenWork>(module, "TakenWork", "What the thread of a hosted system is to do next.")
      .def_property_readonly("is_flush", &TakenWork::IsFlush, "Flush the system's queries.")
      .def_property_readonly("is_call", &TakenWork::IsCall, "The next of `push_call`.")
      .def_property_readonly("is_done", &TakenWork::IsDone, "All its queries have been issued.")
      .def_property_readonly("ids", &TakenWork::LastIds,
                             "The response ids of the query issued last, uint64 of shape (n,).")
      .def("issue", &TakenWork::Issue, py::arg("issue_query"),
           "Calls `issue_query(batch)` for each query that is left, until one raises; what that "
           "raises, this does. Those of a run that was given up are left out.");
}

void BindHostedSystem(py::module_& module) {
  py::class_<HeldPayload, std::shared_ptr<HeldPayload>>(
      module, "HeldPayload", py::buffer_protocol(), "A sample's payload as it came.")
      .def_buffer([](const HeldPayload& payload) {
        const network::Bytes parts = payload.parts();
        return py::buffer_info(reinterpret_cast<const uint8_t*>(parts.data()),
                               static_cast<py::ssize_t>(parts.size()));
      })
      .def_property_readonly(
          "data", [](const py::object& payload) { return py::memoryview(payload); },
          "Its parts, each padded to 8 bytes but for the last; read-only, and not copied.")
      .def_property_readonly(
          "layout", [](const HeldPayload& payload) { return py::bytes(payload.layout()); },
          "What its bytes mean: the JSON of qdl/wire/payload.py.");
  py::class_<HostedSystem, std::shared_ptr<HostedSystem>>(
      module, "HostedSystem",
      "What a system works on for the test of another process. One thread, the system's, takes.")
      .def(py::init<>())
      .def_property_readonly(
          "served", [](HostedSystem& system) { return system.served; },
          "Its samples, which it completes.")
      .def("issue", Issue, py::arg("keys"), py::arg("indices"), py::arg("queries"),
           py::arg("received_ns"),
           "Queues samples, uint64 of shape (n,) each: one query for each run of equal numbers in "
           "`queries`.")
      .def(
          "push_flush",
          [](HostedSystem& system) { system.work.Push({Work::Kind::kFlush, {}, {}}); },
          "Queues a flush.")
      .def(
          "push_call", [](HostedSystem& system) { system.work.Push({Work::Kind::kCall, {}, {}}); },
          "Queues a call, which the caller remembers.")
      .def("take", Take, py::arg("timeout_ms"),
           "What is to be done next; None if there is nothing for so long, or a signal came.")
      .def(
          "begin_run", [](HostedSystem& system) { system.payloads.BeginRun(); },
          "Another run begins: payloads of the one before stay until the next.")
      .def(
          "payload",
          [](HostedSystem& system, uint64_t index) {
            return std::const_pointer_cast<HeldPayload>(system.payloads.Find(index));
          },
          py::arg("index"), "The payload of a sample that came by a lane; None if there is none.");
}

}  // namespace

void BindNode(py::module_& module) {
  BindWork(module);
  BindHostedSystem(module);
  const auto without_gil = py::call_guard<py::gil_scoped_release>();
  py::class_<LaneServer>(module, "LaneServer",
                         "Reads samples from the lanes of load generators, and writes answers.")
      .def(py::init<std::shared_ptr<HostedSystem>>(), py::arg("system"))
      .def("listen", Listen, py::arg("address"),
           "Listens at tcp://host:port or unix://@name as well. Returns the address to connect to. "
           "Raises OSError.")
      .def(
          "begin_run",
          [](LaneServer& server, std::string secret, uint64_t max_payload_bytes,
             uint64_t max_answer_bytes, size_t max_unread_answers) {
            server.BeginRun(std::move(secret),
                            {max_payload_bytes, max_answer_bytes, max_unread_answers});
          },
          py::arg("secret"), py::arg("max_payload_bytes"), py::arg("max_answer_bytes"),
          py::arg("max_unread_answers"), without_gil,
          "Who proves the secret may open the lane of a run, once. It is given up when it leaves "
          "more than `max_unread_answers` unread.")
      .def("end_run", &LaneServer::EndRun, without_gil, "Closes the lane, and forgets the secret.")
      .def_property_readonly("last_received_ns", &LaneServer::last_received_ns,
                             "When its lane brought bytes last, monotonic clock; 0 without a lane.")
      .def("wait_for_end", &LaneServer::WaitForEnd, py::arg("timeout_ms"), without_gil,
           "Waits until all that was sent on the lane is read. False if it was not within that "
           "time.")
      .def("take_end", TakeEnd,
           "Why the lane ended before its run, once: whether it brought what cannot be read, and a "
           "text. None if it did not end.")
      .def("fileno", &LaneServer::fd, "Readable while `take_end` has something.");
}

}  // namespace mlperf::python
