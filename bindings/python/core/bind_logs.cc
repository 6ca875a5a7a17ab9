// Reading logs.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bind.h"
#include "read/accuracy_reader.h"
#include "read/sample_reader.h"
#include "record/sample_row.h"
#include "write/log_files.h"
#include "write/sample_log.h"

namespace mlperf::python {
namespace {

namespace py = pybind11;
using namespace py::literals;

// Moves a vector into a NumPy array without copying its elements.
template <typename T>
py::array_t<T> ToArray(std::vector<T>&& values) {
  auto* owned = new std::vector<T>(std::move(values));
  const py::capsule owner(owned, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(static_cast<py::ssize_t>(owned->size()), owned->data(), owner);
}

py::dict ReadAccuracy(const std::string& path) {
  loadgen::AccuracyData data = [&path] {
    const py::gil_scoped_release without_gil;
    return loadgen::ReadAccuracyLog(path);
  }();
  return py::dict("sequence_ids"_a = ToArray(std::move(data.sequence_ids)),
                  "indices"_a = ToArray(std::move(data.sample_indices)),
                  "payload"_a = ToArray(std::move(data.payload)),
                  "payload_offsets"_a = ToArray(std::move(data.payload_offsets)),
                  "token_payload"_a = ToArray(std::move(data.token_payload)),
                  "token_payload_offsets"_a = ToArray(std::move(data.token_payload_offsets)),
                  "token_counts"_a = ToArray(std::move(data.token_counts)),
                  "truncated"_a = data.truncated, "shortened"_a = data.shortened,
                  "used_bytes"_a = data.used_bytes);
}

py::dict SampleLayout(std::string_view head, uint64_t file_size, const std::string& name) {
  const loadgen::SampleLayout layout = loadgen::ReadSampleLayout(head, file_size, name);
  return py::dict("data_offset"_a = layout.data_offset, "row_count"_a = layout.row_count,
                  "truncated"_a = layout.truncated);
}

// A row, as numpy.dtype takes it.
py::list SampleColumns() {
  py::list columns;
  for (const loadgen::SampleColumn& column : loadgen::kSampleColumns) {
    columns.append(py::make_tuple(column.name, column.Type()));
  }
  return columns;
}

}  // namespace

void BindLogs(py::module_& module) {
  py::register_exception<loadgen::AccuracyFormatError>(module, "AccuracyFormatError",
                                                       PyExc_ValueError);
  py::register_exception<loadgen::SampleLogFormatError>(module, "SampleLogFormatError",
                                                        PyExc_ValueError);
  module.def("read_accuracy", ReadAccuracy, py::arg("path"));
  module.attr("_SAMPLE_FOLDER") = loadgen::kSampleFolder;
  module.def("sample_columns", SampleColumns);
  module.def("sample_layout", SampleLayout, py::arg("head"), py::arg("file_size"), py::arg("name"));
  module.def("sample_left_out", &loadgen::ReadLeftOutCount, py::arg("rest"));
}

}  // namespace mlperf::python
