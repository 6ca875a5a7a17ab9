// What callbacks return and would never run: coroutines and generators.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_UNAWAITED_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_UNAWAITED_H_

#include <Python.h>

namespace mlperf::python {

// False with a TypeError set, naming `callback` and what to do instead, if `returned` does
// something only when it is awaited or iterated over. With the GIL held.
bool IsDone(PyObject* returned, const char* callback, const char* fix);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_UNAWAITED_H_
