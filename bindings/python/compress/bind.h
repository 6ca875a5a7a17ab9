// The parts of the module, one topic a file.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_COMPRESS_BIND_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_COMPRESS_BIND_H_

#include <pybind11/pybind11.h>

namespace mlperf::python {

void BindCpuPath(pybind11::module_& module);
void BindPacking(pybind11::module_& module);
void BindRanges(pybind11::module_& module);
void BindZero(pybind11::module_& module);
void BindLsq(pybind11::module_& module);
void BindGroups(pybind11::module_& module);
void BindNoise(pybind11::module_& module);
void BindBitWidths(pybind11::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_COMPRESS_BIND_H_
