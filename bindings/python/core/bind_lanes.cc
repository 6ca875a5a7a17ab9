// The load generator's end of a test over lanes.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bind.h"
#include "deadline.h"
#include "lane_connect.h"
#include "lane_dispatcher.h"
#include "python_sut.h"
#include "record_array.h"

namespace mlperf::python {
namespace {

using network::Balance;
using network::DispatchLimits;
using network::LaneDispatcher;
using network::LaneEvent;
using network::TimingRow;

// While it waits for the dispatcher's thread, others may run Python.
using Unlocked = py::call_guard<py::gil_scoped_release>;

void DescribeRowsOnce() {
  static bool described = false;
  if (std::exchange(described, true)) return;
  PYBIND11_NUMPY_DTYPE(TimingRow, id, index, node, issued_ns, taken_ns, sent_ns, node_received_ns,
                       node_issued_ns, node_completed_ns, node_sent_ns, received_ns, completed_ns);
}

std::shared_ptr<LaneDispatcher> MakeDispatcher(size_t nodes, size_t max_outstanding,
                                               uint64_t max_outstanding_bytes, bool round_robin,
                                               uint64_t most_prepared_bytes) {
  return std::make_shared<LaneDispatcher>(
      nodes, DispatchLimits{max_outstanding, max_outstanding_bytes},
      round_robin ? Balance::kRoundRobin : Balance::kLeastOutstanding, most_prepared_bytes);
}

void Connect(LaneDispatcher* dispatcher, uint32_t node, const std::string& name,
             const std::string& address, const std::string& secret, uint64_t max_payload_bytes,
             uint64_t max_answer_bytes, bool share_memory, double timeout_s) {
  transfer::Descriptor socket;
  const std::shared_ptr<network::Arena> arena = share_memory ? dispatcher->arena(true) : nullptr;
  const transfer::Status status = network::ConnectLane(address, secret, arena.get(),
                                                       transfer::DeadlineAfter(timeout_s), &socket);
  if (!status.ok()) throw std::runtime_error(status.message);
  dispatcher->Open(node, name, std::move(socket), max_payload_bytes, max_answer_bytes,
                   arena != nullptr);
}

py::array TakeRows(LaneDispatcher* dispatcher) {
  DescribeRowsOnce();
  return AsArray(dispatcher->TakeRows());
}

py::array Lose(LaneDispatcher* dispatcher, uint32_t node) {
  return AsArray(dispatcher->Lose(node));
}

py::list TakeEvents(LaneDispatcher* dispatcher) {
  py::list events;
  for (LaneEvent& event : dispatcher->TakeEvents()) {
    events.append(py::make_tuple(static_cast<uint32_t>(event.kind), event.node,
                                 AsArray(std::move(event.ids)), py::bytes(event.text),
                                 event.count));
  }
  return events;
}

// `parts`: contiguous buffers of bytes.
bool Prepare(LaneDispatcher* dispatcher, uint64_t index, std::string_view layout,
             const std::vector<py::buffer>& parts, uint64_t payload_bytes) {
  std::vector<py::buffer_info> infos;
  std::vector<network::PreparedSamples::Part> spans;
  for (const py::buffer& part : parts) {
    infos.push_back(part.request());
    spans.emplace_back(static_cast<const std::byte*>(infos.back().ptr),
                       static_cast<size_t>(infos.back().size * infos.back().itemsize));
  }
  const py::gil_scoped_release unlocked;
  return dispatcher->Prepare(index, layout, spans, payload_bytes);
}

}  // namespace

void BindLanes(py::module_& module) {
  py::class_<LaneDispatcher, std::shared_ptr<LaneDispatcher>>(
      module, "LaneDispatcher",
      "Sends the queries of a test to nodes over lanes, and completes what they answer, without "
      "the "
      "interpreter's lock. Nodes have numbers below `nodes`.")
      .def(py::init(&MakeDispatcher), py::arg("nodes"), py::arg("max_outstanding"),
           py::arg("max_outstanding_bytes"), py::arg("round_robin"), py::arg("most_prepared_bytes"))
      .def("connect", Connect, Unlocked(), py::arg("node"), py::arg("name"), py::arg("address"),
           py::arg("secret"), py::arg("max_payload_bytes"), py::arg("max_answer_bytes"),
           py::arg("share_memory"), py::arg("timeout_s"),
           "Opens the lane to a node, which can be used from then on. `name`: its address, for "
           "texts. `address`: \"tcp://HOST:PORT\" or \"unix://@NAME\" of the lane. "
           "`share_memory`: large payloads lie where the node reads them, over \"unix://\" alone. "
           "Raises RuntimeError if it cannot be opened.")
      .def("lose", Lose, py::arg("node"),
           "The node is lost. Returns the ids of the samples it had: uint64 of shape (n,).")
      .def("set_clock_offset", &LaneDispatcher::SetClockOffset, Unlocked(), py::arg("node"),
           py::arg("offset_ns"), "The node's clock minus this machine's.")
      .def("answered_by", &LaneDispatcher::AnsweredBy, Unlocked(), py::arg("node"),
           "How many samples a node has answered.")
      .def("flush", &LaneDispatcher::Flush, Unlocked(),
           "Passes a flush on after the queries before it, and forgets the payloads, unless "
           "`keep_payloads` was called.")
      .def("dispatch", &LaneDispatcher::Dispatch, Unlocked(),
           "Sends what waits, as far as nodes have room and payloads are prepared.")
      .def("wanted", &LaneDispatcher::Wanted, Unlocked(), py::arg("most"),
           "Indices of samples that wait for their payloads, at most `most`.")
      .def("prepare", Prepare, py::arg("index"), py::arg("layout"), py::arg("parts"),
           py::arg("payload_bytes"),
           "Copies the payload of a sample: the text of its layout, and the bytes of its parts. "
           "Returns False if it is there for one use alone, because no room is left to keep it.")
      .def("refuse", &LaneDispatcher::Refuse, Unlocked(), py::arg("index"), py::arg("reason"),
           "A sample cannot be sent: its queries fail.")
      .def("keep_payloads", &LaneDispatcher::KeepPayloads, Unlocked(),
           "Samples were loaded: payloads stay at a flush until `forget_payloads`.")
      .def("forget_payloads", &LaneDispatcher::ForgetPayloads, Unlocked(),
           "The samples were unloaded.")
      .def("fileno", &LaneDispatcher::fd,
           "Readable while there are events, many rows, or payloads are wanted.")
      .def("take_events", TakeEvents,
           "What happened since: kind (0 failed, 1 refused, 2 a fault, 3 answers to unknown "
           "samples, "
           "4 AbortTest was called, 5 the lane broke), node, ids, text and count of each.")
      .def("take_rows", TakeRows, "The times of the samples that were completed since, as records.")
      .def("cease", &LaneDispatcher::Cease, Unlocked(), "Nothing is sent or completed any more.")
      .def("finish", &LaneDispatcher::Finish, Unlocked(),
           "As `cease`, and the nodes hear that nothing follows.")
      .def("stop", &LaneDispatcher::Stop, Unlocked(), "Ends its thread and closes the lanes.");
}

}  // namespace mlperf::python
