// Weights of ranges (lo, hi).
#include <utility>

#include "bind.h"
#include "coding.h"

namespace mlperf::python {
namespace {

using namespace py::literals;
using compress::ActiveKernels;
using compress::AffineGrid;
using compress::Range;
using compress::RangeCount;

py::tuple FindRanges(const py::object& object, py::ssize_t weights_per_range) {
  const Input<float> weights(object, "weights");
  const size_t per_range = CheckedLength("per_range", weights_per_range, weights.size());
  const size_t count = RangeCount(weights.size(), per_range);
  py::array_t<float> ranges({count, size_t{2}});
  auto* const to = reinterpret_cast<Range*>(ranges.mutable_data());
  size_t non_finite_count = 0;
  Unlocked([&] {
    if (!ActiveKernels().find_ranges(weights.data(), weights.size(), per_range, to)) {
      non_finite_count = NonFiniteCount(weights);
    }
  });
  return py::make_tuple(ranges, non_finite_count);
}

// A grid of arguments, which must outlive it.
struct Affine {
  Affine(const py::object& object, py::ssize_t bits, py::ssize_t weights_per_range, size_t count)
      : per_range(CheckedLength("per_range", weights_per_range, count)),
        ranges(object, count, per_range),
        grid{ranges.data(), per_range, CheckedBits(bits)} {}
  size_t per_range;
  InputRanges ranges;
  AffineGrid grid;
};

py::array Quantize(const py::object& object, py::ssize_t bits, const py::object& ranges,
                   py::ssize_t per_range) {
  const Input<float> weights(object, "weights");
  const Affine affine(ranges, bits, per_range, weights.size());
  const auto size = static_cast<py::ssize_t>(weights.size());
  const bool is_small = affine.grid.bits <= 8;
  py::array codes(is_small ? py::dtype::of<uint8_t>() : py::dtype::of<uint16_t>(), size);
  void* const to = codes.mutable_data();
  Unlocked(
      [&] { ActiveKernels().affine->quantize(weights.data(), weights.size(), affine.grid, to); });
  return codes;
}

py::array Dequantize(const py::object& object, py::ssize_t bits, const py::object& ranges,
                     py::ssize_t per_range, const py::object& out) {
  const bool is_small = CheckedBits(bits) <= 8;
  const py::array codes = CheckedArray(
      object, "codes", is_small ? py::dtype::of<uint8_t>() : py::dtype::of<uint16_t>(), 1);
  const auto count = static_cast<size_t>(codes.size());
  const Affine affine(ranges, bits, per_range, count);
  Output weights(out, count);
  const void* const from = codes.data();
  float* const to = weights.data();
  Unlocked([&] { ActiveKernels().affine->dequantize(from, count, affine.grid, to); });
  return weights.array();
}

py::array RestoreAffine(const py::object& object, py::ssize_t bits, const py::object& ranges,
                        py::ssize_t per_range, const py::object& out) {
  const Input<float> weights(object, "weights");
  const Affine affine(ranges, bits, per_range, weights.size());
  return Restored(*ActiveKernels().affine, weights, affine.grid, out);
}

py::array EncodeAffine(const py::object& object, py::ssize_t bits, const py::object& ranges,
                       py::ssize_t per_range) {
  const Input<float> weights(object, "weights");
  const Affine affine(ranges, bits, per_range, weights.size());
  return Encoded(*ActiveKernels().affine, weights, affine.grid);
}

py::array DecodeAffine(const py::object& stream, py::ssize_t bits, const py::object& ranges,
                       py::ssize_t per_range, const py::object& out) {
  Output weights(out);
  const Affine affine(ranges, bits, per_range, weights.size());
  return Decoded(*ActiveKernels().affine, stream, affine.grid, std::move(weights));
}

}  // namespace

void BindRanges(py::module_& module) {
  module.def("ranges", &FindRanges, "weights"_a, "per_range"_a,
             "(lo, hi) of each `per_range` consecutive weights, the last ones fewer (0: of all),"
             " float32 of shape [ranges, 2]; and how many weights are not finite, in which case"
             " the ranges mean nothing.");
  module.def("quantize", &Quantize, "weights"_a, "bits"_a, "ranges"_a, "per_range"_a,
             "The codes of the weights, uint8 up to 8 bits, else uint16.");
  module.def("dequantize", &Dequantize, "codes"_a, "bits"_a, "ranges"_a, "per_range"_a,
             "out"_a = py::none(),
             "The weights that the codes stand for, in `out` if there is one.");
  module.def("restored", &RestoreAffine, "weights"_a, "bits"_a, "ranges"_a, "per_range"_a,
             "out"_a = py::none(),
             "What `dequantize` makes of what `quantize` makes of the weights; `out` may be"
             " `weights`.");
  module.def("encode", &EncodeAffine, "weights"_a, "bits"_a, "ranges"_a, "per_range"_a,
             "The codes of the weights as a bit stream.");
  module.def("decode", &DecodeAffine, "stream"_a, "bits"_a, "ranges"_a, "per_range"_a, "out"_a,
             "Fills `out` with the weights of a bit stream, as many as it holds.");
}

}  // namespace mlperf::python
