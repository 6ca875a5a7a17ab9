// Values as arrays of records or numbers.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_RECORD_ARRAY_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_RECORD_ARRAY_H_

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <utility>
#include <vector>

namespace mlperf::python {

namespace py = pybind11;

// An array, of shape (n,), that owns the values. Records must have been described to pybind11
// (PYBIND11_NUMPY_DTYPE).
template <typename Value>
py::array AsArray(std::vector<Value> values) {
  auto owner = std::make_unique<std::vector<Value>>(std::move(values));
  const Value* first = owner->data();
  const auto size = static_cast<py::ssize_t>(owner->size());
  const py::capsule keeper(owner.get(),
                           [](void* vector) { delete static_cast<std::vector<Value>*>(vector); });
  owner.release();
  return py::array(py::dtype::of<Value>(), {size}, {}, first, keeper);
}

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_RECORD_ARRAY_H_
