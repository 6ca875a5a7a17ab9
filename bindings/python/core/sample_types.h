// QuerySample and QuerySampleResponse, which every query touches, on the plain CPython API: a
// general binding layer costs more for each of them than a whole query should.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_SAMPLE_TYPES_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_SAMPLE_TYPES_H_

#include <Python.h>

#include <cstdint>

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

extern PyTypeObject SampleType;
extern PyTypeObject ResponseType;

// Each returns a new reference, or null with a Python exception set.
PyObject* NewSample(const QuerySample& sample);
PyObject* NewResponse(const QuerySampleResponse& response);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_SAMPLE_TYPES_H_
