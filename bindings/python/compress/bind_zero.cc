// Weights of ranges in which zero is a level; LSQ has one such range, with zero in its middle.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "bind.h"
#include "coding.h"
#include "zero_points.h"

namespace mlperf::python {
namespace {

using namespace py::literals;
using compress::ActiveKernels;
using compress::Range;
using compress::RangeCount;
using compress::ZeroGrid;

// ---- Ranges
// --------------------------------------------------------------------------------------

py::tuple ZeroSteps(const py::object& object, py::ssize_t bits_of_code,
                    py::ssize_t weights_per_range) {
  const Input<float> weights(object, "weights");
  const int bits = CheckedBits(bits_of_code);
  const size_t per_range = CheckedLength("per_range", weights_per_range, weights.size());
  const size_t count = RangeCount(weights.size(), per_range);
  Result<float> steps(count);
  Result<uint16_t> zeros(count);
  float* const to_steps = steps.data();
  uint16_t* const to_zeros = zeros.data();
  size_t non_finite_count = 0;
  Unlocked([&] {
    std::vector<Range> ranges(count);
    if (!ActiveKernels().find_ranges(weights.data(), weights.size(), per_range, ranges.data())) {
      non_finite_count = NonFiniteCount(weights);
    }
    FindZeroPoints(ranges.data(), count, bits, to_steps, to_zeros);
  });
  return py::make_tuple(steps.array(), zeros.array(), non_finite_count);
}

// A grid of arguments, which must live as long.
struct Zero {
  Zero(py::ssize_t bits, const py::object& all_steps, const py::object& all_zeros,
       py::ssize_t weights_per_range, size_t count)
      : per_range(CheckedLength("per_range", weights_per_range, count)),
        steps(all_steps, "steps", RangeCount(count, per_range)),
        zeros(all_zeros, "zeros", RangeCount(count, per_range)),
        grid{steps.data(), zeros.data(), per_range, CheckedBits(bits)} {}
  size_t per_range;
  Input<float> steps;
  Input<uint16_t> zeros;
  ZeroGrid grid;
};

py::array RestoreZero(const py::object& object, py::ssize_t bits, const py::object& steps,
                      const py::object& zeros, py::ssize_t per_range, const py::object& out) {
  const Input<float> weights(object, "weights");
  const Zero zero(bits, steps, zeros, per_range, weights.size());
  return Restored(*ActiveKernels().zero, weights, zero.grid, out);
}

py::array EncodeZero(const py::object& object, py::ssize_t bits, const py::object& steps,
                     const py::object& zeros, py::ssize_t per_range) {
  const Input<float> weights(object, "weights");
  const Zero zero(bits, steps, zeros, per_range, weights.size());
  return Encoded(*ActiveKernels().zero, weights, zero.grid);
}

py::array DecodeZero(const py::object& stream, py::ssize_t bits, const py::object& steps,
                     const py::object& zeros, py::ssize_t per_range, const py::object& out) {
  Output weights(out);
  const Zero zero(bits, steps, zeros, per_range, weights.size());
  return Decoded(*ActiveKernels().zero, stream, zero.grid, std::move(weights));
}

// ---- LSQ
// -----------------------------------------------------------------------------------------

// The grid of one step: codes are whole numbers from -2^(bits - 1), counted from 0.
class Lsq {
 public:
  Lsq(py::ssize_t bits, double step, size_t count)
      : step_(static_cast<float>(step)),
        zero_(static_cast<uint16_t>(1 << (CheckedBits(bits, 2) - 1))),
        grid_{&step_, &zero_, CheckedLength("weights", 0, count), static_cast<int>(bits)} {
    if (step_ > 0 && std::isfinite(step_)) return;
    throw py::value_error("step=" + std::string(py::repr(py::float_(step))) +
                          ": it must be a finite number above 0");
  }
  Lsq(const Lsq&) = delete;
  Lsq& operator=(const Lsq&) = delete;
  const ZeroGrid& grid() const { return grid_; }

 private:
  float step_;
  uint16_t zero_;
  ZeroGrid grid_;
};

py::tuple RestoreLsq(const py::object& object, py::ssize_t bits, double step,
                     const py::object& out) {
  const Input<float> weights(object, "weights");
  const Lsq lsq(bits, step, weights.size());
  Output restored(out, weights.size());
  float* const to = restored.data();
  size_t non_finite_count = 0;
  Unlocked([&] {
    if (!ActiveKernels().restore_lsq(weights.data(), weights.size(), *lsq.grid().steps,
                                     lsq.grid().bits, to)) {
      non_finite_count = NonFiniteCount(weights);
    }
  });
  return py::make_tuple(restored.array(), non_finite_count);
}

py::array EncodeLsq(const py::object& object, py::ssize_t bits, double step) {
  const Input<float> weights(object, "weights");
  const Lsq lsq(bits, step, weights.size());
  return Encoded(*ActiveKernels().zero, weights, lsq.grid());
}

py::array DecodeLsq(const py::object& stream, py::ssize_t bits, double step,
                    const py::object& out) {
  Output weights(out);
  const Lsq lsq(bits, step, weights.size());
  return Decoded(*ActiveKernels().zero, stream, lsq.grid(), std::move(weights));
}

py::tuple LsqGradients(const py::object& object, const py::object& gradient, py::ssize_t bits,
                       double step, const py::object& out) {
  const Input<float> weights(object, "weights");
  const Input<float> upstream(gradient, "upstream", weights.size());
  const Lsq lsq(bits, step, weights.size());
  Output by_weight(out, weights.size());
  float* const to = by_weight.data();
  compress::StepGradient by_step{};
  Unlocked([&] {
    by_step = ActiveKernels().lsq_gradients(weights.data(), upstream.data(), weights.size(),
                                            *lsq.grid().steps, lsq.grid().bits, to);
  });
  if (!by_step.is_any_clipped) return py::make_tuple(gradient, by_step.value);
  return py::make_tuple(by_weight.array(), by_step.value);
}

}  // namespace

void BindZero(py::module_& module) {
  module.def("zero_steps", &ZeroSteps, "weights"_a, "bits"_a, "per_range"_a,
             "Ranges in which zero is a level: the step and the code of zero of each, and how many"
             " weights are not finite, in which case the others mean nothing.");
  module.def("restored_zero", &RestoreZero, "weights"_a, "bits"_a, "steps"_a, "zeros"_a,
             "per_range"_a, "out"_a = py::none(),
             "As `restored`, for ranges in which zero is a level.");
  module.def("encode_zero", &EncodeZero, "weights"_a, "bits"_a, "steps"_a, "zeros"_a, "per_range"_a,
             "As `encode`, for ranges in which zero is a level.");
  module.def("decode_zero", &DecodeZero, "stream"_a, "bits"_a, "steps"_a, "zeros"_a, "per_range"_a,
             "out"_a, "As `decode`, for ranges in which zero is a level.");
}

void BindLsq(py::module_& module) {
  module.def("encode_lsq", &EncodeLsq, "weights"_a, "bits"_a, "step"_a,
             "The codes of the weights as a bit stream; the code of zero is 2^(bits - 1).");
  module.def("decode_lsq", &DecodeLsq, "stream"_a, "bits"_a, "step"_a, "out"_a,
             "Fills `out` with the weights of a bit stream.");
  module.def("restored_lsq", &RestoreLsq, "weights"_a, "bits"_a, "step"_a, "out"_a = py::none(),
             "The weights as multiples of the step, as `decode_lsq` makes them of `encode_lsq`;"
             " and how many weights are not finite, in which case the others mean nothing.");
  module.def("lsq_gradients", &LsqGradients, "weights"_a, "upstream"_a, "bits"_a, "step"_a,
             "out"_a = py::none(),
             "The gradients of `restored_lsq` for the gradient of its result: by the weights, which"
             " is `upstream` itself if no weight was clipped, else in `out` if there is one; and by"
             " the step, which is not yet divided by sqrt(n P).");
}

}  // namespace mlperf::python
