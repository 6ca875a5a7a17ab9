// Values of settings from Python objects: what is not clearly meant is refused with a TypeError
// that says what `name` must be.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_STRICT_VALUES_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_STRICT_VALUES_H_

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace mlperf::python {

namespace py = pybind11;

[[noreturn]] void RefuseValue(std::string_view name, std::string_view wanted, py::handle value);

// The last parameter says what is wanted of the object.
uint64_t StrictValue(std::string_view name, py::handle value, std::type_identity<uint64_t>);
int StrictValue(std::string_view name, py::handle value, std::type_identity<int>);
double StrictValue(std::string_view name, py::handle value, std::type_identity<double>);
bool StrictValue(std::string_view name, py::handle value, std::type_identity<bool>);
std::string StrictValue(std::string_view name, py::handle value, std::type_identity<std::string>);

// Of a bound class or enum.
template <typename Bound>
Bound StrictValue(std::string_view name, py::handle value, std::type_identity<Bound>) {
  if (!py::isinstance<Bound>(value)) {
    const py::object type = py::type::of(py::cast(Bound{}));
    RefuseValue(name, "a " + py::str(type.attr("__name__")).cast<std::string>(), value);
  }
  return value.cast<Bound>();
}

template <typename Value>
Value ToStrict(std::string_view name, py::handle value) {
  return StrictValue(name, value, std::type_identity<Value>());
}

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_STRICT_VALUES_H_
