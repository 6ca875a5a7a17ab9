// What the types that a small transfer meets are made of: they are written against CPython itself,
// as a read from shared memory takes less time than a call through pybind11.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_PLAIN_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_PLAIN_H_

#include <pybind11/pybind11.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace mlperf::python {

namespace py = pybind11;

// A reference that an object of these types holds; given up with it, under the lock.
class Reference {
 public:
  Reference() = default;
  // Takes a new one.
  explicit Reference(PyObject* object) : object_(Py_XNewRef(object)) {}
  ~Reference() { Py_XDECREF(object_); }
  Reference(Reference&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

 private:
  PyObject* object_ = nullptr;
};

// A Python object around a C++ value.
template <typename Value>
struct Holder {
  PyObject_HEAD Value value;
};

template <typename Value>
Value& ValueOf(PyObject* self) {
  return reinterpret_cast<Holder<Value>*>(self)->value;
}

// A new object of `type` around the value; null with an exception set if there is no memory.
template <typename Value>
PyObject* Wrap(PyTypeObject* type, Value value) {
  PyObject* const self = type->tp_alloc(type, 0);
  if (self != nullptr) new (&ValueOf<Value>(self)) Value(std::move(value));
  return self;
}

template <typename Value>
void Dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  ValueOf<Value>(self).~Value();
  type->tp_free(self);
  Py_DECREF(type);
}

template <typename Function>
void* Slot(Function* function) {
  return reinterpret_cast<void*>(function);
}

template <typename Function>
PyCFunction Method(Function* function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

// A type that Python cannot make objects of.
inline PyTypeObject* MakeType(PyType_Spec* spec) {
  PyObject* const type = PyType_FromSpec(spec);
  if (type == nullptr) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

// The arguments of one call of METH_FASTCALL | METH_KEYWORDS; what was not given is null.
template <size_t kCount>
struct Signature {
  const char* function;
  std::array<const char*, kCount> names;
  size_t required;

  // False with a TypeError set.
  bool Read(PyObject* const* arguments, Py_ssize_t count, PyObject* keywords,
            std::array<PyObject*, kCount>* out) const {
    out->fill(nullptr);
    if (static_cast<size_t>(count) > kCount) {
      PyErr_Format(PyExc_TypeError, "%s() takes at most %zu arguments", function, kCount);
      return false;
    }
    for (Py_ssize_t at = 0; at < count; ++at) (*out)[static_cast<size_t>(at)] = arguments[at];
    const Py_ssize_t keyword_count = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
    for (Py_ssize_t at = 0; at < keyword_count; ++at) {
      if (!Place(PyTuple_GET_ITEM(keywords, at), arguments[count + at], out)) return false;
    }
    for (size_t at = 0; at < required; ++at) {
      if ((*out)[at] != nullptr) continue;
      PyErr_Format(PyExc_TypeError, "%s() needs the argument '%s'", function, names[at]);
      return false;
    }
    return true;
  }

 private:
  bool Place(PyObject* name, PyObject* value, std::array<PyObject*, kCount>* out) const {
    for (size_t at = 0; at < kCount; ++at) {
      if (PyUnicode_CompareWithASCIIString(name, names[at]) != 0) continue;
      if ((*out)[at] == nullptr) {
        (*out)[at] = value;
        return true;
      }
      PyErr_Format(PyExc_TypeError, "%s() got the argument '%s' twice", function, names[at]);
      return false;
    }
    PyErr_Format(PyExc_TypeError, "%s() has no argument '%U'", function, name);
    return false;
  }
};

// Null or None: infinity. False with an exception set for what is no number of seconds.
bool ToSeconds(PyObject* value, double* seconds);

// An unsigned integer up to `most`. False with TypeError for what is no integer, or with `error`
// for one out of range.
bool ToUnsigned(PyObject* value, const char* what, uint64_t most, PyObject* error, uint64_t* out);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_TRANSFER_PLAIN_H_
