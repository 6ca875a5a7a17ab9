#include "conversions.h"

#include <cerrno>

namespace mlperf::python {
namespace {

using namespace py::literals;

// Functions that give classes of errors, in a dict that lives as long as the process.
py::handle& Hooks() {
  static py::handle hooks = py::dict().release();
  return hooks;
}

}  // namespace

py::str Text(std::string_view bytes) {
  const auto size = static_cast<Py_ssize_t>(bytes.size());
  PyObject* text = PyUnicode_DecodeUTF8(bytes.data(), size, "surrogateescape");
  if (text == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

std::string Bytes(py::handle text) {
  const auto bytes = py::reinterpret_steal<py::bytes>(
      PyUnicode_AsEncodedString(text.ptr(), "utf-8", "surrogateescape"));
  if (!bytes) throw py::error_already_set();
  return bytes;
}

std::string Lower(std::string_view name) {
  const py::gil_scoped_acquire acquire;
  return Bytes(Text(name).attr("lower")());
}

HeldBuffer::HeldBuffer(py::handle object, int flags) {
  if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) throw py::error_already_set();
}

bool IsChosen(const char* name, const std::string& value, const char* off, const char* on) {
  if (value == on) return true;
  if (value == off) return false;
  throw py::value_error(std::string(name) + "=\"" + value + "\": it must be \"" + off + "\" or \"" +
                        on + "\"");
}

py::dict CountsOf(const shards::Remarks& remarks) {
  py::dict counts;
  for (size_t reason = 0; reason < shards::kLeftOutCount; ++reason) {
    if (remarks.left_out[reason] == 0) continue;
    counts[shards::LeftOutName(static_cast<shards::LeftOut>(reason))] = remarks.left_out[reason];
  }
  return counts;
}

py::list WarningsOf(const shards::Remarks& remarks) {
  py::list warnings;
  for (const shards::Warning& warning : remarks.Warnings()) {
    warnings.append(py::make_tuple(warning.kind, warning.text));
  }
  return warnings;
}

void RaiseSystemError(int error, const std::string& path) {
  errno = error;
  PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, Text(path).ptr());
  throw py::error_already_set();
}

void Raise(const std::string& shard, const shards::FormatError& error) {
  const py::object error_class = Hooks()["format_error"]();
  const py::object member = error.member.empty() ? py::object(py::none()) : Text(error.member);
  const py::object exception = error_class(
      Text(shards::FormatErrorText(shard, error)), "kind"_a = shards::ErrorName(error.kind),
      "shard"_a = Text(shard), "offset"_a = error.offset, "member"_a = member);
  PyErr_SetObject(error_class.ptr(), exception.ptr());
  throw py::error_already_set();
}

void RaiseFault(const std::string& shard, const shards::Fault& fault) {
  switch (fault.kind) {
    case shards::FaultKind::kFormat:
      Raise(shard, fault.format);
    case shards::FaultKind::kSystem:
      RaiseSystemError(fault.system_error, shard);
    case shards::FaultKind::kChanged:
      PyErr_SetObject(Hooks()["changed_error"]().ptr(),
                      Text(shards::FaultText(shard, fault)).ptr());
      throw py::error_already_set();
    default:
      PyErr_SetObject(PyExc_ValueError, Text(shards::FaultText(shard, fault)).ptr());
      throw py::error_already_set();
  }
}

void BindConversions(py::module_& module) {
  module.def(
      "set_hooks",
      [](const py::function& format_error, const py::function& changed_error) {
        Hooks().attr("update")("format_error"_a = format_error, "changed_error"_a = changed_error);
      },
      "format_error"_a, "changed_error"_a,
      "Takes functions without arguments, each of which gives the class that its name says.");
}

}  // namespace mlperf::python
