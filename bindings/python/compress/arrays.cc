#include "arrays.h"

#include <algorithm>
#include <cmath>

namespace mlperf::python {
namespace {

[[noreturn]] void Refuse(const char* name, const std::string& fault) {
  throw py::value_error(std::string(name) + ": " + fault);
}

std::string Text(const py::handle& object) { return py::str(object); }

}  // namespace

py::array CheckedArray(const py::object& object, const char* name, const py::dtype& dtype,
                       py::ssize_t dimensions) {
  if (!py::isinstance<py::array>(object)) {
    Refuse(name, "it is a " + Text(py::type::of(object).attr("__name__")) +
                     ", but must be a numpy.ndarray");
  }
  auto array = py::reinterpret_borrow<py::array>(object);
  if (!array.dtype().equal(dtype)) {
    Refuse(name, "its dtype is " + Text(array.dtype()) + ", but must be " + Text(dtype));
  }
  if (array.ndim() != dimensions) {
    Refuse(name, "its shape is " + Text(array.attr("shape")) + ", but it must have " +
                     std::to_string(dimensions) + (dimensions == 1 ? " dimension" : " dimensions"));
  }
  constexpr int kNeeded = int{py::array::c_style} | int{py::detail::npy_api::NPY_ARRAY_ALIGNED_};
  if ((array.flags() & kNeeded) != kNeeded) {
    Refuse(name, "it is not contiguous in memory; pass numpy.ascontiguousarray of it");
  }
  return array;
}

void CheckSize(const char* name, size_t size, size_t needed) {
  if (size == needed) return;
  Refuse(name,
         "it has " + std::to_string(size) + " elements, but must have " + std::to_string(needed));
}

size_t NonFiniteCount(const Input<float>& weights) {
  return static_cast<size_t>(std::count_if(weights.data(), weights.data() + weights.size(),
                                           [](float weight) { return !std::isfinite(weight); }));
}

Output::Output(const py::object& out)
    : array_(CheckedArray(out, "out", py::dtype::of<float>(), 1)) {
  if (!array_.writeable()) Refuse("out", "it is read-only");
}

Output::Output(const py::object& out, size_t needed)
    : Output(out.is_none() ? py::array_t<float>(static_cast<py::ssize_t>(needed)) : out) {
  CheckSize("out", size(), needed);
}

InputRanges::InputRanges(const py::object& object, size_t count, size_t per_range)
    : array_(CheckedArray(object, "ranges", py::dtype::of<float>(), 2)) {
  const size_t needed = compress::RangeCount(count, per_range);
  if (array_.shape(1) == 2 && static_cast<size_t>(array_.shape(0)) == needed) return;
  Refuse("ranges", "its shape is " + Text(array_.attr("shape")) + ", but must be (" +
                       std::to_string(needed) + ", 2)");
}

int CheckedBits(py::ssize_t bits, int least) {
  if (bits >= least && bits <= compress::kMaxBits) return static_cast<int>(bits);
  throw py::value_error("bits=" + std::to_string(bits) + ": it must be a whole number from " +
                        std::to_string(least) + " to " + std::to_string(compress::kMaxBits));
}

size_t CheckedLength(const char* name, py::ssize_t length, size_t count) {
  if (length < 0) {
    throw py::value_error(std::string(name) + "=" + std::to_string(length) +
                          ": it must be 0, for all weights, or more");
  }
  if (length != 0) return static_cast<size_t>(length);
  return count == 0 ? 1 : count;
}

}  // namespace mlperf::python
