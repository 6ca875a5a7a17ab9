// complete(ids, data=None, n_tokens=None) and first_token(ids, data=None): a whole batch from
// arrays.
#include "complete_arrays.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "buffer.h"
#include "completion_call.h"
#include "payloads.h"
#include "plain_types.h"

namespace mlperf::python {
namespace {

// A column of 64-bit integers: a strided buffer, or numbers taken from any sequence.
class Column {
 public:
  bool Read(PyObject* object, const char* name) {
    if (PyObject_CheckBuffer(object)) return ReadBuffer(object, name);
    if (Py_TYPE(object)->tp_iter == nullptr && !PySequence_Check(object)) {
      PyErr_Format(PyExc_TypeError, "%s must be an array or a sequence of integers, not %.100s",
                   name, Py_TYPE(object)->tp_name);
      return false;
    }
    // A copy: the numbers' own methods may change a list while it is read.
    PyObject* items = PySequence_Tuple(object);
    if (items == nullptr) return false;
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
    std::string_view format = view.format == nullptr ? "B" : view.format;
    if (!format.empty() && std::string_view("@=<").find(format[0]) != format.npos) {
      format.remove_prefix(1);
    }
    const bool integer =
        format.size() == 1 && std::string_view("qQlLnN").find(format[0]) != format.npos;
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
      if (!ToWord(item, name, &number)) return false;
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

// The arguments by their positions. False with a TypeError set if they are others. It is written
// out as PyArg_ParseTupleAndKeywords takes as long as completing a sample.
class Arguments {
 public:
  // `most`: how many of the arguments the function has.
  Arguments(const char* function, Py_ssize_t most) : function_(function), most_(most) {}

  bool Parse(PyObject* const* values, Py_ssize_t count, PyObject* names) {
    if (count > most_) {
      PyErr_Format(PyExc_TypeError, "%s takes at most %zd arguments, not %zd", function_, most_,
                   count);
      return false;
    }
    std::copy(values, values + count, values_);
    const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
    for (Py_ssize_t i = 0; i < named; ++i) {
      if (!Set(PyTuple_GET_ITEM(names, i), values[count + i])) return false;
    }
    if (values_[0] == nullptr) PyErr_Format(PyExc_TypeError, "%s needs ids", function_);
    return values_[0] != nullptr;
  }

  PyObject* ids() const { return values_[0]; }
  PyObject* data() const { return OrNone(values_[1]); }
  PyObject* n_tokens() const { return OrNone(values_[2]); }

 private:
  static constexpr Py_ssize_t kCount = 3;
  static constexpr const char* kNames[kCount] = {"ids", "data", "n_tokens"};

  static PyObject* OrNone(PyObject* value) { return value == nullptr ? Py_None : value; }

  bool Set(PyObject* name, PyObject* value) {
    for (Py_ssize_t i = 0; i < most_; ++i) {
      if (values_[i] != nullptr || PyUnicode_CompareWithASCIIString(name, kNames[i]) != 0) continue;
      values_[i] = value;
      return true;
    }
    PyErr_Format(PyExc_TypeError, "unexpected or repeated argument %R", name);
    return false;
  }

  const char* function_;
  Py_ssize_t most_;
  PyObject* values_[kCount] = {};
};

}  // namespace

PyObject* Complete(PyObject*, PyObject* const* values, Py_ssize_t n_values, PyObject* names) {
  Call call;
  Arguments arguments("complete", 3);
  if (!arguments.Parse(values, n_values, names)) return nullptr;
  PyObject *ids = arguments.ids(), *data = arguments.data(), *n_tokens = arguments.n_tokens();
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
    call.Publish();
  };
  if (call.logs()) {
    const WithoutGil without_gil;
    complete_all();
  } else {
    complete_all();
  }
  Py_RETURN_NONE;
}

PyObject* FirstToken(PyObject*, PyObject* const* values, Py_ssize_t n_values, PyObject* names) {
  Call call;
  Arguments arguments("first_token", 2);
  if (!arguments.Parse(values, n_values, names)) return nullptr;
  Column id_column;
  Payloads payloads;
  if (!id_column.Read(arguments.ids(), "ids")) return nullptr;
  const bool has_data = arguments.data() != Py_None;
  if (has_data && !payloads.Read(arguments.data(), id_column.size())) return nullptr;
  for (Py_ssize_t i = 0; i < id_column.size(); ++i) {
    call.FirstToken(
        {id_column[i], has_data ? payloads.data(i) : 0, has_data ? payloads.size(i) : 0});
  }
  if (call.is_elsewhere()) {
    const WithoutGil without_gil;
    call.Publish();
  }
  Py_RETURN_NONE;
}

}  // namespace mlperf::python
