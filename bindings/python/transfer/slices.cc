#include "slices.h"

#include <cstdint>
#include <cstring>

namespace mlperf::python {
namespace {

using transfer::Slice;

constexpr Py_ssize_t kColumns = 3;
static_assert(sizeof(Slice) == kColumns * sizeof(uint64_t));

// The letter of the buffer protocol for the items; 0: not integers in this machine's byte order.
char LetterOf(const Py_buffer& view) {
  const char* format = view.format == nullptr ? "B" : view.format;
  if (*format == '@' || *format == '=' || *format == '<') ++format;
  return std::strchr("bBhHiIlLqQnN", *format) != nullptr && format[1] == 0 ? *format : '\0';
}

bool IsSigned(char letter) { return letter >= 'a'; }

bool Negative(Py_ssize_t row) {
  PyErr_Format(PyExc_IndexError, "slices[%zd] has a negative number", row);
  return false;
}

// The number at `item` as the 64 bits that it has when it is widened with its sign.
uint64_t Widened(const char* item, Py_ssize_t itemsize, bool is_signed) {
  uint64_t bits = 0;
  std::memcpy(&bits, item, static_cast<size_t>(itemsize));
  const auto unused = static_cast<unsigned>(8 * (8 - itemsize));
  if (!is_signed) return bits;
  return static_cast<uint64_t>(static_cast<int64_t>(bits << unused) >> unused);
}

// False with an exception set unless `value` is an integer of 0 to 2**64 - 1.
bool ToOffset(PyObject* value, Py_ssize_t row, uint64_t* out) {
  PyObject* const number = PyNumber_Index(value);
  if (number == nullptr) {
    PyErr_Format(PyExc_TypeError, "slices[%zd] has a %s: offsets and sizes are integers", row,
                 Py_TYPE(value)->tp_name);
    return false;
  }
  *out = PyLong_AsUnsignedLongLong(number);
  Py_DECREF(number);
  if (*out != static_cast<uint64_t>(-1) || !PyErr_Occurred()) return true;
  PyErr_Format(PyExc_IndexError, "slices[%zd] has %S: offsets and sizes are 0 to 2**64 - 1", row,
               value);
  return false;
}

}  // namespace

bool Slices::Read(PyObject* object) {
  if (PyList_CheckExact(object) || PyTuple_CheckExact(object)) return ReadSequence(object);
  if (!PyObject_CheckBuffer(object)) {
    PyErr_Format(PyExc_TypeError,
                 "slices must be an (n, 3) array of integers or a list of triples, not %s",
                 Py_TYPE(object)->tp_name);
    return false;
  }
  return buffer_.Get(object, PyBUF_FORMAT | PyBUF_STRIDES) && ReadArray();
}

bool Slices::ReadArray() {
  const Py_buffer& view = buffer_.view();
  if (view.ndim != 2 || view.shape[1] != kColumns) {
    PyErr_SetString(PyExc_ValueError,
                    "slices must have the shape (n, 3): local offset, remote offset, bytes");
    return false;
  }
  const char letter = LetterOf(view);
  if (letter == 0 || view.itemsize > 8) {
    PyErr_Format(PyExc_TypeError,
                 "slices of the format '%s': they must be integers in this machine's byte order",
                 view.format);
    return false;
  }
  const Py_ssize_t count = view.shape[0];
  if (view.itemsize != 8 || !PyBuffer_IsContiguous(&view, 'C')) {
    copied_.resize(static_cast<size_t>(count));
    uint64_t* out = &copied_.data()->local_offset;
    for (Py_ssize_t row = 0; row < count; ++row) {
      for (Py_ssize_t column = 0; column < kColumns; ++column) {
        const char* const item =
            static_cast<const char*>(view.buf) + row * view.strides[0] + column * view.strides[1];
        *out++ = Widened(item, view.itemsize, IsSigned(letter));
      }
    }
    rows_ = copied_;
  } else {
    rows_ = {static_cast<const Slice*>(view.buf), static_cast<size_t>(count)};
  }
  if (!IsSigned(letter)) return true;
  for (size_t row = 0; row < rows_.size(); ++row) {
    const Slice& slice = rows_[row];
    const uint64_t any = slice.local_offset | slice.remote_offset | slice.nbytes;
    if (any >> 63 != 0) return Negative(static_cast<Py_ssize_t>(row));
  }
  return true;
}

bool Slices::ReadSequence(PyObject* object) {
  copied_.reserve(static_cast<size_t>(PySequence_Fast_GET_SIZE(object)));
  // The size is asked for anew each time: what a row runs may change a list.
  for (Py_ssize_t row = 0; row < PySequence_Fast_GET_SIZE(object); ++row) {
    PyObject* const item = Py_NewRef(PySequence_Fast_GET_ITEM(object, row));
    const bool good = AddRow(item, row);
    Py_DECREF(item);
    if (!good) return false;
  }
  rows_ = copied_;
  return true;
}

bool Slices::AddRow(PyObject* row, Py_ssize_t index) {
  PyObject* const numbers = PySequence_Tuple(row);
  if (numbers == nullptr || PyTuple_GET_SIZE(numbers) != kColumns) {
    Py_XDECREF(numbers);
    PyErr_Format(PyExc_ValueError,
                 "slices[%zd] is not a triple: local offset, remote offset, bytes", index);
    return false;
  }
  Slice slice{};
  const bool good = ToOffset(PyTuple_GET_ITEM(numbers, 0), index, &slice.local_offset) &&
                    ToOffset(PyTuple_GET_ITEM(numbers, 1), index, &slice.remote_offset) &&
                    ToOffset(PyTuple_GET_ITEM(numbers, 2), index, &slice.nbytes);
  Py_DECREF(numbers);
  if (good) copied_.push_back(slice);
  return good;
}

}  // namespace mlperf::python
