// complete(ids, data=None, n_tokens=None): a whole batch from arrays.
#include "complete_arrays.h"

#include <cstring>
#include <utility>
#include <vector>

#include "completion_call.h"
#include "sample_types.h"

namespace mlperf::python {
namespace {

// A view of a Python buffer, released at the end of the scope.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() {
    if (held_) PyBuffer_Release(&view_);
  }
  Buffer(Buffer&& other) noexcept : view_(other.view_), held_(other.held_) { other.held_ = false; }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  bool Get(PyObject* object, int flags) {
    held_ = PyObject_GetBuffer(object, &view_, flags) == 0;
    return held_;
  }
  bool GetContiguous(PyObject* object) {
    if (Get(object, PyBUF_C_CONTIGUOUS)) return true;
    if (PyErr_ExceptionMatches(PyExc_BufferError) || PyErr_ExceptionMatches(PyExc_ValueError)) {
      PyErr_Clear();
      PyErr_SetString(PyExc_ValueError,
                      "data must be C-contiguous (NumPy: numpy.ascontiguousarray(data))");
    }
    return false;
  }
  const Py_buffer& view() const { return view_; }

 private:
  Py_buffer view_{};
  bool held_ = false;
};

// A column of 64-bit integers: a strided buffer, or numbers taken from any sequence.
class Column {
 public:
  bool Read(PyObject* object, const char* name) {
    if (PyObject_CheckBuffer(object)) return ReadBuffer(object, name);
    // A copy: the numbers' own methods may change a list while it is read.
    PyObject* items = PySequence_Tuple(object);
    if (items == nullptr) {
      PyErr_Clear();
      PyErr_Format(PyExc_TypeError, "%s must be an array or a sequence of integers, not %.100s",
                   name, Py_TYPE(object)->tp_name);
      return false;
    }
    const bool ok = ReadItems(items, name);
    Py_DECREF(items);
    return ok;
  }

  Py_ssize_t size() const { return size_; }
  uint64_t operator[](Py_ssize_t i) const {
    uint64_t value;
    std::memcpy(&value, start_ + i * stride_, sizeof(value));
    return value;
  }

 private:
  bool ReadBuffer(PyObject* object, const char* name) {
    if (!buffer_.Get(object, PyBUF_STRIDED_RO | PyBUF_FORMAT)) return false;
    const Py_buffer& view = buffer_.view();
    const char* format = view.format == nullptr ? "B" : view.format;
    if (*format == '@' || *format == '=' || *format == '<') ++format;
    const bool integer = std::strchr("qQlLnN", *format) != nullptr && format[1] == '\0';
    if (view.ndim != 1 || view.itemsize != 8 || !integer) {
      PyErr_Format(PyExc_TypeError,
                   "%s must be a 1-D array of 64-bit integers, not %d-D of format '%s' (NumPy: "
                   "astype(numpy.uint64))",
                   name, view.ndim, view.format == nullptr ? "B" : view.format);
      return false;
    }
    start_ = static_cast<const char*>(view.buf);
    stride_ = view.strides[0];
    size_ = view.shape[0];
    return true;
  }

  bool ReadItems(PyObject* items, const char* name) {
    size_ = PySequence_Fast_GET_SIZE(items);
    numbers_.reserve(static_cast<size_t>(size_));
    for (Py_ssize_t i = 0; i < size_; ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(items, i);
      uint64_t number = 0;
      if (!ToUnsigned(item, name, &number)) {
        int64_t negative = 0;
        PyErr_Clear();
        if (!ToSigned(item, name, &negative)) return false;
        number = static_cast<uint64_t>(negative);
      }
      numbers_.push_back(number);
    }
    start_ = reinterpret_cast<const char*>(numbers_.data());
    stride_ = sizeof(uint64_t);
    return true;
  }

  Buffer buffer_;
  std::vector<uint64_t> numbers_;
  const char* start_ = nullptr;
  Py_ssize_t stride_ = 0;
  Py_ssize_t size_ = 0;
};

// The responses' bytes: one contiguous array with a row a sample, or a buffer each.
class Payloads {
 public:
  bool Read(PyObject* data, Py_ssize_t count) {
    if (PyObject_CheckBuffer(data)) return ReadRows(data, count);
    PyObject* items = PySequence_Tuple(data);
    if (items == nullptr) {
      PyErr_Clear();
      PyErr_Format(PyExc_TypeError,
                   "data must be None, a list of buffers or an array with a row a sample, not "
                   "%.100s",
                   Py_TYPE(data)->tp_name);
      return false;
    }
    const bool ok = ReadItems(items, count);
    Py_DECREF(items);
    return ok;
  }

  uintptr_t data(Py_ssize_t i) const {
    return reinterpret_cast<uintptr_t>(rows_ ? rows_ + i * row_size_
                                             : buffers_[static_cast<size_t>(i)].view().buf);
  }
  size_t size(Py_ssize_t i) const {
    return static_cast<size_t>(rows_ ? row_size_ : buffers_[static_cast<size_t>(i)].view().len);
  }

 private:
  bool ReadRows(PyObject* data, Py_ssize_t count) {
    Buffer buffer;
    if (!buffer.GetContiguous(data)) return false;
    const Py_buffer& view = buffer.view();
    if (view.ndim < 1 || view.shape[0] != count) {
      PyErr_Format(PyExc_ValueError, "data has %zd rows for %zd ids; give a row a sample",
                   view.ndim < 1 ? Py_ssize_t{0} : view.shape[0], count);
      return false;
    }
    row_size_ = count == 0 ? 0 : view.len / count;
    rows_ = static_cast<const char*>(view.buf);
    buffers_.push_back(std::move(buffer));
    return true;
  }

  bool ReadItems(PyObject* items, Py_ssize_t count) {
    if (PySequence_Fast_GET_SIZE(items) != count) {
      PyErr_Format(PyExc_ValueError, "data has %zd buffers for %zd ids; give one a sample",
                   PySequence_Fast_GET_SIZE(items), count);
      return false;
    }
    buffers_.reserve(static_cast<size_t>(count));
    for (Py_ssize_t i = 0; i < count; ++i) {
      Buffer buffer;
      if (!buffer.GetContiguous(PySequence_Fast_GET_ITEM(items, i))) return false;
      buffers_.push_back(std::move(buffer));
    }
    return true;
  }

  std::vector<Buffer> buffers_;
  const char* rows_ = nullptr;
  Py_ssize_t row_size_ = 0;
};

}  // namespace

PyObject* Complete(PyObject*, PyObject* arguments, PyObject* keywords) {
  Call call;
  static const char* names[] = {"ids", "data", "n_tokens", nullptr};
  PyObject *ids = nullptr, *data = Py_None, *n_tokens = Py_None;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|OO:complete", const_cast<char**>(names),
                                   &ids, &data, &n_tokens)) {
    return nullptr;
  }
  Column id_column, token_column;
  Payloads payloads;
  if (!id_column.Read(ids, "ids")) return nullptr;
  const Py_ssize_t count = id_column.size();
  const bool has_data = data != Py_None, has_tokens = n_tokens != Py_None;
  if (has_data && !payloads.Read(data, count)) return nullptr;
  if (has_tokens && !token_column.Read(n_tokens, "n_tokens")) return nullptr;
  if (has_tokens && token_column.size() != count) {
    return PyErr_Format(PyExc_ValueError, "n_tokens has %zd numbers for %zd ids; give one a sample",
                        token_column.size(), count);
  }
  const auto complete_all = [&] {
    for (Py_ssize_t i = 0; i < count; ++i) {
      const int64_t tokens = has_tokens ? static_cast<int64_t>(token_column[i]) : 0;
      uint64_t sample = 0;
      if (!call.Complete(id_column[i], tokens, &sample)) continue;
      call.Log(sample, {id_column[i], has_data ? payloads.data(i) : 0,
                        has_data ? payloads.size(i) : 0, tokens});
    }
  };
  if (call.logs()) {
    const WithoutGil without_gil;
    complete_all();
  } else {
    complete_all();
  }
  Py_RETURN_NONE;
}

}  // namespace mlperf::python
