// Slices from Python: the rows of an (n, 3) array of integers, or a sequence of triples.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_SLICES_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_SLICES_H_

#include <Python.h>

#include <span>
#include <vector>

#include "buffer.h"
#include "engine.h"

namespace mlperf::python {

// Rows of a C-contiguous array of 64-bit integers are used where they lie; all others are copied.
class Slices {
 public:
  // False with an exception set: TypeError for what holds no integers, ValueError for another
  // shape, IndexError for negative numbers. The lock is held, here and at the end of the scope.
  bool Read(PyObject* object);
  std::span<const transfer::Slice> rows() const { return rows_; }

 private:
  bool ReadArray();
  bool ReadSequence(PyObject* object);
  bool AddRow(PyObject* row, Py_ssize_t index);

  Buffer buffer_;
  std::vector<transfer::Slice> copied_;
  std::span<const transfer::Slice> rows_;
};

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_SLICES_H_
