#include "plain.h"

#include <cmath>
#include <limits>

namespace mlperf::python {

bool ToSeconds(PyObject* value, double* seconds) {
  *seconds = std::numeric_limits<double>::infinity();
  if (value == nullptr || value == Py_None) return true;
  *seconds = PyFloat_AsDouble(value);
  if (*seconds == -1 && PyErr_Occurred()) return false;
  if (!std::isnan(*seconds)) return true;
  PyErr_SetString(PyExc_ValueError, "timeout_s is nan: it must be a number of seconds or None");
  return false;
}

bool ToUnsigned(PyObject* value, const char* what, uint64_t most, PyObject* error, uint64_t* out) {
  PyObject* const number = PyNumber_Index(value);
  if (number == nullptr) {
    PyErr_Format(PyExc_TypeError, "%s must be an integer, not %s", what, Py_TYPE(value)->tp_name);
    return false;
  }
  *out = PyLong_AsUnsignedLongLong(number);
  Py_DECREF(number);
  const bool fits = *out != std::numeric_limits<uint64_t>::max() || !PyErr_Occurred();
  if (fits && *out <= most) return true;
  PyErr_Format(error, "%s is %S: it must be 0 to %llu", what, value,
               static_cast<unsigned long long>(most));
  return false;
}

}  // namespace mlperf::python
