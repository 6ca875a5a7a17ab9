// The extension module _llm: a client of OpenAI-compatible endpoints.
#include <pybind11/pybind11.h>

#include "bind.h"

PYBIND11_MODULE(_llm, module) {
  module.doc() = "Native part of mlperf_loadgen.llm.";
  mlperf::python::BindAnswers(module);
  mlperf::python::BindClient(module);
}
