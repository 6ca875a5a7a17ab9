// Goal: the query counts that early stopping asks for are exact, and its texts are the reference's.
// Method: counts measured on the reference; direct summation in long double as an independent
// calculation; both sides of each boundary; the exact definition for large counts.
#include "evaluate/early_stopping.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace mlperf::loadgen {
namespace {

constexpr std::array<uint64_t, 16> kAllowed = {0, 1, 2,  3,  4,  5,  6,   7,
                                               8, 9, 10, 11, 12, 50, 100, 1000};

struct CountRow {
  double percentile;
  std::array<uint64_t, kAllowed.size()> queries;
};

constexpr CountRow kCounts[] = {
    {0.5, {7, 11, 14, 17, 19, 22, 25, 27, 30, 33, 35, 38, 40, 128, 237, 2108}},
    {0.9, {44, 64, 81, 97, 113, 127, 142, 156, 170, 183, 197, 210, 223, 681, 1246, 10722}},
    {0.95, {90, 130, 165, 198, 229, 259, 288, 316, 344, 371, 398, 425, 451, 1372, 2504, 21483}},
    {0.97, {152, 219, 277, 332, 383, 433, 482, 529, 576, 622, 667, 712, 756, 2293, 4182, 35831}},
    {0.99,
     {459, 662, 838, 1001, 1157, 1307, 1453, 1596, 1736, 1874, 2010, 2144, 2277, 6898, 12571,
      107569}},
    {0.999,
     {4603, 6636, 8403, 10042, 11601, 13105, 14567, 15996, 17398, 18779, 20140, 21485, 22816, 69058,
      125826, 1076032}},
};

TEST(EarlyStoppingTest, CountsAreThoseOfTheReference) {
  for (const CountRow& row : kCounts) {
    for (size_t i = 0; i < kAllowed.size(); ++i) {
      const uint64_t queries = row.queries[i];
      EXPECT_EQ(MinQueriesForOverlatency(kAllowed[i], row.percentile), queries)
          << row.percentile << " " << kAllowed[i];
      // One query less allows one less: the other function has the same boundary.
      EXPECT_EQ(MaxOverlatency(queries, row.percentile), kAllowed[i]);
      const auto one_less = MaxOverlatency(queries - 1, row.percentile);
      EXPECT_EQ(one_less.has_value(), kAllowed[i] > 0);
      if (one_less) {
        EXPECT_EQ(*one_less, kAllowed[i] - 1);
      }
    }
  }
}

TEST(EarlyStoppingTest, LargestAllowedCountsAreThoseOfTheReference) {
  EXPECT_EQ(MaxOverlatency(10000, 0.9), 930u);
  EXPECT_EQ(MaxOverlatency(100000, 0.9), 9779u);
  EXPECT_EQ(MaxOverlatency(10000, 0.99), 77u);
  EXPECT_EQ(MaxOverlatency(100000, 0.99), 927u);
  EXPECT_EQ(MaxOverlatency(10000, 0.999), 2u);
  EXPECT_EQ(MaxOverlatency(100000, 0.999), 77u);
}

// P[Binomial(n, 1 - p) <= t], each term from the one below, from (1 - (1 - p))^n on.
long double SummedDirectly(uint64_t n, uint64_t t, double p) {
  const long double q = 1 - static_cast<long double>(p);
  long double term = std::pow(static_cast<long double>(p), static_cast<long double>(n));
  long double sum = term;
  for (uint64_t k = 1; k <= t; ++k) {
    term *= static_cast<long double>(n - k + 1) / static_cast<long double>(k) * q / p;
    sum += term;
  }
  return sum;
}

TEST(EarlyStoppingTest, AgreesWithDirectSummation) {
  for (const double p : {0.5, 0.9, 0.95, 0.97, 0.99}) {
    uint64_t n = 1;
    for (uint64_t t = 0; t <= 60; ++t) {
      n = std::max(n, t + 1);
      while (!(SummedDirectly(n, t, p) < kEarlyStoppingThreshold)) ++n;
      EXPECT_EQ(MinQueriesForOverlatency(t, p), n) << p << " " << t;
      for (const uint64_t some : {t + 1, t + t / 3 + 2, n / 2 + t / 2 + 1, n}) {
        const auto expected = static_cast<double>(SummedDirectly(some, t, p));
        EXPECT_NEAR(OverlatencyProbability(some, t, p), expected, 1e-12 * expected)
            << p << " " << some << " " << t;
      }
    }
  }
}

TEST(EarlyStoppingTest, ProbabilityOfSmallNumbersByHand) {
  EXPECT_DOUBLE_EQ(OverlatencyProbability(2, 0, 0.5), 0.25);
  EXPECT_DOUBLE_EQ(OverlatencyProbability(2, 1, 0.5), 0.75);
  EXPECT_DOUBLE_EQ(OverlatencyProbability(4, 2, 0.5), 11.0 / 16);
  EXPECT_DOUBLE_EQ(OverlatencyProbability(3, 1, 0.75), 27.0 / 64 + 27.0 / 64);
  EXPECT_EQ(OverlatencyProbability(3, 3, 0.75), 1);
  EXPECT_EQ(OverlatencyProbability(0, 0, 0.75), 1);
}

TEST(EarlyStoppingTest, LargeCountsMeetTheDefinition) {
  for (const double p : {0.5, 0.9, 0.99, 0.999}) {
    for (const uint64_t n : {1000000u, 100000000u, 1000000000u}) {
      const uint64_t t = MaxOverlatency(n, p).value();
      EXPECT_LT(OverlatencyProbability(n, t, p), kEarlyStoppingThreshold);
      EXPECT_GE(OverlatencyProbability(n, t + 1, p), kEarlyStoppingThreshold);
      EXPECT_LE(MinQueriesForOverlatency(t, p), n);
      EXPECT_GT(MinQueriesForOverlatency(t + 1, p), n);
      // Close to the normal approximation with its first correction (Cornish-Fisher).
      const double mean = static_cast<double>(n) * (1 - p);
      const double z = -2.3263478740408408;
      const double skew_term = (z * z - 1) * (2 * p - 1) / 6;
      EXPECT_NEAR(static_cast<double>(t), mean + z * std::sqrt(mean * p) + skew_term - 0.5, 1.0)
          << p << " " << n;
    }
  }
}

TEST(EarlyStoppingTest, HalfOfASymmetricBinomialIsBelowItsMiddle) {
  // Odd n, p = 1/2: exactly 1/2, also where n! has far more digits than a double.
  for (const uint64_t n : {11u, 1001u, 1000001u, 100000001u}) {
    EXPECT_NEAR(OverlatencyProbability(n, n / 2, 0.5), 0.5, 1e-11) << n;
  }
}

TEST(EarlyStoppingTest, PercentilesOutsideTheOpenIntervalEnd) {
  EXPECT_EQ(MinQueriesForOverlatency(5, 0.0), 6u);
  EXPECT_EQ(MaxOverlatency(100, 0.0), 99u);
  EXPECT_EQ(MaxOverlatency(0, 0.5), std::nullopt);
  for (const double p : {1.0, 99.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(MinQueriesForOverlatency(5, p), std::numeric_limits<uint64_t>::max()) << p;
    EXPECT_EQ(MaxOverlatency(100, p), std::nullopt) << p;
  }
}

std::vector<int64_t> Shuffled(int64_t n) {  // 10, 20, ... 10 n.
  std::vector<int64_t> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 1);
  for (int64_t& value : values) value *= 10;
  std::shuffle(values.begin(), values.end(), std::mt19937(3));
  return values;
}

TEST(EarlyStoppingVerdictTest, ServerMet) {
  const EarlyStopping verdict = JudgeOverlatency(662, 1, 0.99);
  EXPECT_TRUE(verdict.met);
  EXPECT_EQ(verdict.text, " * Run successful.");
  EXPECT_EQ(verdict.queries_missing, 0u);
}

TEST(EarlyStoppingVerdictTest, ServerNotMet) {
  const EarlyStopping verdict = JudgeOverlatency(298, 0, 0.99);
  EXPECT_FALSE(verdict.met);
  EXPECT_EQ(verdict.queries_missing, 161u);
  EXPECT_EQ(verdict.text,
            " * Run unsuccessful.\n"
            " * Processed 298 queries.\n"
            " * Would need to run at least 161 more queries,\n"
            " with the run being successful if every additional\n"
            " query were under latency.");
  EXPECT_EQ(JudgeOverlatency(100, 100, 0.99).queries_missing, 12471u);  // Measured.
}

TEST(EarlyStoppingVerdictTest, EstimateDiscardsAllButTheLowestOfTheAllowedValues) {
  // 97 <= 100 < 113: 3 may be over, the estimate is the lowest of them, 980.
  std::vector<int64_t> values = Shuffled(100);
  const EarlyStopping verdict = EstimatePercentile(values, 0, 0.9);
  EXPECT_TRUE(verdict.met);
  EXPECT_EQ(verdict.estimate_ns, 980);
  EXPECT_EQ(verdict.estimate_p99_ns, 0);
  EXPECT_EQ(verdict.text,
            " * Processed at least 64 queries (100).\n"
            " * Would discard 2 highest latency queries.\n"
            " * Early stopping 90.0th percentile estimate: 980");
}

TEST(EarlyStoppingVerdictTest, EstimateNeedsOneValueOver) {
  std::vector<int64_t> too_few = Shuffled(63);
  const EarlyStopping none = EstimatePercentileAndP99(too_few, 0, 0.9);
  EXPECT_FALSE(none.met);
  EXPECT_EQ(none.estimate_ns, 0);
  EXPECT_EQ(none.queries_missing, 1u);
  EXPECT_EQ(none.text,
            " * Only processed 63 queries.\n"
            " * Need to process at least 64 queries for early stopping.");
  std::vector<int64_t> enough = Shuffled(64);
  EXPECT_EQ(EstimatePercentile(enough, 0, 0.9).estimate_ns, 640);
}

TEST(EarlyStoppingVerdictTest, FailedQueriesAreTheSlowest) {
  // As of 100 values, of which the highest 3 may be over: one failed, so 990 and 980 of 10 ... 990.
  std::vector<int64_t> values = Shuffled(99);
  const EarlyStopping one = EstimatePercentileAndP99(values, 1, 0.9);
  EXPECT_TRUE(one.met);
  EXPECT_EQ(one.estimate_ns, 980);
  EXPECT_NE(one.text.find("(100)"), std::string::npos) << one.text;
  EXPECT_NE(one.text.find("1 query failed, which counts as slower"), std::string::npos);

  // With as many failed as may be over there is no value to name.
  std::vector<int64_t> less = Shuffled(97);
  const EarlyStopping three = EstimatePercentile(less, 3, 0.9);
  EXPECT_FALSE(three.met);
  EXPECT_EQ(three.estimate_ns, 0);
  EXPECT_EQ(three.queries_missing, MinQueriesForOverlatency(4, 0.9) - 100);

  const EarlyStopping all = EstimatePercentileAndP99({}, 1000, 0.9);
  EXPECT_FALSE(all.met);
  EXPECT_EQ(all.estimate_p99_ns, 0);
}

TEST(EarlyStoppingVerdictTest, NoQueriesAtAll) {
  const EarlyStopping verdict = EstimatePercentile({}, 0, 0.99);
  EXPECT_FALSE(verdict.met);
  EXPECT_EQ(verdict.queries_missing, 662u);
  EXPECT_FALSE(JudgeOverlatency(0, 0, 0.99).met);
}

TEST(EarlyStoppingVerdictTest, P99IsANoteUntilThereAreEnough) {
  std::vector<int64_t> too_few = Shuffled(661);
  const EarlyStopping note = EstimatePercentileAndP99(too_few, 0, 0.9);
  EXPECT_TRUE(note.met);
  EXPECT_EQ(note.estimate_p99_ns, 0);
  EXPECT_TRUE(
      note.text.ends_with("\n * Not enough queries processed for 99.0th percentile\n"
                          " early stopping estimate (would need to process at\n"
                          " least 662 total queries)."))
      << note.text;

  std::vector<int64_t> enough = Shuffled(1000);  // 838 <= 1000 < 1001: 2 may be over.
  const EarlyStopping both = EstimatePercentileAndP99(enough, 0, 0.9);
  EXPECT_EQ(both.estimate_p99_ns, 9990);
  EXPECT_TRUE(both.text.ends_with("\n * Early stopping 99.0th percentile estimate: 9990"))
      << both.text;
}

TEST(EarlyStoppingVerdictTest, PercentilesAreWrittenWithOneDecimal) {
  std::vector<int64_t> values = Shuffled(7000);
  EXPECT_NE(EstimatePercentile(values, 0, 0.999).text.find("99.9th percentile"), std::string::npos);
  EXPECT_NE(EstimatePercentile(values, 0, 0.5).text.find("50.0th percentile"), std::string::npos);
}

}  // namespace
}  // namespace mlperf::loadgen
