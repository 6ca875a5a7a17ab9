// Completing a whole batch, or its first tokens, from arrays.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_COMPLETE_ARRAYS_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_COMPLETE_ARRAYS_H_

#include <Python.h>

namespace mlperf::python {

// The Python function complete(ids, data=None, n_tokens=None).
PyObject* Complete(PyObject* module, PyObject* const* values, Py_ssize_t n_values, PyObject* names);

// The Python function first_token(ids, data=None).
PyObject* FirstToken(PyObject* module, PyObject* const* values, Py_ssize_t n_values,
                     PyObject* names);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_COMPLETE_ARRAYS_H_
