// NumPy arrays as kernels need them: of one type, contiguous, as long as they must be. All else is
// a ValueError that names the argument.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_COMPRESS_ARRAYS_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_COMPRESS_ARRAYS_H_

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "grids.h"

namespace mlperf::python {

namespace py = pybind11;

// The array that `object` is: its type `dtype`, of `dimensions` dimensions and C-contiguous.
py::array CheckedArray(const py::object& object, const char* name, const py::dtype& dtype,
                       py::ssize_t dimensions);
void CheckSize(const char* name, size_t size, size_t needed);

// An argument to read.
template <typename Number>
class Input {
 public:
  Input(const py::object& object, const char* name)
      : array_(CheckedArray(object, name, py::dtype::of<Number>(), 1)) {}
  Input(const py::object& object, const char* name, size_t needed) : Input(object, name) {
    CheckSize(name, size(), needed);
  }
  const Number* data() const { return static_cast<const Number*>(array_.data()); }
  size_t size() const { return static_cast<size_t>(array_.size()); }

 private:
  py::array array_;
};

// A new array.
template <typename Number>
class Result {
 public:
  explicit Result(size_t size) : array_(static_cast<py::ssize_t>(size)) {}
  Number* data() { return array_.mutable_data(); }
  const py::array_t<Number>& array() const { return array_; }

 private:
  py::array_t<Number> array_;
};

// The number of weights that are NaN or infinite.
size_t NonFiniteCount(const Input<float>& weights);

// The array `out` of the caller.
class Output {
 public:
  explicit Output(const py::object& out);
  // A new one if it is None.
  Output(const py::object& out, size_t needed);
  size_t size() const { return static_cast<size_t>(array_.size()); }
  float* data() { return static_cast<float*>(array_.mutable_data()); }
  const py::array& array() const { return array_; }

 private:
  py::array array_;
};

// (lo, hi) of each range, for so many weights.
class InputRanges {
 public:
  InputRanges(const py::object& object, size_t count, size_t per_range);
  const compress::Range* data() const { return static_cast<const compress::Range*>(array_.data()); }

 private:
  py::array array_;
};

// The number of bits of a code, if it is one.
int CheckedBits(py::ssize_t bits, int least = 1);

// How many consecutive of `count` weights the argument `name` groups together; 0 means all.
size_t CheckedLength(const char* name, py::ssize_t length, size_t count);

// Work without the interpreter's lock.
template <typename Work>
void Unlocked(Work work) {
  const py::gil_scoped_release release;
  work();
}

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_COMPRESS_ARRAYS_H_
