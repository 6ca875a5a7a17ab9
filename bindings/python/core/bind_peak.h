#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_BIND_PEAK_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_BIND_PEAK_H_

#include <pybind11/pybind11.h>

#include "conduct/peak_trials.h"

namespace mlperf::python {

namespace py = pybind11;

// `options` as start_test gets them from find_peak. Used and destroyed with the GIL held.
loadgen::PeakSearchHooks PeakHooksFrom(const py::dict& options);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_BIND_PEAK_H_
