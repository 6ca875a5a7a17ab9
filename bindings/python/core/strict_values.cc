#include "strict_values.h"

#include "plain_types.h"
#include "python_errors.h"

namespace mlperf::python {

void RefuseValue(std::string_view name, std::string_view wanted, py::handle value) {
  throw py::type_error(std::string(name) + " must be " + std::string(wanted) + ", not " +
                       py::repr(value).cast<std::string>());
}

uint64_t StrictValue(std::string_view name, py::handle value, std::type_identity<uint64_t>) {
  uint64_t number = 0;
  if (!ToUnsigned(value.ptr(), std::string(name).c_str(), &number)) throw py::error_already_set();
  return number;
}

int StrictValue(std::string_view name, py::handle value, std::type_identity<int>) {
  int64_t number = 0;
  if (!ToSigned(value.ptr(), std::string(name).c_str(), &number)) throw py::error_already_set();
  if (number != static_cast<int>(number)) RefuseValue(name, "a 32-bit integer", value);
  return static_cast<int>(number);
}

double StrictValue(std::string_view name, py::handle value, std::type_identity<double>) {
  const bool text = PyUnicode_Check(value.ptr()) || PyBytes_Check(value.ptr());
  if (text || value.is_none()) RefuseValue(name, "a number", value);
  const double number = PyFloat_AsDouble(value.ptr());
  if (!PyErr_Occurred()) return number;
  if (PyLong_Check(value.ptr()) && PyErr_ExceptionMatches(PyExc_OverflowError)) {
    PyErr_Clear();
    RefuseValue(name, "a number", value);
  }
  RewordTypeError("%s must be a number, not %R", std::string(name).c_str(), value.ptr());
  throw py::error_already_set();
}

bool StrictValue(std::string_view name, py::handle value, std::type_identity<bool>) {
  const bool number = PyNumber_Check(value.ptr()) != 0 || value.is_none();
  if (!number) RefuseValue(name, "a bool", value);
  const int truth = PyObject_IsTrue(value.ptr());
  if (truth >= 0) return truth == 1;
  RewordTypeError("%s must be a bool, not %R", std::string(name).c_str(), value.ptr());
  throw py::error_already_set();
}

std::string StrictValue(std::string_view name, py::handle value, std::type_identity<std::string>) {
  if (PyBytes_Check(value.ptr())) return value.cast<std::string>();
  if (!PyUnicode_Check(value.ptr())) RefuseValue(name, "text, as in str(value)", value);
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (text != nullptr) return std::string(text, static_cast<size_t>(size));
  PyErr_Clear();
  RefuseValue(name, "text that UTF-8 can hold", value);
}

}  // namespace mlperf::python
