// What each bind_<topic>.cc adds to the module.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_BIND_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_BIND_H_

#include <pybind11/pybind11.h>

namespace mlperf::python {

void BindSettings(pybind11::module_& module);  // Enums, TestSettings, LogSettings.
void BindResults(pybind11::module_& module);   // TestResult and its parts.
void BindRun(pybind11::module_& module);       // SUT, QSL, start_test, threads, abort.
void BindLogs(pybind11::module_& module);      // read_accuracy.

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_BIND_H_
