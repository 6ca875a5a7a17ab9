#include "payloads.h"

#include <array>
#include <string_view>
#include <utility>

#include "python_errors.h"

namespace mlperf::python {
namespace {

constexpr int kContiguous = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT;
constexpr Py_ssize_t kWhole = -1;  // Not an item of `data` but all of it.

// What the messages call item `i`.
std::string NameOf(Py_ssize_t i) {
  return i == kWhole ? "data" : "data[" + std::to_string(i) + "]";
}

std::string_view FormatOf(const Py_buffer& view) {
  return view.format == nullptr ? "B" : view.format;
}

// By character of a buffer's format (PEP 3118): whether it names numbers or bytes, or only orders
// what does.
constexpr std::array<bool, 256> kIsPlain = [] {
  std::array<bool, 256> is_plain{};
  for (const char c : std::string_view("?bBchHiIlLqQnNefdgxspT{}@=<>!^0123456789 ")) {
    is_plain[static_cast<uint8_t>(c)] = true;
  }
  return is_plain;
}();

// Whether a format names nothing but numbers and bytes: no addresses, and no characters of four
// bytes. Records and arrays in it are gone through as well.
bool HoldsPlainBytes(std::string_view format) {
  while (!format.empty()) {
    const char c = format.front();
    size_t size = 1;
    if (c == ':' || c == '(') {  // The name of a field; the shape of an array.
      const size_t end = format.find(c == ':' ? ':' : ')', 1);
      if (end == std::string_view::npos) return false;
      size = end + 1;
    } else if (c == 'Z') {  // A complex number, or else ctypes' address of a text.
      size = 2;
      if (format.size() < 2 || std::string_view("fdg").find(format[1]) == std::string_view::npos) {
        return false;
      }
    } else if (!kIsPlain[static_cast<uint8_t>(c)]) {
      return false;
    }
    format.remove_prefix(size);
  }
  return true;
}

// Whether each item is one text of characters of type `code`, in this machine's byte order.
bool IsText(const Py_buffer& view, char code) {
  std::string_view format = FormatOf(view);
  if (!format.empty() && std::string_view("@=<").find(format.front()) != std::string_view::npos) {
    format.remove_prefix(1);
  }
  const size_t digits = format.find_first_not_of("0123456789");
  return digits != std::string_view::npos && format.substr(digits) == std::string_view(&code, 1);
}

bool RefuseContents(const std::string& name, const std::string& contents) {
  PyErr_Format(PyExc_TypeError,
               "%s has %s, whose memory is no response; for texts and responses of different sizes "
               "give a list with bytes, str or an array of numbers for each id (of a NumPy array: "
               "data.tolist())",
               name.c_str(), contents.c_str());
  return false;
}

bool IsOfBuffer() {
  return PyErr_ExceptionMatches(PyExc_BufferError) || PyErr_ExceptionMatches(PyExc_ValueError);
}

// The text of an attribute; empty if there is none. False with an exception set if it could not be
// had.
bool GetText(PyObject* object, const char* name, std::string* text) {
  PyObject* attribute = PyObject_GetAttrString(object, name);
  if (attribute == nullptr) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return false;
    PyErr_Clear();
    return true;
  }
  PyObject* string = PyObject_Str(attribute);
  const char* utf8 = string ? PyUnicode_AsUTF8(string) : nullptr;
  if (utf8 != nullptr) *text = utf8;
  Py_XDECREF(string);
  Py_DECREF(attribute);
  return utf8 != nullptr;
}

// The kind and the name of a NumPy array's dtype; empty if it is none.
bool GetDtype(PyObject* object, std::string* kind, std::string* name) {
  if (!GetText(object, "dtype", name)) return false;
  if (name->empty()) return true;
  PyObject* dtype = PyObject_GetAttrString(object, "dtype");
  const bool known = dtype != nullptr && GetText(dtype, "kind", kind);
  Py_XDECREF(dtype);
  return known;
}

// The object has refused its memory; the exception is set. NumPy does so where it cannot describe
// the items of an array, as of types that others add to it, such as bfloat16: these are numbers all
// the same. Others do so for memory that is not contiguous. Anything else is the object's own
// trouble, and what it raised stays.
bool GetUndescribed(PyObject* object, Py_ssize_t i, Buffer* buffer) {
  if (!IsOfBuffer()) return false;
  KeptError refusal;
  std::string kind, dtype;
  if (!GetDtype(object, &kind, &dtype)) return false;
  if (kind == "M" || kind == "m" || kind == "T" || kind == "O") {
    return RefuseContents(NameOf(i), "dtype " + dtype);
  }
  Buffer any;
  if (!any.Get(object, PyBUF_INDIRECT)) {
    if (IsOfBuffer()) refusal.Restore();
    return false;
  }
  if (PyBuffer_IsContiguous(&any.view(), 'C') == 0) {
    PyErr_Format(PyExc_ValueError, "%s must be C-contiguous (NumPy: numpy.ascontiguousarray(data))",
                 NameOf(i).c_str());
    return false;
  }
  if (kind == "V" && buffer->Get(object, PyBUF_C_CONTIGUOUS)) return true;
  if (!PyErr_Occurred()) refusal.Restore();
  return false;
}

// False with an exception set if the object's memory is not contiguous.
bool GetContiguous(PyObject* object, Py_ssize_t i, Buffer* buffer) {
  return buffer->Get(object, kContiguous) || GetUndescribed(object, i, buffer);
}

bool RefuseFormat(const Py_buffer& view, Py_ssize_t i) {
  const std::string_view format = FormatOf(view);
  const std::string contents =
      format == "O" ? "dtype object" : "items of format '" + std::string(format) + "'";
  return RefuseContents(NameOf(i), contents);
}

// Things that can be iterated over, but not as one response after another.
bool HasNoOrder(PyObject* data) {
  return PyUnicode_Check(data) || PyDict_Check(data) || PyAnySet_Check(data);
}

}  // namespace

bool Payloads::Read(PyObject* data, Py_ssize_t count) {
  return PyObject_CheckBuffer(data) ? ReadArray(data, count) : ReadObjects(data, count);
}

size_t Payloads::size(Py_ssize_t i) const {
  if (rows_ == nullptr) return Item(i).size;
  Py_ssize_t size = row_size_;
  if (rows_are_padded_) {
    const char* row = rows_ + i * row_size_;
    while (size > 0 && row[size - 1] == '\0') --size;
  }
  return static_cast<size_t>(size);
}

bool Payloads::ReadArray(PyObject* data, Py_ssize_t count) {
  Buffer buffer;
  if (!GetContiguous(data, kWhole, &buffer)) return false;
  const Py_buffer& view = buffer.view();
  const Py_ssize_t row_count = view.ndim < 1 ? 0 : view.shape[0];
  if (view.ndim < 1 || row_count != count) {
    const bool is_one = PyBytes_Check(data) || PyByteArray_Check(data);
    PyErr_Format(PyExc_ValueError, "data has %zd rows for %zd ids; give a row a sample%s",
                 row_count, count, is_one ? ", or a list with the bytes of each" : "");
    return false;
  }
  if (view.ndim == 1 && IsText(view, 'w')) return ReadTexts(view, count);
  if (!HoldsPlainBytes(FormatOf(view))) return RefuseFormat(view, kWhole);
  rows_are_padded_ = view.ndim == 1 && IsText(view, 's');
  row_size_ = count == 0 ? 0 : view.len / count;
  rows_ = static_cast<const char*>(view.buf);
  buffers_.push_back(std::move(buffer));
  return true;
}

// Of NumPy's dtype U: characters of four bytes, padded with NULs.
bool Payloads::ReadTexts(const Py_buffer& view, Py_ssize_t count) {
  items_ = PyTuple_New(count);
  if (items_ == nullptr) return false;
  for (Py_ssize_t i = 0; i < count; ++i) {
    const auto* characters =
        reinterpret_cast<const Py_UCS4*>(static_cast<const char*>(view.buf) + i * view.itemsize);
    Py_ssize_t size = view.itemsize / static_cast<Py_ssize_t>(sizeof(Py_UCS4));
    while (size > 0 && characters[size - 1] == 0) --size;
    PyObject* text = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, characters, size);
    if (text == nullptr) return false;
    PyTuple_SET_ITEM(items_, i, text);
  }
  return ReadItems(count);
}

bool Payloads::ReadObjects(PyObject* data, Py_ssize_t count) {
  const bool iterable = Py_TYPE(data)->tp_iter != nullptr || PySequence_Check(data);
  if (!iterable || HasNoOrder(data)) {
    PyErr_Format(PyExc_TypeError,
                 "data must be None, an array with a row a sample, or a list with bytes, str or an "
                 "array for each id, not %.100s",
                 Py_TYPE(data)->tp_name);
    return false;
  }
  items_ = PySequence_Tuple(data);
  if (items_ == nullptr) return false;
  if (PyTuple_GET_SIZE(items_) != count) {
    PyErr_Format(PyExc_ValueError, "data has %zd responses for %zd ids; give one a sample",
                 PyTuple_GET_SIZE(items_), count);
    return false;
  }
  return ReadItems(count);
}

bool Payloads::ReadItems(Py_ssize_t count) {
  item_bytes_.reserve(static_cast<size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!ReadItem(PyTuple_GET_ITEM(items_, i), i)) return false;
  }
  return true;
}

bool Payloads::ReadItem(PyObject* item, Py_ssize_t i) {
  if (PyBytes_Check(item)) {
    item_bytes_.push_back({PyBytes_AS_STRING(item), static_cast<size_t>(PyBytes_GET_SIZE(item))});
    return true;
  }
  if (PyUnicode_Check(item)) {  // Keeps its UTF-8 text itself.
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(item, &size);
    if (text == nullptr) return false;
    item_bytes_.push_back({text, static_cast<size_t>(size)});
    return true;
  }
  if (!PyObject_CheckBuffer(item)) {
    PyErr_Format(PyExc_TypeError,
                 "data[%zd] must be bytes, str or an array, not %.100s; give numbers as "
                 "numpy.array(numbers, dtype)",
                 i, Py_TYPE(item)->tp_name);
    return false;
  }
  Buffer buffer;
  if (!GetContiguous(item, i, &buffer)) return false;
  const Py_buffer& view = buffer.view();
  if (!HoldsPlainBytes(FormatOf(view))) return RefuseFormat(view, i);
  item_bytes_.push_back({static_cast<const char*>(view.buf), static_cast<size_t>(view.len)});
  buffers_.push_back(std::move(buffer));
  return true;
}

}  // namespace mlperf::python
