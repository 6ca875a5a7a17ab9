// Goal: every path makes the codes, streams and weights of the worked numbers, to the bit.
// Method: all rows of tests/golden/compression that are about arrays, one path after the other.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "bit_stream.h"
#include "helpers/cpu_paths.h"
#include "helpers/golden_rows.h"
#include "kernels.h"
#include "zero_points.h"

namespace mlperf::compress {
namespace {

ON_EACH_CPU_PATH(GoldenTest);

using Bytes = std::vector<uint8_t>;
using Floats = std::vector<float>;

std::vector<GoldenRow> Rows(const std::string& name, size_t at_least) {
  const std::string folder = LOADGEN_SOURCE_DIR "/tests/golden/compression/";
  std::vector<GoldenRow> rows = ReadGoldenRows(folder + name + ".json");
  EXPECT_GE(rows.size(), at_least) << name;
  return rows;
}

int BitsOf(const GoldenRow& row) { return static_cast<int>(row.Number("bits")); }

// The bits of numbers, in which -0 is +0.
std::vector<uint32_t> BitsOf(const Floats& numbers) {
  std::vector<uint32_t> bits(numbers.size());
  for (size_t i = 0; i < bits.size(); ++i) {
    const float number = numbers[i] + 0.0f;
    std::memcpy(&bits[i], &number, sizeof(number));
  }
  return bits;
}

template <typename Code>
void ExpectPacked(const GoldenRow& row, bool (*pack)(const Code*, size_t, int, uint8_t*),
                  void (*unpack)(const uint8_t*, size_t, int, Code*)) {
  const auto codes = row.List<Code>("values");
  const Bytes stream = row.Bytes("bytes");
  Bytes packed(stream.size());
  EXPECT_TRUE(pack(codes.data(), codes.size(), BitsOf(row), packed.data()));
  EXPECT_EQ(packed, stream);
  std::vector<Code> unpacked(codes.size());
  unpack(stream.data(), codes.size(), BitsOf(row), unpacked.data());
  EXPECT_EQ(unpacked, codes);
}

TEST_P(GoldenTest, CodesArePacked) {
  for (const GoldenRow& row : Rows("pack", 384)) {
    SCOPED_TRACE(std::to_string(BitsOf(row)) + " bits");
    if (BitsOf(row) <= 8) ExpectPacked(row, ActiveKernels().pack8, ActiveKernels().unpack8);
    ExpectPacked(row, ActiveKernels().pack16, ActiveKernels().unpack16);
  }
}

// Streams and weights of `grid` are those of the row, which has them under these names.
template <typename Grid>
void ExpectCoded(const GoldenRow& row, const GridKernels<Grid>& kernels, const Grid& grid,
                 const Floats& weights, const char* stream_name, const char* restored_name) {
  const Bytes stream = row.Bytes(stream_name);
  const std::vector<uint32_t> restored = BitsOf(row.Floats(restored_name));
  Bytes encoded(stream.size());
  kernels.encode(weights.data(), weights.size(), grid, encoded.data());
  EXPECT_EQ(encoded, stream);
  Floats decoded(weights.size());
  kernels.decode(stream.data(), weights.size(), grid, decoded.data());
  EXPECT_EQ(BitsOf(decoded), restored);
  Floats at_once = weights;
  kernels.restore(at_once.data(), weights.size(), grid, at_once.data());
  EXPECT_EQ(BitsOf(at_once), restored);
}

std::vector<Range> RangesOf(const Floats& weights, size_t per_range) {
  std::vector<Range> ranges(RangeCount(weights.size(), per_range));
  EXPECT_TRUE(
      ActiveKernels().find_ranges(weights.data(), weights.size(), per_range, ranges.data()));
  return ranges;
}

TEST_P(GoldenTest, OneRangeIsQuantized) {
  for (const GoldenRow& row : Rows("quantize", 192)) {
    const Floats weights = row.Floats("weights");
    const std::vector<Range> ranges = RangesOf(weights, weights.size());
    EXPECT_EQ(ranges[0].lo, static_cast<float>(row.Number("lo")));
    EXPECT_EQ(ranges[0].hi, static_cast<float>(row.Number("hi")));
    const AffineGrid grid{ranges.data(), weights.size(), BitsOf(row)};
    ExpectCoded(row, *ActiveKernels().affine, grid, weights, "packed", "restored");
  }
}

TEST_P(GoldenTest, RangesAreQuantized) {
  for (const GoldenRow& row : Rows("ranges", 144)) {
    const Floats weights = row.Floats("weights");
    const auto per_range = static_cast<size_t>(row.Number("range"));
    const std::vector<Range> ranges = RangesOf(weights, per_range);
    const AffineGrid grid{ranges.data(), per_range, BitsOf(row)};
    ExpectCoded(row, *ActiveKernels().affine, grid, weights, "codes", "restored");
  }
}

TEST_P(GoldenTest, ZeroIsALevel) {
  for (const GoldenRow& row : Rows("ranges", 144)) {
    const Floats weights = row.Floats("weights");
    const auto per_range = static_cast<size_t>(row.Number("range"));
    const std::vector<Range> ranges = RangesOf(weights, per_range);
    Floats steps(ranges.size());
    std::vector<uint16_t> zeros(ranges.size());
    FindZeroPoints(ranges.data(), ranges.size(), BitsOf(row), steps.data(), zeros.data());
    EXPECT_EQ(steps, row.Floats("zero_steps"));
    Bytes packed_zeros(PackedSize(zeros.size(), BitsOf(row)));
    EXPECT_TRUE(
        ActiveKernels().pack16(zeros.data(), zeros.size(), BitsOf(row), packed_zeros.data()));
    EXPECT_EQ(packed_zeros, row.Bytes("zero_points"));
    const ZeroGrid grid{steps.data(), zeros.data(), per_range, BitsOf(row)};
    ExpectCoded(row, *ActiveKernels().zero, grid, weights, "zero_codes", "zero_restored");
  }
}

TEST_P(GoldenTest, OneStepIsQuantized) {
  for (const GoldenRow& row : Rows("lsq", 45)) {
    const auto weights = row.List<float>("weights");
    const auto step = static_cast<float>(row.Number("step"));
    const auto zero = static_cast<uint16_t>(1 << (BitsOf(row) - 1));
    const ZeroGrid grid{&step, &zero, weights.size(), BitsOf(row)};
    ExpectCoded(row, *ActiveKernels().zero, grid, weights, "packed", "restored");
  }
}

TEST_P(GoldenTest, GroupsAreQuantized) {
  for (const GoldenRow& row : Rows("groups", 61)) {
    const Floats weights = row.Floats("weights");
    const auto widths = row.List<uint8_t>("widths");
    const auto group = static_cast<size_t>(row.Number("group"));
    const Range range{static_cast<float>(row.Number("lo")), static_cast<float>(row.Number("hi"))};
    const GroupGrid grid{widths.data(), group == 0 ? weights.size() : group, range};
    const Bytes stream = row.Bytes("codes");
    const std::vector<uint32_t> restored = BitsOf(row.Floats("restored"));
    const GroupStreams streams = StreamsOf(grid, weights.size());
    ASSERT_EQ(streams.size, stream.size());
    Bytes encoded(stream.size());
    ActiveKernels().encode_groups(weights.data(), weights.size(), grid, streams, encoded.data());
    EXPECT_EQ(encoded, stream);
    Floats decoded(weights.size());
    ActiveKernels().decode_groups(stream.data(), weights.size(), grid, streams, decoded.data());
    EXPECT_EQ(BitsOf(decoded), restored);
    Floats at_once = weights;
    ActiveKernels().restore_groups(at_once.data(), weights.size(), grid, at_once.data());
    EXPECT_EQ(BitsOf(at_once), restored);
  }
}

// ---- Gradients, which agree to 1e-5
// --------------------------------------------------------------

void ExpectNear(const Floats& values, const std::vector<double>& wanted) {
  ASSERT_EQ(values.size(), wanted.size());
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i], wanted[i], 1e-5 * std::abs(wanted[i])) << i;
  }
}

TEST_P(GoldenTest, GradientsOfAStep) {
  for (const GoldenRow& row : Rows("lsq", 45)) {
    const auto weights = row.List<float>("weights");
    const auto upstream = row.List<float>("upstream");
    const auto step = static_cast<float>(row.Number("step"));
    Floats by_weight = upstream;  // As it stays if no weight is clipped.
    const double sum = ActiveKernels()
                           .lsq_gradients(weights.data(), upstream.data(), weights.size(), step,
                                          BitsOf(row), by_weight.data())
                           .value;
    ExpectNear(by_weight, row.List<double>("gradient_weights"));
    const double top = (1 << (BitsOf(row) - 1)) - 1;
    const double wanted = row.Number("gradient_step");
    EXPECT_NEAR(sum / std::sqrt(static_cast<double>(weights.size()) * top), wanted,
                1e-5 * std::abs(wanted));
  }
}

TEST_P(GoldenTest, GradientsOfLearntBits) {
  for (const GoldenRow& row : Rows("noise", 5)) {
    const auto weights = row.List<double>("weights");
    const auto noise = row.List<double>("noise");
    const auto upstream = row.List<double>("upstream");
    const auto logits = row.List<float>("logits");
    const BitLimits limits{row.Number("min_bits"), row.Number("max_bits")};
    const auto [lo, hi] = std::minmax_element(weights.begin(), weights.end());
    const auto group = static_cast<size_t>(row.Number("group"));
    Floats sums(logits.size());
    for (size_t i = 0; i < weights.size(); ++i) {
      sums[group == 0 ? 0 : i / group] += static_cast<float>(upstream[i] * noise[i]);
    }
    Floats by_logit(logits.size());
    const double by_span = ActiveKernels().group_gradients(
        logits.data(), sums.data(), logits.size(), limits, *hi - *lo, by_logit.data());
    ExpectNear(by_logit, row.List<double>("gradient_logits"));
    const size_t greatest = static_cast<size_t>(hi - weights.begin());
    const auto by_weight = row.List<double>("gradient_weights");
    EXPECT_NEAR(by_span, by_weight[greatest] - upstream[greatest], 1e-5);

    Floats steps(logits.size());
    ActiveKernels().group_steps(logits.data(), logits.size(), limits, *hi - *lo, steps.data());
    std::vector<double> wanted;
    for (const double bits : row.List<double>("bits")) {
      wanted.push_back((*hi - *lo) / (std::exp2(bits) - 1));
    }
    ExpectNear(steps, wanted);
  }
}

}  // namespace
}  // namespace mlperf::compress
