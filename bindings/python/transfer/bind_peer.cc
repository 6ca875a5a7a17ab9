// The class Peer: opening regions, messages.
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "bind.h"
#include "engine.h"
#include "errors.h"
#include "plain.h"
#include "python_op.h"
#include "python_region.h"
#include "python_remote.h"

namespace mlperf::python {
namespace {

using namespace py::literals;
using transfer::Op;
using transfer::Peer;
using transfer::Region;

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kMostTag = std::numeric_limits<uint32_t>::max();

uint64_t Unsigned(const py::object& value, const char* what, uint64_t most, PyObject* error) {
  uint64_t number = 0;
  if (!ToUnsigned(value.ptr(), what, most, error, &number)) throw py::error_already_set();
  return number;
}

// Of a message: what is left of the region after `offset` unless `nbytes` is given.
uint64_t MessageBytes(const Region& region, uint64_t offset, const py::object& nbytes) {
  if (!nbytes.is_none()) return Unsigned(nbytes, "nbytes", kMost, PyExc_IndexError);
  if (offset <= region.nbytes()) return region.nbytes() - offset;
  throw py::index_error("offset " + std::to_string(offset) + " lies outside of the region of " +
                        std::to_string(region.nbytes()) + " bytes");
}

using Call = transfer::Status (Peer::*)(const std::shared_ptr<Region>&, uint64_t, uint64_t,
                                        uint32_t, std::shared_ptr<Op>*);

template <Call kCall>
py::object Message(const py::object& self, const py::object& local, const py::object& offset,
                   const py::object& nbytes, const py::object& tag) {
  const auto* const region = RegionOf(local.ptr(), "a message");
  if (region == nullptr) throw py::error_already_set();
  const uint64_t start = Unsigned(offset, "offset", kMost, PyExc_IndexError);
  const uint64_t size = MessageBytes(**region, start, nbytes);
  const auto word = static_cast<uint32_t>(Unsigned(tag, "tag", kMostTag, PyExc_ValueError));
  auto& peer = self.cast<Peer&>();
  std::shared_ptr<Op> op;
  transfer::Status status;
  {
    const py::gil_scoped_release release;
    status = (peer.*kCall)(*region, start, size, word, &op);
  }
  Check(status);
  return py::reinterpret_steal<py::object>(NewOp(std::move(op), self.ptr()));
}

py::object Open(const py::object& self, const py::bytes& descriptor) {
  auto& peer = self.cast<Peer&>();
  std::shared_ptr<transfer::RemoteRegion> remote;
  transfer::Status status;
  {
    const std::string_view text = descriptor;
    const py::gil_scoped_release release;
    status = peer.Open(text, &remote);
  }
  Check(status);
  return NewRemote(std::move(remote), self);
}

}  // namespace

void BindPeer(py::module_& module) {
  py::class_<Peer, std::shared_ptr<Peer>>(module, "Peer", "The other end of a connection.")
      .def_property_readonly("number", &Peer::number,
                             "Its number among the peers of this engine, as in `Engine.imms`.")
      .def_property_readonly("address", &Peer::address, "Where it is.")
      .def_property_readonly("provider", &Peer::provider,
                             "What moves the bytes of reads and writes: \"shm\", \"tcp\", ...")
      .def_property_readonly("alive", &Peer::alive, "Whether the connection stands.")
      .def(
          "open", Open, "descriptor"_a,
          "Opens a region of the peer. Raises ValueError for what is no descriptor, Refused if the "
          "peer has no such region or the key is wrong, PeerLost and TimeoutError.")
      .def("send", Message<&Peer::Send>, "local"_a, "offset"_a = 0, "nbytes"_a = py::none(),
           "tag"_a = 0,
           "Sends a part of a region, by default all after `offset`, as one message to the receive "
           "that the peer posts with this tag (0 to 2**32 - 1). The operation is done when the "
           "peer's engine has the message; above 64 KiB that is once it is received. Raises "
           "IndexError, ValueError and PeerLost.")
      .def(
          "recv", Message<&Peer::Receive>, "local"_a, "offset"_a = 0, "nbytes"_a = py::none(),
          "tag"_a = 0,
          "Receives the next message with this tag into a part of a region. A longer message fails "
          "the operation with TransferError, and nothing is written. Raises IndexError, ValueError "
          "and PeerLost.")
      .def("close", &Peer::Close, py::call_guard<py::gil_scoped_release>(),
           "Ends the connection: once it returned, its operations have failed with PeerLost and "
           "nothing more is written to local memory. Closing twice is fine.");
}

}  // namespace mlperf::python
