// A view of a Python object's memory.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_BUFFER_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_BUFFER_H_

#include <Python.h>

namespace mlperf::python {

// Released at the end of the scope, for which the interpreter's lock has to be held.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() {
    if (held_) PyBuffer_Release(&view_);
  }
  Buffer(Buffer&& other) noexcept : view_(other.view_), held_(other.held_) { other.held_ = false; }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // False with an exception set if the object has no such buffer.
  bool Get(PyObject* object, int flags) {
    held_ = PyObject_GetBuffer(object, &view_, flags) == 0;
    return held_;
  }
  const Py_buffer& view() const { return view_; }

 private:
  Py_buffer view_{};
  bool held_ = false;
};

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_BUFFER_H_
