// The class Region of Python: memory that peers may reach, and a view of it.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_PYTHON_REGION_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_PYTHON_REGION_H_

#include <pybind11/pybind11.h>

#include <memory>

#include "engine.h"

namespace mlperf::python {

namespace py = pybind11;

py::object NewRegion(std::shared_ptr<transfer::Region> region);

// The region of a Python object; null with a TypeError set, naming `function`, if it is none.
const std::shared_ptr<transfer::Region>* RegionOf(PyObject* object, const char* function);

// Registers the memory of an object with a buffer or of a tensor in CPU memory, which stays alive.
py::object Register(transfer::Engine& engine, const py::object& buffer, transfer::Access access);

void BindRegion(py::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_PYTHON_REGION_H_
