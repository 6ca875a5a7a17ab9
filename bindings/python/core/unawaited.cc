#include "unawaited.h"

namespace mlperf::python {
namespace {

bool IsAwaitable(PyObject* object) {
  const PyAsyncMethods* methods = Py_TYPE(object)->tp_as_async;
  return methods != nullptr && methods->am_await != nullptr;
}

// So that there is no warning that it was never awaited.
void Close(PyObject* object) {
  PyObject* closed = PyObject_CallMethod(object, "close", nullptr);
  if (closed == nullptr) PyErr_Clear();  // It has not begun: there is nothing that could fail.
  Py_XDECREF(closed);
}

}  // namespace

bool IsDone(PyObject* returned, const char* callback, const char* fix) {
  if (returned == Py_None) return true;
  const bool generates = PyGen_CheckExact(returned) || PyAsyncGen_CheckExact(returned);
  if (!generates && !IsAwaitable(returned)) return true;
  if (PyGen_CheckExact(returned) || PyCoro_CheckExact(returned)) Close(returned);
  PyErr_Format(PyExc_TypeError, "%s returned an object of type %.100s, and nothing %s it: %s",
               callback, Py_TYPE(returned)->tp_name, generates ? "iterates over" : "awaits", fix);
  return false;
}

}  // namespace mlperf::python
