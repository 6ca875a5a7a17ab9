// Completing samples from Python: QuerySamplesComplete, FirstTokenComplete and complete.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_COMPLETIONS_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_COMPLETIONS_H_

#include <Python.h>

namespace mlperf::python {

// Adds the sample types and the completion functions to `module`. False with a Python exception
// set on failure.
bool AddHotTypes(PyObject* module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_COMPLETIONS_H_
