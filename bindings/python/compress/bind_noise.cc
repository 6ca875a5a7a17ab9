// The noise of training steps.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "arrays.h"
#include "bind.h"
#include "kernels.h"
#include "noise.h"

namespace mlperf::python {
namespace {

using namespace py::literals;
using compress::ActiveKernels;
using compress::NoiseKind;
using compress::NoiseTable;
using compress::RangeCount;

const NoiseTable& TableOf(const std::string& kind) {
  if (kind == "gaussian") return TableOf(NoiseKind::kGaussian);
  if (kind == "uniform") return TableOf(NoiseKind::kUniform);
  throw py::value_error("kind=\"" + kind + "\": it must be \"gaussian\" or \"uniform\"");
}

py::array Table(const std::string& kind) {
  const NoiseTable& table = TableOf(kind);
  Result<float> copy(table.size());
  std::copy(table.begin(), table.end(), copy.data());
  return copy.array();
}

py::array Noise(uint64_t key, py::ssize_t count, const std::string& kind) {
  if (count < 0) {
    throw py::value_error("count=" + std::to_string(count) + ": it must be 0 or more");
  }
  const NoiseTable& table = TableOf(kind);
  const auto size = static_cast<size_t>(count);
  // The noise of the first weight lies at the start.
  std::vector<float> values(size + compress::kNoiseMargin);
  Unlocked([&] { compress::MakeNoise(key, table.data(), 0, size, values.data()); });
  Result<float> noise(size);
  std::copy_n(values.begin(), size, noise.data());
  return noise.array();
}

py::array Noisy(const py::object& object, py::ssize_t group, const py::object& all_steps,
                uint64_t key, const std::string& kind, const py::object& out) {
  const Input<float> weights(object, "weights");
  const size_t group_size = CheckedLength("group", group, weights.size());
  const Input<float> steps(all_steps, "steps", RangeCount(weights.size(), group_size));
  const NoiseTable& table = TableOf(kind);
  Output noisy(out, weights.size());
  float* const to = noisy.data();
  Unlocked([&] {
    ActiveKernels().add_noise(weights.data(), weights.size(), group_size, steps.data(), key,
                              table.data(), to);
  });
  return noisy.array();
}

py::array NoiseSums(const py::object& object, py::ssize_t group, uint64_t key,
                    const std::string& kind, const py::object& copy) {
  const Input<float> upstream(object, "upstream");
  const size_t group_size = CheckedLength("group", group, upstream.size());
  const NoiseTable& table = TableOf(kind);
  Result<float> sums(RangeCount(upstream.size(), group_size));
  float* const to = sums.data();
  std::optional<Output> copied;
  if (!copy.is_none()) copied.emplace(copy, upstream.size());
  float* const copy_to = copied ? copied->data() : nullptr;
  Unlocked([&] {
    ActiveKernels().sum_noise(upstream.data(), upstream.size(), group_size, key, table.data(), to,
                              copy_to);
  });
  return sums.array();
}

}  // namespace

void BindNoise(py::module_& module) {
  module.def("noise_table", &Table, "kind"_a,
             "The 256 values of the noise, in steps: float32 of standard deviation 0.5"
             " (\"gaussian\"), or (k - 127.5) / 256 (\"uniform\").");
  module.def("noise", &Noise, "key"_a, "count"_a, "kind"_a,
             "The noise of a training step, in steps: value i is that of byte i % 8 of word i / 8"
             " of a splitmix64 generator that begins at `key`.");
  module.def("noisy", &Noisy, "weights"_a, "group"_a, "steps"_a, "key"_a, "kind"_a,
             "out"_a = py::none(),
             "Weight i plus steps[i / group] * noise[i] (group 0: steps[0]), in `out` if there is"
             " one.");
  module.def("noise_sums", &NoiseSums, "upstream"_a, "group"_a, "key"_a, "kind"_a,
             "copy"_a = py::none(),
             "The sum of upstream[i] * noise[i] over each group; `copy` becomes a copy of"
             " `upstream` in the same pass.");
}

}  // namespace mlperf::python
