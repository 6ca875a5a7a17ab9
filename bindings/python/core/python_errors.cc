#include "python_errors.h"

#include <cstdarg>

namespace mlperf::python {

PyObject* KeptError::TakeValue() {
  PyErr_NormalizeException(&type_, &value_, &trace_);
  if (trace_ != nullptr) PyException_SetTraceback(value_, trace_);
  return Py_NewRef(value_);
}

void RewordTypeError(const char* format, ...) {
  if (!PyErr_ExceptionMatches(PyExc_TypeError)) return;
  KeptError error;
  PyObject* cause = error.TakeValue();
  va_list arguments;
  va_start(arguments, format);
  PyErr_FormatV(PyExc_TypeError, format, arguments);
  va_end(arguments);
  KeptError reworded;
  PyObject* value = reworded.TakeValue();
  PyException_SetContext(value, Py_NewRef(cause));
  PyException_SetCause(value, cause);
  Py_DECREF(value);
  reworded.Restore();
}

}  // namespace mlperf::python
