#include <string>

#include "bind.h"
#include "cpu_path.h"

namespace mlperf::python {

namespace py = pybind11;
using namespace py::literals;

void BindCpuPath(py::module_& module) {
  module.def(
      "cpu_path", [] { return compress::CpuPathName(compress::ActivePath()); },
      "The instructions that the functions of this module use: the best that the processor has,"
      " unless `use_cpu_path` chose others.");

  module.def(
      "use_cpu_path",
      [](const std::string& path) {
        std::string supported;
        for (const compress::CpuPath candidate : compress::kCpuPaths) {
          if (!compress::IsSupported(candidate)) continue;
          if (path == compress::CpuPathName(candidate)) return compress::UsePath(candidate);
          supported += std::string(supported.empty() ? "" : ", ") + '"' +
                       compress::CpuPathName(candidate) + '"';
        }
        throw py::value_error("path=\"" + path + "\": this processor has " + supported);
      },
      "path"_a,
      "Makes the functions of this module use these instructions, in all threads. ValueError if the"
      " processor lacks them. Results do not depend on it.");
}

}  // namespace mlperf::python
