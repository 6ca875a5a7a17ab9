// The class RemoteRegion of Python: a peer's memory, to read and to write.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_PYTHON_REMOTE_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_PYTHON_REMOTE_H_

#include <pybind11/pybind11.h>

#include <memory>

#include "engine.h"

namespace mlperf::python {

namespace py = pybind11;

// It keeps `owner` alive, on which its engine hangs.
py::object NewRemote(std::shared_ptr<transfer::RemoteRegion> remote, py::handle owner);

void BindRemote(py::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_PYTHON_REMOTE_H_
