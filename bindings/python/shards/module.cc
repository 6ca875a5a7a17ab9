// The extension module _shards: samples from tar shards.
#include <pybind11/pybind11.h>

#include "conversions.h"
#include "sample.h"
#include "sample_library.h"
#include "tar_stream.h"

PYBIND11_MODULE(_shards, module) {
  module.doc() = "Native part of mlperf_loadgen.data.";
  mlperf::python::BindConversions(module);
  mlperf::python::BindSample(module);
  mlperf::python::BindSampleLibrary(module);
  mlperf::python::BindTarStream(module);
}
