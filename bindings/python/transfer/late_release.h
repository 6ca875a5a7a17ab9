// Python objects that C++ threads let go of. The engine's threads never take the interpreter's
// lock: a program that computes under it would hold them up, and one that ends would never give it.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_LATE_RELEASE_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_LATE_RELEASE_H_

#include <Python.h>

namespace mlperf::python {

// Any thread, with the lock or without: the reference is given up by the next thread that holds the
// lock and calls ReleaseLate, or soon by the main thread.
void ReleaseSoon(PyObject* object);

// Gives up what is due. The lock is held.
void ReleaseLate();

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_LATE_RELEASE_H_
