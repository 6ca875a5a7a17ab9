#include "hooks.h"

namespace mlperf::python {
namespace {

using namespace py::literals;

// A dict that lives as long as the process.
py::handle& Hooks() {
  static py::handle hooks = py::dict().release();
  return hooks;
}

}  // namespace

py::object Hook(const char* name) { return Hooks()[name](); }

void BindHooks(py::module_& module) {
  module.def(
      "set_hooks",
      [](const py::function& config_warning, const py::function& describe,
         const py::function& logs_overwritten_warning, const py::function& read_samples) {
        Hooks().attr("update")("config_warning"_a = config_warning, "describe"_a = describe,
                               "logs_overwritten_warning"_a = logs_overwritten_warning,
                               "read_samples"_a = read_samples);
      },
      "config_warning"_a, "describe"_a, "logs_overwritten_warning"_a, "read_samples"_a,
      "Takes functions without arguments, each of which gives what its name says.");
}

}  // namespace mlperf::python
