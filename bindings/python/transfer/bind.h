// The parts of the module that pybind11 makes, one topic a file.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_BIND_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_BIND_H_

#include <pybind11/pybind11.h>

namespace mlperf::python {

void BindPeer(pybind11::module_& module);
void BindEngine(pybind11::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_BIND_H_
