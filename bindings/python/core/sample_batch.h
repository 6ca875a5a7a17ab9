// SampleBatch, the samples of one query: a sequence of QuerySample over a native array. What a list
// can do beyond that, it does by becoming a list: the first such use makes the objects, and they
// stay.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_SAMPLE_BATCH_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_SAMPLE_BATCH_H_

#include <Python.h>

#include <cstddef>
#include <vector>

#include "query_sample.h"

namespace mlperf::python {

struct BatchObject {
  PyVarObject head;
  PyObject* list;                  // The samples as objects, once someone needed them; else null.
  const QuerySample* samples;      // Py_SIZE of them: in `copied` or in `kept`.
  std::vector<QuerySample>* kept;  // Null: copied.
  QuerySample copied[1];
};

extern PyTypeObject BatchType;
extern PyTypeObject BatchIteratorType;

// Each returns a new reference, or null with a Python exception set.
PyObject* NewSampleBatch(const QuerySample* samples, size_t count);
PyObject* NewSampleBatch(std::vector<QuerySample> samples);  // Kept, not copied.

bool IsSampleBatch(PyObject* object);

// One field of all samples of a batch as a NumPy array that keeps the batch alive; a new reference.
// `field_offset`: of the field in QuerySample.
PyObject* ViewOfBatch(PyObject* batch, size_t field_offset);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_SAMPLE_BATCH_H_
