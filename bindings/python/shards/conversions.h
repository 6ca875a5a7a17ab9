// Between C++ and Python: texts, bytes, errors. The package gives the class of the errors of
// archives, so that no C++ file names a Python module.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_SHARDS_CONVERSIONS_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_SHARDS_CONVERSIONS_H_

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>

#include "fault.h"
#include "format_error.h"
#include "remarks.h"

namespace mlperf::python {

namespace py = pybind11;

// Text that may hold bytes which are not UTF-8: these are lone surrogates.
py::str Text(std::string_view bytes);
// The bytes of such a text.
std::string Bytes(py::handle text);

// str.lower() of a name; holds the interpreter's lock while it runs.
std::string Lower(std::string_view name);

// The bytes of an object with a buffer, as long as this lives.
class HeldBuffer {
 public:
  explicit HeldBuffer(py::handle object, int flags = PyBUF_SIMPLE);
  ~HeldBuffer() { PyBuffer_Release(&view_); }
  HeldBuffer(const HeldBuffer&) = delete;
  HeldBuffer& operator=(const HeldBuffer&) = delete;
  std::string_view text() const { return {data(), static_cast<size_t>(view_.len)}; }
  char* data() const { return static_cast<char*>(view_.buf); }

 private:
  Py_buffer view_;
};

// Whether the option `name` is `on`; ValueError if it is neither `off` nor `on`.
bool IsChosen(const char* name, const std::string& value, const char* off, const char* on);

py::dict CountsOf(const shards::Remarks& remarks);
py::list WarningsOf(const shards::Remarks& remarks);

[[noreturn]] void Raise(const std::string& shard, const shards::FormatError& error);
[[noreturn]] void RaiseFault(const std::string& shard, const shards::Fault& fault);
// OSError with the path.
[[noreturn]] void RaiseSystemError(int error, const std::string& path);

void BindConversions(py::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_SHARDS_CONVERSIONS_H_
