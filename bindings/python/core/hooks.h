// What the package registers for this module to use, so that no C++ file names a Python module.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_CORE_HOOKS_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_CORE_HOOKS_H_

#include <pybind11/pybind11.h>

namespace mlperf::python {

namespace py = pybind11;

// "describe", "read_samples": functions; "config_warning", "logs_overwritten_warning": categories.
// Imports what is asked for, if that was not done.
py::object Hook(const char* name);

void BindHooks(py::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_CORE_HOOKS_H_
