// The extension module: one bind_<topic>.cc each, and the hot types.
#include <pybind11/pybind11.h>

#include <exception>
#include <string>
#include <system_error>

#include "bind.h"
#include "completions.h"
#include "hooks.h"
#include "pickling.h"
#include "write/version.h"

PYBIND11_MODULE(_core, module) {
  module.doc() = "Native part of mlperf_loadgen.";
  const std::string version(mlperf::loadgen::Version());
  module.attr("__version__") = version.substr(0, version.find(' '));
  pybind11::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::system_error& error) {
      const pybind11::tuple arguments = pybind11::make_tuple(error.code().value(), error.what());
      PyErr_SetObject(PyExc_OSError, arguments.ptr());
    }
  });
  mlperf::python::BindHooks(module);
  mlperf::python::BindSettings(module);
  mlperf::python::BindRun(module);
  mlperf::python::BindLanes(module);
  mlperf::python::BindNetwork(module);
  mlperf::python::BindNode(module);
  mlperf::python::BindLogs(module);
  mlperf::python::BindPeak(module);
  mlperf::python::BindProgress(module);
  mlperf::python::BindPickling(module);
  if (!mlperf::python::AddHotTypes(module.ptr())) throw pybind11::error_already_set();
  mlperf::python::BindResultsLater(module);
}
