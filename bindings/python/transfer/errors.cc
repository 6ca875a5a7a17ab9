#include "errors.h"

namespace mlperf::python {
namespace {

using namespace py::literals;
using transfer::Status;
using transfer::StatusCode;

// Functions that give classes and functions of the package, in a dict that lives as long as the
// process.
py::handle& Hooks() {
  static py::handle hooks = py::dict().release();
  return hooks;
}

py::object ClassOf(StatusCode code) {
  switch (code) {
    case StatusCode::kInvalid:
      return py::reinterpret_borrow<py::object>(PyExc_ValueError);
    case StatusCode::kOutOfBounds:
      return py::reinterpret_borrow<py::object>(PyExc_IndexError);
    case StatusCode::kTimeout:
      return py::reinterpret_borrow<py::object>(PyExc_TimeoutError);
    case StatusCode::kRefused:
      return Hooks()["refused"]();
    case StatusCode::kPeerLost:
      return Hooks()["peer_lost"]();
    default:
      return Hooks()["transfer_error"]();
  }
}

}  // namespace

PyObject* SetError(const Status& status) {
  try {
    PyErr_SetString(ClassOf(status.code).ptr(), status.message.c_str());
  } catch (py::error_already_set& error) {
    error.restore();
  }
  return nullptr;
}

void Check(const Status& status) {
  if (status.ok()) return;
  SetError(status);
  throw py::error_already_set();
}

PyObject* ErrorOf(const Status& status) {
  if (status.ok()) return Py_NewRef(Py_None);
  try {
    return ClassOf(status.code)(status.message).release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
    return nullptr;
  }
}

py::object AwaitedHook() { return Hooks()["awaited"](); }

void BindErrors(py::module_& module) {
  module.def(
      "set_hooks",
      [](const py::function& transfer_error, const py::function& peer_lost,
         const py::function& refused, const py::function& awaited) {
        Hooks().attr("update")("transfer_error"_a = transfer_error, "peer_lost"_a = peer_lost,
                               "refused"_a = refused, "awaited"_a = awaited);
      },
      "transfer_error"_a, "peer_lost"_a, "refused"_a, "awaited"_a,
      "Takes functions without arguments, each of which gives the class or function that its name "
      "says.");
}

}  // namespace mlperf::python
