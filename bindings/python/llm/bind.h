// The parts of the module, one topic a file.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_LLM_BIND_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_LLM_BIND_H_

#include <pybind11/pybind11.h>

namespace mlperf::python {

void BindAnswers(pybind11::module_& module);
void BindClient(pybind11::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_LLM_BIND_H_
