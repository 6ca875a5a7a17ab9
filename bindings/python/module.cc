// The extension module: one bind_<topic>.cc each, and the hot types.
#include <pybind11/pybind11.h>

#include "bind.h"
#include "completions.h"

PYBIND11_MODULE(_core, module) {
  module.doc() = "Native part of mlperf_loadgen.";
  mlperf::python::BindSettings(module);
  mlperf::python::BindRun(module);
  mlperf::python::BindLogs(module);
  if (!mlperf::python::AddHotTypes(module.ptr())) throw pybind11::error_already_set();
  mlperf::python::BindResultsLater(module);
}
