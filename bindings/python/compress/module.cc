// The extension module _compress: weights as few bits and back.
#include <pybind11/pybind11.h>

#include "bind.h"

PYBIND11_MODULE(_compress, module) {
  module.doc() = "Native part of mlperf_loadgen.compress.";
  mlperf::python::BindCpuPath(module);
  mlperf::python::BindPacking(module);
  mlperf::python::BindRanges(module);
  mlperf::python::BindZero(module);
  mlperf::python::BindLsq(module);
  mlperf::python::BindGroups(module);
  mlperf::python::BindNoise(module);
  mlperf::python::BindBitWidths(module);
}
