// How calls and operations ended, as Python exceptions. The package gives the classes, so that no
// C++ file names a Python module.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_ERRORS_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_ERRORS_H_

#include <pybind11/pybind11.h>

#include "status.h"

namespace mlperf::python {

namespace py = pybind11;

// Sets the exception of a status that is not kOk; returns null, as CPython's functions do.
PyObject* SetError(const transfer::Status& status);

// Throws that exception; nothing if the status is kOk.
void Check(const transfer::Status& status);

// A new reference to the exception, or to None; null with an exception set if it cannot be made.
PyObject* ErrorOf(const transfer::Status& status);

// What the package has for `await op`: a function from an operation to an iterator.
py::object AwaitedHook();

void BindErrors(py::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_ERRORS_H_
