#include "pickling.h"

#include <string>

namespace mlperf::python {
namespace {

namespace py = pybind11;

py::tuple Reduce(const py::object& self) {
  const py::object type = py::type::of(self);
  if (!py::hasattr(type, "__setstate__")) {
    throw py::type_error("cannot pickle or copy a " +
                         py::str(type.attr("__name__")).cast<std::string>() +
                         ": it belongs to this process; make another one where it is needed");
  }
  const py::object make = py::module_::import("copyreg").attr("__newobj__");
  return py::make_tuple(make, py::make_tuple(type), self.attr("__getstate__")());
}

bool IsBound(py::handle member) {
  if (!PyType_Check(member.ptr())) return false;
  auto* type = reinterpret_cast<PyTypeObject*>(member.ptr());
  return py::detail::get_type_info(type) != nullptr;
}

}  // namespace

void BindPickling(const py::module_& module) {
  const py::object reduce = py::cpp_function(Reduce, py::name("__reduce__"), py::is_method(module));
  for (const auto& [name, member] : py::dict(module.attr("__dict__"))) {
    if (IsBound(member)) py::setattr(member, "__reduce__", reduce);
  }
}

}  // namespace mlperf::python
