#include "plain_types.h"

#include "python_errors.h"

namespace mlperf::python {
namespace {

constexpr char kText[] = "%s must be %s, not %R";

// `value` as an int, a new reference; null with an exception set. What its __index__ raises stays
// what it is.
PyObject* ToInt(PyObject* value, const char* what, const char* range) {
  PyObject* index = PyNumber_Index(value);
  if (index == nullptr) RewordTypeError(kText, what, range, value);
  return index;
}

// The int of `value` did not fit.
bool RefuseRange(PyObject* value, const char* what, const char* range) {
  PyErr_Clear();
  PyErr_Format(PyExc_TypeError, kText, what, range, value);
  return false;
}

}  // namespace

bool ToUnsigned(PyObject* value, const char* what, uint64_t* out) {
  static const char* const kRange = "an integer from 0 to 2**64 - 1";
  if (PyLong_CheckExact(value)) {
    // Much faster than the unsigned conversion for what fits.
    const Py_ssize_t number = PyLong_AsSsize_t(value);
    if (number >= 0) {
      *out = static_cast<uint64_t>(number);
      return true;
    }
    if (PyErr_Occurred()) PyErr_Clear();
  }
  PyObject* index = ToInt(value, what, kRange);
  if (index == nullptr) return false;
  *out = PyLong_AsUnsignedLongLong(index);
  Py_DECREF(index);
  const bool fits = *out != static_cast<uint64_t>(-1) || !PyErr_Occurred();
  return fits || RefuseRange(value, what, kRange);
}

bool ToSigned(PyObject* value, const char* what, int64_t* out) {
  static const char* const kRange = "an integer from -2**63 to 2**63 - 1";
  PyObject* index = ToInt(value, what, kRange);
  if (index == nullptr) return false;
  *out = PyLong_AsLongLong(index);
  Py_DECREF(index);
  return *out != -1 || !PyErr_Occurred() || RefuseRange(value, what, kRange);
}

bool ToWord(PyObject* value, const char* what, uint64_t* out) {
  static const char* const kRange = "an integer from -2**63 to 2**64 - 1";
  PyObject* index = ToInt(value, what, kRange);
  if (index == nullptr) return false;
  *out = PyLong_AsUnsignedLongLong(index);
  if (*out == static_cast<uint64_t>(-1) && PyErr_Occurred()) {
    PyErr_Clear();
    *out = static_cast<uint64_t>(PyLong_AsLongLong(index));
  }
  Py_DECREF(index);
  return !PyErr_Occurred() || RefuseRange(value, what, kRange);
}

PyTypeObject MakeType(const char* name, size_t size, const char* doc) {
  PyTypeObject type = {};
  Py_SET_REFCNT(reinterpret_cast<PyObject*>(&type), 1);
  type.tp_name = name;
  type.tp_basicsize = static_cast<Py_ssize_t>(size);
  type.tp_flags = Py_TPFLAGS_DEFAULT;
  type.tp_doc = doc;
  type.tp_dealloc = [](PyObject* self) { PyObject_Free(self); };
  return type;
}

}  // namespace mlperf::python
