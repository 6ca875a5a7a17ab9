// The Python types that every query touches, written on the plain CPython API: a general binding
// layer costs more for each of them than a whole query should.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_SAMPLE_TYPES_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_SAMPLE_TYPES_H_

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "query_sample.h"

namespace mlperf::python {

struct SampleObject {
  PyObject head;
  uint64_t id;
  uint64_t index;
};

struct ResponseObject {
  PyObject head;
  uint64_t id;
  uint64_t data;
  uint64_t size;
  int64_t n_tokens;
};

struct BatchObject {
  PyVarObject head;
  PyObject* list;                  // The samples as objects, once someone needed them; else null.
  const QuerySample* samples;      // Py_SIZE of them: in `copied` or in `kept`.
  std::vector<QuerySample>* kept;  // Null: copied.
  QuerySample copied[1];
};

extern PyTypeObject SampleType;
extern PyTypeObject ResponseType;
extern PyTypeObject BatchType;
extern PyTypeObject BatchIteratorType;

// Each returns a new reference, or null with a Python exception set.
PyObject* NewSampleBatch(const QuerySample* samples, size_t count);
PyObject* NewSampleBatch(std::vector<QuerySample> samples);  // Kept, not copied.
PyObject* NewResponse(const QuerySampleResponse& response);

bool IsSampleBatch(PyObject* object);

// One field of all samples of a batch as a NumPy array that keeps the batch alive; a new reference.
// `field_offset`: of the field in QuerySample.
PyObject* ViewOfBatch(PyObject* batch, size_t field_offset);

// Integers from Python: anything with __index__. False with a TypeError set, naming `what`, for
// other objects and numbers out of range; with any other exception that __index__ raises.
bool ToUnsigned(PyObject* value, const char* what, uint64_t* out);
bool ToSigned(PyObject* value, const char* what, int64_t* out);
// Either of the two, as the 64 bits it has.
bool ToWord(PyObject* value, const char* what, uint64_t* out);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_SAMPLE_TYPES_H_
