// What types on the plain CPython API are made of: integers from Python, and an empty type to fill.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_PLAIN_TYPES_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_PLAIN_TYPES_H_

#include <Python.h>

#include <cstddef>
#include <cstdint>

namespace mlperf::python {

// Integers from Python: anything with __index__. False with a TypeError set, naming `what`, for
// other objects and numbers out of range; with any other exception that __index__ raises.
bool ToUnsigned(PyObject* value, const char* what, uint64_t* out);
bool ToSigned(PyObject* value, const char* what, int64_t* out);
// Either of the two, as the 64 bits it has.
bool ToWord(PyObject* value, const char* what, uint64_t* out);

// A type of objects of `size` bytes that has no attributes yet.
PyTypeObject MakeType(const char* name, size_t size, const char* doc);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_PLAIN_TYPES_H_
