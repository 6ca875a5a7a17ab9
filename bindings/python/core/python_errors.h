// Exceptions of users' code inside ours.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_PYTHON_ERRORS_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_PYTHON_ERRORS_H_

#include <Python.h>

namespace mlperf::python {

// Gives the TypeError that is set a better text, as PyErr_Format does, and keeps it as the cause.
// Any other exception is not about the type of an argument, but the user's own: it stays as it is.
void RewordTypeError(const char* format, ...);

// The exception that is set, taken away for a scope.
class KeptError {
 public:
  KeptError() { PyErr_Fetch(&type_, &value_, &trace_); }
  ~KeptError() {
    Py_XDECREF(type_);
    Py_XDECREF(value_);
    Py_XDECREF(trace_);
  }
  KeptError(const KeptError&) = delete;
  KeptError& operator=(const KeptError&) = delete;

  // Sets it again.
  void Restore() {
    PyErr_Restore(type_, value_, trace_);
    type_ = value_ = trace_ = nullptr;
  }
  // The exception as an object; a new reference.
  PyObject* TakeValue();

 private:
  PyObject *type_ = nullptr, *value_ = nullptr, *trace_ = nullptr;
};

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_PYTHON_ERRORS_H_
