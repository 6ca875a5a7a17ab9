// SampleLibrary: the samples of shards, found at once and loaded in sets.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_SHARDS_SAMPLE_LIBRARY_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_SHARDS_SAMPLE_LIBRARY_H_

#include <pybind11/pybind11.h>

namespace mlperf::python {

void BindSampleLibrary(pybind11::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_SHARDS_SAMPLE_LIBRARY_H_
