// Goal: every path gives the bits that the portable one gives, for any number of weights.
// Method: random weights of all lengths around those of vectors and blocks go through each kernel
// on the path and on the portable one.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "bit_stream.h"
#include "helpers/cpu_paths.h"
#include "kernels.h"
#include "noise.h"

namespace mlperf::compress {
namespace {

ON_EACH_CPU_PATH(PathsTest);

using Bytes = std::vector<uint8_t>;
using Floats = std::vector<float>;

constexpr size_t kLengths[] = {0,    1,    2,    7,    8,    9,    15,  16,   17,
                               31,   32,   33,   63,   64,   100,  511, 1023, 1024,
                               1025, 2050, 4095, 4096, 4097, 8201, 9000};
constexpr size_t kRuns[] = {1, 3, 8, 13, 32, 1024, 3000, SIZE_MAX};

Floats RandomWeights(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Floats weights(count);
  for (float& weight : weights) weight = normal(random);
  return weights;
}

// Makes the same with the portable kernels and with those of the path, and compares them.
template <typename Make>
void ExpectSame(CpuPath path, Make make) {
  UsePath(CpuPath::kPortable);
  const auto wanted = make(ActiveKernels());
  UsePath(path);
  EXPECT_EQ(make(ActiveKernels()), wanted);
}

template <typename Make>
void ForEachLength(Make make) {
  for (const size_t count : kLengths) {
    for (const size_t run : kRuns) {
      SCOPED_TRACE(std::to_string(count) + " weights, runs of " + std::to_string(run));
      make(count, run);
    }
  }
}

TEST_P(PathsTest, Ranges) {
  ForEachLength([&](size_t count, size_t run) {
    const Floats weights = RandomWeights(count, 1);
    ExpectSame(GetParam(), [&](const Kernels& kernels) {
      std::vector<Range> ranges(RangeCount(count, run));
      EXPECT_TRUE(kernels.find_ranges(weights.data(), count, run, ranges.data()));
      Floats ends;
      for (const Range& range : ranges) ends.insert(ends.end(), {range.lo, range.hi});
      return ends;
    });
  });
}

template <typename Grid>
void ExpectSameCoding(CpuPath path, const Floats& weights, const Grid& grid,
                      const GridKernels<Grid>* Kernels::* coding) {
  const size_t count = weights.size();
  ExpectSame(path, [&](const Kernels& kernels) {
    Bytes stream(PackedSize(count, grid.bits));
    Floats decoded(count);
    Floats restored(count);
    (kernels.*coding)->encode(weights.data(), count, grid, stream.data());
    (kernels.*coding)->decode(stream.data(), count, grid, decoded.data());
    (kernels.*coding)->restore(weights.data(), count, grid, restored.data());
    EXPECT_EQ(decoded, restored);
    return std::tuple(stream, restored);
  });
}

TEST_P(PathsTest, Codes) {
  ForEachLength([&](size_t count, size_t run) {
    const Floats weights = RandomWeights(count, 2);
    const size_t range_count = RangeCount(count, run);
    const std::vector<Range> ranges(range_count, {-2.5f, 2.25f});  // Some weights lie outside.
    const Floats steps(range_count, 0.1f);
    for (const int bits : {1, 5, 8, 9, 16}) {
      const std::vector<uint16_t> zeros(range_count, static_cast<uint16_t>((1 << bits) / 2));
      ExpectSameCoding(GetParam(), weights, AffineGrid{ranges.data(), run, bits}, &Kernels::affine);
      ExpectSameCoding(GetParam(), weights, ZeroGrid{steps.data(), zeros.data(), run, bits},
                       &Kernels::zero);
    }
  });
}

TEST_P(PathsTest, Groups) {
  ForEachLength([&](size_t count, size_t run) {
    const Floats weights = RandomWeights(count, 3);
    std::mt19937 random(4);
    Bytes widths(RangeCount(count, run));
    for (uint8_t& width : widths) width = static_cast<uint8_t>(1 + random() % 16);
    const GroupGrid grid{widths.data(), run, {-3, 3}};
    const GroupStreams streams = StreamsOf(grid, count);
    ExpectSame(GetParam(), [&](const Kernels& kernels) {
      Bytes stream(streams.size);
      Floats decoded(count);
      Floats restored(count);
      kernels.encode_groups(weights.data(), count, grid, streams, stream.data());
      kernels.decode_groups(stream.data(), count, grid, streams, decoded.data());
      kernels.restore_groups(weights.data(), count, grid, restored.data());
      EXPECT_EQ(decoded, restored);
      return std::tuple(stream, restored);
    });
  });
}

TEST_P(PathsTest, Noise) {
  ForEachLength([&](size_t count, size_t run) {
    const Floats weights = RandomWeights(count, 5);
    const Floats steps = RandomWeights(RangeCount(count, run), 6);
    const float* const table = TableOf(NoiseKind::kGaussian).data();
    ExpectSame(GetParam(), [&](const Kernels& kernels) {
      Floats noisy(count);
      Floats sums(steps.size());
      kernels.add_noise(weights.data(), count, run, steps.data(), 7, table, noisy.data());
      Floats copy(count);
      kernels.sum_noise(weights.data(), count, run, 7, table, sums.data(), copy.data());
      EXPECT_EQ(copy, weights);
      return std::tuple(noisy, sums);
    });
  });
}

TEST_P(PathsTest, Gradients) {
  for (const size_t count : kLengths) {
    const Floats weights = RandomWeights(count, 8);
    const Floats upstream = RandomWeights(count, 9);
    const BitLimits limits{2, 15};
    ExpectSame(GetParam(), [&](const Kernels& kernels) {
      Floats by_weight(count);
      Floats steps(count);
      Floats by_logit(count);
      Floats by_size(count);
      Floats restored(count);
      EXPECT_TRUE(kernels.restore_lsq(weights.data(), count, 0.3f, 3, restored.data()));
      const StepGradient by_step =
          kernels.lsq_gradients(weights.data(), upstream.data(), count, 0.3f, 3, by_weight.data());
      kernels.group_steps(weights.data(), count, limits, 4, steps.data());
      const double by_span = kernels.group_gradients(weights.data(), upstream.data(), count, limits,
                                                     4, by_logit.data());
      const double bits = kernels.sum_bits(weights.data(), count, limits);
      kernels.bits_gradients(weights.data(), count, limits, 3, by_size.data());
      return std::tuple(restored, by_weight, by_step.value, steps, by_logit, by_span, bits,
                        by_size);
    });
  }
}

}  // namespace
}  // namespace mlperf::compress
