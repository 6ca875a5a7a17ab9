// Goal: what the worked numbers do not show: ties, weights outside their range, codes that are too
// large, weights that are not finite.
// Method: small cases, on each path, each case long enough for vectors and a rest.
#include "kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "bit_stream.h"
#include "helpers/cpu_paths.h"

namespace mlperf::compress {
namespace {

ON_EACH_CPU_PATH(KernelsTest);

using Floats = std::vector<float>;
using Codes = std::vector<uint8_t>;

constexpr int kTimes = 5;
constexpr size_t kMany = 45;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The numbers so often that there are some for vectors and some that are left.
template <typename Numbers>
Numbers Repeated(const Numbers& numbers) {
  Numbers all;
  for (int i = 0; i < kTimes; ++i) all.insert(all.end(), numbers.begin(), numbers.end());
  return all;
}

template <typename Grid>
Codes CodesOf(const GridKernels<Grid>& kernels, const Floats& weights, const Grid& grid) {
  Codes codes(weights.size());
  kernels.quantize(weights.data(), weights.size(), grid, codes.data());
  return codes;
}

TEST_P(KernelsTest, HalvesGoToTheEvenCode) {
  const Floats weights = Repeated(Floats{0, 0.5f, 1.5f, 2.5f, 3.5f, 14.5f, 15});
  const Range range{0, 15};
  const AffineGrid grid{&range, weights.size(), 4};
  EXPECT_EQ(CodesOf(*ActiveKernels().affine, weights, grid),
            Repeated(Codes{0, 0, 2, 2, 4, 14, 15}));
}

TEST_P(KernelsTest, HalvesGoToTheEvenNumberOfStepsFromZero) {
  const Floats weights = Repeated(Floats{-1.5f, -0.5f, 0, 0.5f, 1.5f, 2.5f, 3.5f});
  const float step = 1;
  const uint16_t zero = 3;  // An even number of steps is an odd code.
  const ZeroGrid grid{&step, &zero, weights.size(), 4};
  EXPECT_EQ(CodesOf(*ActiveKernels().zero, weights, grid), Repeated(Codes{1, 3, 3, 3, 5, 5, 7}));
  Floats restored(weights.size());
  ActiveKernels().zero->restore(weights.data(), weights.size(), grid, restored.data());
  EXPECT_EQ(restored, Repeated(Floats{-2, 0, 0, 0, 2, 2, 4}));
}

TEST_P(KernelsTest, WeightsOutsideTheirRangeHaveTheCodesOfItsEnds) {
  const Floats weights = Repeated(Floats{-3e38f, -0.6f, 0.4f, 1.6f, 3e38f, kInfinity});
  const Range range{0, 1};
  const AffineGrid affine{&range, weights.size(), 1};
  EXPECT_EQ(CodesOf(*ActiveKernels().affine, weights, affine), Repeated(Codes{0, 0, 0, 1, 1, 1}));
  const float step = 1e-30f;
  const uint16_t middle = 2;
  const ZeroGrid zero{&step, &middle, weights.size(), 2};
  EXPECT_EQ(CodesOf(*ActiveKernels().zero, weights, zero), Repeated(Codes{0, 0, 3, 3, 3, 3}));
}

TEST_P(KernelsTest, ARangeWithoutWidthHasOneCode) {
  const Floats weights = Repeated(Floats{-0.7f, 1, -3});
  const Range range{-0.7f, -0.7f};
  const AffineGrid grid{&range, weights.size(), 8};
  EXPECT_EQ(CodesOf(*ActiveKernels().affine, weights, grid), Codes(weights.size()));
  Floats restored(weights.size());
  ActiveKernels().affine->restore(weights.data(), weights.size(), grid, restored.data());
  EXPECT_EQ(restored, Floats(weights.size(), -0.7f));
}

TEST_P(KernelsTest, GradientsOfAStepAtItsEnds) {
  // 3 bits reach from -4 to 3 steps, both ends included.
  const Floats weights = Repeated(Floats{-4, -4.25f, 3, 3.25f});
  const Floats upstream = Repeated(Floats{1, 2, 4, 8});
  Floats by_weight(weights.size());
  const StepGradient by_step = ActiveKernels().lsq_gradients(
      weights.data(), upstream.data(), weights.size(), 1, 3, by_weight.data());
  EXPECT_TRUE(by_step.is_any_clipped);
  EXPECT_EQ(by_weight, Repeated(Floats{1, 0, 4, 0}));
  EXPECT_EQ(by_step.value, kTimes * (2 * -4 + 8 * 3));
}

TEST_P(KernelsTest, TheGradientByWeightsIsWrittenFromTheFirstClippedOneOn) {
  Floats upstream(kMany);
  std::iota(upstream.begin(), upstream.end(), 1.0f);
  for (const size_t clipped : {size_t{0}, size_t{7}, size_t{8}, kMany / 2, kMany - 1, kMany}) {
    Floats weights(kMany, 0.75f);
    Floats wanted = upstream;
    if (clipped < kMany) {
      weights[clipped] = 100;
      wanted[clipped] = 0;
    }
    Floats by_weight = upstream;
    const auto gradients = [&](float* to) {
      return ActiveKernels().lsq_gradients(weights.data(), upstream.data(), kMany, 1, 3, to);
    };
    EXPECT_EQ(gradients(by_weight.data()).is_any_clipped, clipped < kMany);
    EXPECT_EQ(by_weight, wanted) << clipped;
    std::fill(by_weight.begin(), by_weight.end(), 5.0f);
    gradients(by_weight.data());
    EXPECT_EQ(by_weight, clipped < kMany ? wanted : Floats(kMany, 5.0f)) << clipped;
  }
}

// Quotients by a step are found without a division where the processor has another way.
TEST_P(KernelsTest, WeightsBesideTheMiddleBetweenTwoSteps) {
  for (const float step : {1.0f, 49.0f, 0.1640625f, 0.1f, 3.3e-7f, 1.1754944e-38f, 7.7e33f}) {
    Floats weights;
    for (int half = -65536; half <= 65536; half += 7) {
      const float middle = static_cast<float>(0.5 * half * step);
      weights.insert(weights.end(),
                     {std::nextafter(middle, -1e38f), middle, std::nextafter(middle, 1e38f)});
    }
    Floats restored(weights.size());
    EXPECT_TRUE(
        ActiveKernels().restore_lsq(weights.data(), weights.size(), step, 16, restored.data()));
    for (size_t i = 0; i < weights.size(); ++i) {
      const double steps = std::nearbyint(double{weights[i]} / step);
      const float wanted = static_cast<float>(std::clamp(steps, -32768.0, 32767.0) * step);
      ASSERT_EQ(restored[i], wanted) << weights[i] << " by " << step;
    }
  }
}

TEST_P(KernelsTest, MinusZeroIsNoEnd) {
  for (const size_t count : {1, 8, 11}) {
    const Floats weights(count, -0.0f);
    Range range;
    EXPECT_TRUE(ActiveKernels().find_ranges(weights.data(), count, count, &range));
    EXPECT_FALSE(std::signbit(range.lo));
    EXPECT_FALSE(std::signbit(range.hi));
  }
}

TEST_P(KernelsTest, OneWeightThatIsNotFiniteIsSeen) {
  for (const float strange : {kInfinity, -kInfinity, std::nanf("")}) {
    for (size_t place = 0; place < 20; ++place) {
      Floats weights(20, 3e38f);  // Their sum is no float32.
      std::vector<Range> ranges(3);
      EXPECT_TRUE(ActiveKernels().find_ranges(weights.data(), 20, 8, ranges.data()));
      weights[place] = strange;
      EXPECT_FALSE(ActiveKernels().find_ranges(weights.data(), 20, 8, ranges.data())) << place;
    }
  }
}

TEST_P(KernelsTest, ACodeThatIsTooLargeIsSeen) {
  for (size_t place = 0; place < 75; ++place) {
    std::vector<uint8_t> small(75, 7);
    std::vector<uint16_t> large(75, 1023);
    std::vector<uint8_t> stream(PackedSize(75, 10));
    EXPECT_TRUE(ActiveKernels().pack8(small.data(), 75, 3, stream.data()));
    EXPECT_TRUE(ActiveKernels().pack16(large.data(), 75, 10, stream.data()));
    small[place] = 8;
    large[place] = 1024;
    EXPECT_FALSE(ActiveKernels().pack8(small.data(), 75, 3, stream.data())) << place;
    EXPECT_FALSE(ActiveKernels().pack16(large.data(), 75, 10, stream.data())) << place;
  }
}

}  // namespace
}  // namespace mlperf::compress
