// Sample: the fields of one sample in memory, as read-only views of its bytes.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_SHARDS_SAMPLE_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_SHARDS_SAMPLE_H_

#include <pybind11/pybind11.h>

#include "library.h"

namespace mlperf::python {

namespace py = pybind11;

// A library and the names of its fields as strings.
struct NamedLibrary {
  std::unique_ptr<shards::Library> library;
  std::vector<py::object> field_names;
};

// `owner` is the object that keeps `library`. The sample holds its batch.
py::object MakeSample(py::handle owner, const NamedLibrary* library,
                      const shards::LoadedSample* loaded, py::object decoded);

// Adds the type to the module.
void BindSample(py::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_SHARDS_SAMPLE_H_
