// Learnt numbers of bits: their steps, their sum and their gradients.
#include <string>

#include "arrays.h"
#include "bind.h"
#include "bit_widths.h"
#include "kernels.h"

namespace mlperf::python {
namespace {

using namespace py::literals;
using compress::ActiveKernels;
using compress::BitLimits;
using compress::RangeCount;

BitLimits CheckedLimits(double least, double most) {
  if (least >= 1 && least < most && most <= compress::kMaxBits) return {least, most};
  throw py::value_error(
      "min_bits=" + std::string(py::str(py::float_(least))) +
      ", max_bits=" + std::string(py::str(py::float_(most))) +
      ": they must be 1 <= min_bits < max_bits <= " + std::to_string(compress::kMaxBits));
}

py::array GroupSteps(const py::object& object, double min_bits, double max_bits, double span,
                     const py::object& out) {
  const Input<float> logits(object, "logits");
  const BitLimits limits = CheckedLimits(min_bits, max_bits);
  Output steps(out, logits.size());
  float* const to = steps.data();
  Unlocked([&] { ActiveKernels().group_steps(logits.data(), logits.size(), limits, span, to); });
  return steps.array();
}

py::tuple GroupGradients(const py::object& object, const py::object& all_sums, double min_bits,
                         double max_bits, double span, const py::object& out) {
  const Input<float> logits(object, "logits");
  const Input<float> sums(all_sums, "sums", logits.size());
  const BitLimits limits = CheckedLimits(min_bits, max_bits);
  Output by_logit(out, logits.size());
  float* const to = by_logit.data();
  double by_span = 0;
  Unlocked([&] {
    by_span = ActiveKernels().group_gradients(logits.data(), sums.data(), logits.size(), limits,
                                              span, to);
  });
  return py::make_tuple(by_logit.array(), by_span);
}

// Groups of equally many weights, the last with the rest.
struct Sizes {
  Sizes(py::ssize_t group, py::ssize_t weight_count, size_t group_count) {
    if (weight_count < 0) {
      throw py::value_error("count=" + std::to_string(weight_count) + ": it must be 0 or more");
    }
    const auto count = static_cast<size_t>(weight_count);
    const size_t group_size = CheckedLength("group", group, count);
    CheckSize("logits", group_count, RangeCount(count, group_size));
    each = static_cast<double>(group_size);
    last = static_cast<double>(count - (group_count - 1) * group_size);
  }
  double each;
  double last;
};

double SoftBits(const py::object& object, double min_bits, double max_bits, py::ssize_t group,
                py::ssize_t count) {
  const Input<float> logits(object, "logits");
  const BitLimits limits = CheckedLimits(min_bits, max_bits);
  const Sizes sizes(group, count, logits.size());
  if (logits.size() == 0) return 0;
  double bits = 0;
  Unlocked([&] {
    const size_t others = logits.size() - 1;
    bits = sizes.each * ActiveKernels().sum_bits(logits.data(), others, limits) +
           sizes.last * ActiveKernels().sum_bits(logits.data() + others, 1, limits);
  });
  return bits;
}

py::array SoftBitsGradient(const py::object& object, double min_bits, double max_bits,
                           py::ssize_t group, py::ssize_t count, double scale,
                           const py::object& out) {
  const Input<float> logits(object, "logits");
  const BitLimits limits = CheckedLimits(min_bits, max_bits);
  const Sizes sizes(group, count, logits.size());
  Output by_logit(out, logits.size());
  if (logits.size() == 0) return by_logit.array();
  float* const to = by_logit.data();
  Unlocked([&] {
    const size_t others = logits.size() - 1;
    ActiveKernels().bits_gradients(logits.data(), others, limits, scale * sizes.each, to);
    ActiveKernels().bits_gradients(logits.data() + others, 1, limits, scale * sizes.last,
                                   to + others);
  });
  return by_logit.array();
}

}  // namespace

void BindBitWidths(py::module_& module) {
  module.def("group_steps", &GroupSteps, "logits"_a, "min_bits"_a, "max_bits"_a, "span"_a,
             "out"_a = py::none(),
             "The step span / (2^b - 1) of each group, b = min_bits + (max_bits - min_bits) *"
             " sigmoid(logit).");
  module.def("group_gradients", &GroupGradients, "logits"_a, "sums"_a, "min_bits"_a, "max_bits"_a,
             "span"_a, "out"_a = py::none(),
             "The gradients of noisy weights whose `noise_sums` are `sums`: by the logits, in `out`"
             " if there is one, and by the span, which is the sum of sums[k] / (2^b_k - 1).");
  module.def("soft_bits", &SoftBits, "logits"_a, "min_bits"_a, "max_bits"_a, "group"_a, "count"_a,
             "The sum over groups of the number of its weights times its b, for `count` weights.");
  module.def("soft_bits_gradient", &SoftBitsGradient, "logits"_a, "min_bits"_a, "max_bits"_a,
             "group"_a, "count"_a, "scale"_a, "out"_a = py::none(),
             "The gradient of `soft_bits` by the logits, times `scale`.");
}

}  // namespace mlperf::python
