// The bytes of the responses of a batch, as users give them to complete().
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_PAYLOADS_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_PAYLOADS_H_

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "buffer.h"

namespace mlperf::python {

// One contiguous array with a row a sample, or an object a sample: bytes, str (as UTF-8) or a
// contiguous buffer. Nothing is copied; the objects are kept alive. Made and destroyed with the
// interpreter's lock held, read without it.
class Payloads {
 public:
  Payloads() = default;
  Payloads(const Payloads&) = delete;
  Payloads& operator=(const Payloads&) = delete;
  ~Payloads() { Py_XDECREF(items_); }

  // False with an exception set if `data` does not hold `count` responses, or if its memory holds
  // addresses where a response should be, as an array of Python objects does.
  bool Read(PyObject* data, Py_ssize_t count);

  uintptr_t data(Py_ssize_t i) const {
    return reinterpret_cast<uintptr_t>(rows_ ? rows_ + i * row_size_ : Item(i).data);
  }
  size_t size(Py_ssize_t i) const;

 private:
  struct Bytes {
    const char* data;
    size_t size;
  };

  const Bytes& Item(Py_ssize_t i) const { return item_bytes_[static_cast<size_t>(i)]; }
  bool ReadArray(PyObject* data, Py_ssize_t count);
  bool ReadTexts(const Py_buffer& view, Py_ssize_t count);
  bool ReadObjects(PyObject* data, Py_ssize_t count);
  bool ReadItems(Py_ssize_t count);
  bool ReadItem(PyObject* item, Py_ssize_t i);

  std::vector<Buffer> buffers_;
  const char* rows_ = nullptr;
  Py_ssize_t row_size_ = 0;
  bool rows_are_padded_ = false;  // With NULs, to the size of the longest.

  PyObject* items_ = nullptr;  // A tuple: a list could change while its items are read.
  std::vector<Bytes> item_bytes_;
};

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_PAYLOADS_H_
