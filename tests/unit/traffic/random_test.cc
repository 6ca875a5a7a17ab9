// Goal: the draws are the reference's on every platform. Method: first outputs measured on the
// reference; the distributions against models written from their definitions, which also count how
// many raw numbers a draw consumes.
#include "traffic/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace mlperf::loadgen {
namespace {

constexpr uint64_t kQslSeed = 2085463073848966840;
constexpr uint64_t kScheduleSeed = 16159082839903944936u;
constexpr uint64_t k2To32 = uint64_t{1} << 32;

// ---- Engine ------------------------------------------------------------------------------------

TEST(RandomEngineTest, FirstOutputsAreTheReferences) {
  const std::vector<std::pair<uint64_t, std::vector<uint32_t>>> kCases = {
      {kQslSeed, {144363858, 3947231266, 1102009372, 2040961771}},
      {kScheduleSeed, {3245365415, 3615339558, 1380029910, 1577989244}},
      {kDefaultSeed, {3499211612, 581869302, 3890346734}},
  };
  for (const auto& [seed, outputs] : kCases) {
    RandomEngine random(seed);
    for (uint32_t output : outputs) EXPECT_EQ(random(), output) << seed;
  }
}

TEST(RandomEngineTest, TenThousandthOutputIsTheOneOfTheStandard) {
  RandomEngine random(kDefaultSeed);
  for (int i = 1; i < 10000; ++i) random();
  EXPECT_EQ(random(), 4123659995u);
}

TEST(RandomEngineTest, LowHalfOfTheSeedCounts) {
  const std::vector<std::pair<uint64_t, uint64_t>> kCases = {
      {kQslSeed, 3438689976},
      {2747215439041700203, 3985416555},
      {kScheduleSeed, 2023080168},
      {k2To32, 0},
  };
  for (const auto& [seed, low_half] : kCases) {
    RandomEngine random(seed), reduced(low_half);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(random(), reduced()) << seed;
  }
  RandomEngine zero(0), one(1);
  EXPECT_NE(zero(), one());
}

// ---- Below -------------------------------------------------------------------------------------

struct Draw {
  uint32_t value;
  int rejected;
};

// By definition: a raw number r is taken if the low half of r * n is not below 2^32 mod n; then
// every result comes from equally many raw numbers.
Draw ModelBelow(uint32_t n, RandomEngine* random) {
  for (int rejected = 0;; ++rejected) {
    const uint64_t product = uint64_t{(*random)()} * n;
    if (product % k2To32 >= k2To32 % n) return {static_cast<uint32_t>(product / k2To32), rejected};
  }
}

TEST(BelowTest, AgreesWithTheModelAndConsumesAsMuch) {
  constexpr uint32_t kMax = std::numeric_limits<uint32_t>::max();
  struct Case {
    uint32_t n;
    bool often_rejects;  // 2^32 mod n is a large part of 2^32.
  };
  const std::vector<Case> kCases = {
      {1, false},
      {2, false},
      {3, false},
      {10, false},
      {65535, false},
      {65536, false},
      {1u << 31, false},
      {(1u << 31) + 1, true},
      {3'000'000'000, true},
      {1'431'655'766, true},
      {kMax, false},
  };
  for (const Case& c : kCases) {
    RandomEngine random(kQslSeed), model(kQslSeed);
    int rejected = 0;
    for (int i = 0; i < 200; ++i) {
      const Draw expected = ModelBelow(c.n, &model);
      rejected += expected.rejected;
      const uint32_t value = random.Below(c.n);
      ASSERT_EQ(value, expected.value) << c.n << ", draw " << i;
      ASSERT_LT(value, c.n);
    }
    EXPECT_EQ(rejected > 20, c.often_rejects) << c.n;
    EXPECT_EQ(random(), model()) << "consumed another number of draws, n = " << c.n;
  }
}

TEST(BelowTest, RejectsTheFirstOutput) {
  // The seed's outputs are 144363858, 3947231266, ... With n = 2^31 + 1 the low half of the first
  // product is 144363858, below the threshold of 2^31 - 1; the second gives
  // 3947231266 * (2^31 + 1) mod 2^32 = 3947231266, which is taken.
  RandomEngine random(kQslSeed);
  EXPECT_EQ(random.Below((1u << 31) + 1), 1973615633u);  // 3947231266 / 2.
  EXPECT_EQ(random(), 1102009372u);
}

TEST(BelowTest, OneStillConsumesADraw) {
  RandomEngine random(kQslSeed);
  EXPECT_EQ(random.Below(1), 0u);
  EXPECT_EQ(random(), 3947231266u);
}

// ---- Shuffle -----------------------------------------------------------------------------------

// Element i is swapped with partner[i]; up to 65535 elements two partners come out of one draw.
std::vector<uint32_t> ModelPartners(uint32_t size, RandomEngine* random) {
  std::vector<uint32_t> partners = {0};
  if (size > 65535) {
    while (partners.size() < size) {
      partners.push_back(ModelBelow(static_cast<uint32_t>(partners.size()) + 1, random).value);
    }
    return partners;
  }
  if (size > 1 && size % 2 == 0) partners.push_back(ModelBelow(2, random).value);
  while (partners.size() < size) {
    const uint32_t first = static_cast<uint32_t>(partners.size()) + 1;
    const uint32_t second = first + 1;
    const uint32_t draw = ModelBelow(first * second, random).value;
    partners.push_back(draw / second);
    partners.push_back(draw % second);
  }
  return partners;
}

std::vector<uint32_t> Iota(uint32_t size) {
  std::vector<uint32_t> values(size);
  std::iota(values.begin(), values.end(), 0u);
  return values;
}

TEST(ShuffleTest, AgreesWithTheModelAndSkipConsumesAsMuch) {
  for (uint32_t size :
       {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 100u, 101u, 65534u, 65535u, 65536u, 65537u}) {
    RandomEngine random(kQslSeed), model(kQslSeed), skipped(kQslSeed);
    std::vector<uint32_t> values = Iota(size), expected = Iota(size);
    Shuffle(&values, &random);
    const std::vector<uint32_t> partners = ModelPartners(size, &model);
    for (uint32_t i = 0; i < size; ++i) std::swap(expected[i], expected[partners[i]]);
    EXPECT_EQ(values, expected) << size;
    SkipShuffle(size, &skipped);
    const uint32_t next = model();
    EXPECT_EQ(random(), next) << size;
    EXPECT_EQ(skipped(), next) << size;
  }
}

TEST(ShuffleTest, DrawsConsumed) {
  // Size, and the index of the engine's next output afterwards. With this seed nothing is rejected.
  const std::vector<std::pair<uint32_t, int>> kCases = {{0, 0}, {1, 0}, {2, 1},  {3, 1},
                                                        {4, 2}, {5, 2}, {10, 5}, {11, 5}};
  for (const auto& [size, draws] : kCases) {
    RandomEngine random(kQslSeed), counted(kQslSeed);
    SkipShuffle(size, &random);
    for (int i = 0; i < draws; ++i) counted();
    EXPECT_EQ(random(), counted()) << size;
  }
}

TEST(ShuffleTest, IsTheReferences) {
  RandomEngine random(kQslSeed);
  std::vector<uint32_t> values = Iota(10);
  Shuffle(&values, &random);
  EXPECT_EQ(values, (std::vector<uint32_t>{1, 5, 7, 6, 0, 8, 3, 2, 9, 4}));
}

TEST(ShuffleTest, EveryOrderOfThreeIsAboutEquallyLikely) {
  RandomEngine random(kDefaultSeed);
  std::vector<int> seen(27, 0);
  for (int i = 0; i < 6000; ++i) {
    std::vector<uint32_t> values = Iota(3);
    Shuffle(&values, &random);
    ++seen[9 * values[0] + 3 * values[1] + values[2]];
  }
  // 1000 each, with a standard deviation of 29.
  for (int order : {5, 7, 11, 15, 19, 21}) EXPECT_NEAR(seen[static_cast<size_t>(order)], 1000, 150);
}

// ---- Unit and exponential ----------------------------------------------------------------------

TEST(UnitDrawTest, IsTheReferences) {
  RandomEngine random(kDefaultSeed);
  for (double value : {0.1354770042967805, 0.8350085899945795, 0.9688677711242314,
                       0.2210340429827049, 0.30816705050700307}) {
    EXPECT_DOUBLE_EQ(random.Unit(), value);
  }
  EXPECT_DOUBLE_EQ(RandomEngine(12345).Unit(), 0.8901547132827379);
  EXPECT_DOUBLE_EQ(RandomEngine(720381539243781796).Unit(), 0.49069568815352677);
}

TEST(UnitDrawTest, TakesTheLowWordFirst) {
  RandomEngine random(kQslSeed);
  const uint64_t word = uint64_t{3947231266} << 32 | 144363858;
  EXPECT_EQ(random.Unit(), std::ldexp(static_cast<double>(word), -64));
  EXPECT_EQ(random(), 1102009372u);
}

TEST(UnitDrawTest, SkipUnitsConsumesAsMuch) {
  for (uint64_t count : {0u, 1u, 2u, 311u, 312u, 313u, 1000u}) {
    RandomEngine random(7), skipped(7);
    for (uint64_t i = 0; i < count; ++i) random.Unit();
    skipped.SkipUnits(count);
    EXPECT_EQ(skipped(), random()) << count;
  }
}

TEST(ExponentialTest, TruncatesTheLogarithmOfAUnitDraw) {
  RandomEngine random(99), units(99);
  for (double rate : {0.5, 1.0, 1000.0, 12345.678, 1e9}) {
    for (int i = 0; i < 20; ++i) {
      const double gap_ns = -std::log(1 - units.Unit()) / rate * 1e9;
      EXPECT_EQ(random.ExponentialNs(rate), static_cast<int64_t>(gap_ns)) << rate;
    }
  }
}

TEST(ExponentialTest, StaysBelowTheBoundAtAnyRate) {
  constexpr int64_t kBoundNs = int64_t{1} << 61;
  for (double rate : {1e-300, 1e-30, 1e-12, 1e-9}) {
    RandomEngine random(0);
    int64_t longest_ns = 0;
    for (int i = 0; i < 100; ++i) {
      const int64_t gap_ns = random.ExponentialNs(rate);
      ASSERT_GE(gap_ns, 0) << rate;
      longest_ns = std::max(longest_ns, gap_ns);
    }
    EXPECT_EQ(longest_ns, kBoundNs) << rate;
  }
}

}  // namespace
}  // namespace mlperf::loadgen
