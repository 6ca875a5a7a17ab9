// Weights of groups with widths of their own.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "arrays.h"
#include "bind.h"
#include "groups.h"
#include "kernels.h"

namespace mlperf::python {
namespace {

using namespace py::literals;
using compress::ActiveKernels;
using compress::GroupGrid;
using compress::GroupStreams;
using compress::RangeCount;

// A grid of arguments, which must live as long.
class Groups {
 public:
  Groups(py::ssize_t group, const py::object& widths, double lo, double hi, size_t count)
      : size_(CheckedLength("group", group, count)),
        widths_(widths, "widths", RangeCount(count, size_)),
        grid_{widths_.data(), size_, {static_cast<float>(lo), static_cast<float>(hi)}} {
    const uint8_t* const end = widths_.data() + widths_.size();
    const uint8_t* const wrong = std::find_if(
        widths_.data(), end, [](uint8_t width) { return width < 1 || width > compress::kMaxBits; });
    if (wrong == end) return;
    throw py::value_error("widths: element " + std::to_string(wrong - widths_.data()) + " is " +
                          std::to_string(*wrong) + ", but must be 1 to " +
                          std::to_string(compress::kMaxBits));
  }
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;
  const GroupGrid& grid() const { return grid_; }

 private:
  size_t size_;
  Input<uint8_t> widths_;
  GroupGrid grid_;
};

py::array EncodeGroups(const py::object& object, py::ssize_t group, const py::object& widths,
                       double lo, double hi) {
  const Input<float> weights(object, "weights");
  const Groups groups(group, widths, lo, hi, weights.size());
  const GroupStreams streams = StreamsOf(groups.grid(), weights.size());
  Result<uint8_t> stream(streams.size);
  uint8_t* const to = stream.data();
  Unlocked([&] {
    ActiveKernels().encode_groups(weights.data(), weights.size(), groups.grid(), streams, to);
  });
  return stream.array();
}

py::array DecodeGroups(const py::object& object, py::ssize_t group, const py::object& widths,
                       double lo, double hi, const py::object& out) {
  Output weights(out);
  const Groups groups(group, widths, lo, hi, weights.size());
  const GroupStreams streams = StreamsOf(groups.grid(), weights.size());
  const Input<uint8_t> stream(object, "stream", streams.size);
  float* const to = weights.data();
  Unlocked([&] {
    ActiveKernels().decode_groups(stream.data(), weights.size(), groups.grid(), streams, to);
  });
  return weights.array();
}

py::array RestoreGroups(const py::object& object, py::ssize_t group, const py::object& widths,
                        double lo, double hi, const py::object& out) {
  const Input<float> weights(object, "weights");
  const Groups groups(group, widths, lo, hi, weights.size());
  Output restored(out, weights.size());
  float* const to = restored.data();
  Unlocked(
      [&] { ActiveKernels().restore_groups(weights.data(), weights.size(), groups.grid(), to); });
  return restored.array();
}

}  // namespace

void BindGroups(py::module_& module) {
  module.def("encode_groups", &EncodeGroups, "weights"_a, "group"_a, "widths"_a, "lo"_a, "hi"_a,
             "A bit stream for each width that occurs, ascending, each from a byte boundary."
             " `group` consecutive weights share a width, the last ones fewer (0: all).");
  module.def("decode_groups", &DecodeGroups, "stream"_a, "group"_a, "widths"_a, "lo"_a, "hi"_a,
             "out"_a, "Fills `out` with the weights of such streams.");
  module.def("restored_groups", &RestoreGroups, "weights"_a, "group"_a, "widths"_a, "lo"_a, "hi"_a,
             "out"_a = py::none(),
             "What `decode_groups` makes of what `encode_groups` makes of the weights.");
}

}  // namespace mlperf::python
