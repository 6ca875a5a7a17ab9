// The class Engine, and the list of providers.
#include <pybind11/stl.h>

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "announcements.h"
#include "bind.h"
#include "engine.h"
#include "errors.h"
#include "interruptible.h"
#include "late_release.h"
#include "plain.h"
#include "providers.h"
#include "python_region.h"

namespace mlperf::python {
namespace {

using namespace py::literals;
using transfer::Access;
using transfer::Engine;
using transfer::Immediate;
using transfer::Peer;
using transfer::Status;
using transfer::StatusCode;

// As the rows of the package's IMM.
static_assert(sizeof(Immediate) == 24 && offsetof(Immediate, imm) == 8 &&
              offsetof(Immediate, received_ns) == 16);

std::shared_ptr<Engine> Start(const std::string& bind,
                              const std::optional<std::vector<std::string>>& providers,
                              const std::optional<py::bytes>& secret, bool insecure, double spin_us,
                              uint32_t max_peers) {
  transfer::EngineOptions options;
  options.bind = bind;
  if (providers) options.providers = *providers;
  if (secret) options.secret = *secret;
  options.insecure = insecure;
  options.spin_us = spin_us;
  options.max_peers = max_peers;
  std::shared_ptr<Engine> engine;
  Status status;
  {
    const py::gil_scoped_release release;
    status = Engine::Start(options, &engine);
  }
  Check(status);
  return engine;
}

Access AccessOf(const py::object& access) {
  uint64_t bits = 0;
  if (!ToUnsigned(access.ptr(), "access", 3, PyExc_ValueError, &bits)) {
    throw py::error_already_set();
  }
  if (bits == 0) throw py::value_error("access is 0: it must be READ, WRITE or both");
  return static_cast<Access>(bits);
}

py::object Allocate(Engine& engine, const py::object& nbytes, const py::object& access) {
  uint64_t size = 0;
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (!ToUnsigned(nbytes.ptr(), "nbytes", kMost, PyExc_ValueError, &size)) {
    throw py::error_already_set();
  }
  std::shared_ptr<transfer::Region> region;
  const Access allowed = AccessOf(access);
  Status status;
  {
    const py::gil_scoped_release release;
    status = engine.Allocate(size, allowed, &region);
  }
  Check(status);
  return NewRegion(std::move(region));
}

py::object RegisterBuffer(Engine& engine, const py::object& buffer, const py::object& access) {
  return Register(engine, buffer, AccessOf(access));
}

double Seconds(const py::object& value) {
  double seconds = 0;
  if (!ToSeconds(value.ptr(), &seconds)) throw py::error_already_set();
  return seconds;
}

// Waits with `call(timeout_s)` until it returns anything but kTimeout, or the time is over.
template <typename Call>
Status WaitFor(double timeout_s, const Call& call) {
  Interruptible wait(timeout_s);
  Status status = wait.Turn(call);
  while (status.code == StatusCode::kTimeout && wait.GoesOn()) status = wait.Turn(call);
  if (wait.is_interrupted()) throw py::error_already_set();
  return status;
}

std::shared_ptr<Peer> Connect(Engine& engine, const std::string& address,
                              const py::object& timeout_s) {
  std::shared_ptr<Peer> peer;
  const double seconds = Seconds(timeout_s);
  Status status;
  {
    const py::gil_scoped_release release;
    status = engine.Connect(address, seconds, &peer);
  }
  Check(status);
  return peer;
}

std::shared_ptr<Peer> Accept(Engine& engine, const py::object& timeout_s) {
  std::shared_ptr<Peer> peer;
  Check(WaitFor(Seconds(timeout_s), [&](double turn_s) { return engine.Accept(turn_s, &peer); }));
  return peer;
}

py::bytearray TakeImms(Engine& engine, const py::object& timeout_s) {
  ReleaseLate();
  std::vector<Immediate> taken;
  const Status status = WaitFor(
      Seconds(timeout_s), [&](double turn_s) { return engine.TakeImmediates(turn_s, &taken); });
  if (status.code != StatusCode::kTimeout) Check(status);
  return {reinterpret_cast<const char*>(taken.data()), taken.size() * sizeof(Immediate)};
}

bool AnnounceImms(Engine& engine, std::shared_ptr<Announcements> announcements,
                  const py::object& token) {
  const auto announcement = std::make_shared<Announcement>(std::move(announcements), token);
  return engine.OnImmediate([announcement] { announcement->Make(); });
}

py::list ListProviders() {
  py::list rows;
  for (const transfer::ProviderInfo& info : transfer::ListProviders()) {
    rows.append(py::make_tuple(info.name, info.usable, info.why, info.version, info.tested));
  }
  return rows;
}

}  // namespace

void BindEngine(py::module_& module) {
  py::class_<Engine, std::shared_ptr<Engine>>(module, "Engine",
                                              "What mlperf_loadgen.transfer.Engine is made of.")
      .def(py::init(&Start), "bind"_a, "providers"_a, "secret"_a, "insecure"_a, "spin_us"_a,
           "max_peers"_a)
      .def_property_readonly("address", &Engine::address,
                             "Where peers connect, with the port that was taken.")
      .def_property_readonly(
          "providers", [](const Engine& engine) { return py::tuple(py::cast(engine.providers())); },
          "The names of the providers that it offers, in the order of preference.")
      .def(
          "allocate", Allocate, "nbytes"_a, "access"_a = 3,
          "New memory of zeros, which peers on this machine can map. Raises ValueError or "
          "TypeError for a size or an access that is none, OSError or TransferError if there is no "
          "memory.")
      .def(
          "register", RegisterBuffer, "buffer"_a, "access"_a = 3,
          "Registers the memory of an array, of a torch tensor in CPU memory or of any object with "
          "a buffer, without a copy; the object stays alive as long as it is needed. Raises "
          "ValueError if it is read-only or not contiguous, and TypeError if it has no buffer.")
      .def("connect", Connect, "address"_a, "timeout_s"_a = 5.0, py::keep_alive<0, 1>(),
           "Connects to the engine at an address. Raises ValueError if it is none, TimeoutError, "
           "and TransferError if the other end lets this one not in or there is none.")
      .def("accept", Accept, "timeout_s"_a = 5.0, py::keep_alive<0, 1>(),
           "The next peer that connected. It is served whether or not it is taken here. Raises "
           "TimeoutError if none comes.")
      .def("take_imms", TakeImms, "timeout_s"_a, "The bytes of what `imms` returns.")
      .def("announce_imms", AnnounceImms, "announcements"_a, "token"_a,
           "Has the token announced once immediates wait or the engine closes; False: some wait, "
           "or it is closed.")
      .def("fileno", &Engine::event_descriptor,
           "A descriptor that is readable while immediates or peers wait to be taken.")
      .def(
          "close",
          [](Engine& engine) {
            {
              const py::gil_scoped_release release;
              engine.Close();
            }
            ReleaseLate();
          },
          "Ends its connections and fails what is outstanding. Memory stays with its views. "
          "Closing "
          "twice is fine.");
  module.def("providers", ListProviders,
             "(name, usable, why, version, tested) of each provider, in the order of preference.");
}

}  // namespace mlperf::python
