#include "evaluate/early_stopping.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numbers>
#include <string>

#include "evaluate/latency_stats.h"
#include "settings/count_text.h"

namespace mlperf::loadgen {
namespace {

// The standard normal quantile of the confidence, for first guesses.
constexpr double kConfidenceZ = 2.3263;

// ln(n!) = (n + 1/2) ln n - n + ln(2 pi)/2 + StirlingError(n), n > 0.
double StirlingError(double n) {
  if (n < 16) {
    double factorial = 1;
    for (double i = 2; i <= n; ++i) factorial *= i;
    return std::log(factorial) - (n + 0.5) * std::log(n) + n - 0.5 * std::log(2 * std::numbers::pi);
  }
  const double r = 1 / (n * n);
  return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - r / 1680) * r) * r) / n;
}

// x ln(x / mean) + mean - x, x > 0. Close to the mean the terms cancel, and with
// e = (x - mean) / mean the series mean * (e^2/2 - e^3/6 + e^4/12 - ...) keeps the digits.
double Deviance(double x, double mean) {
  const double e = (x - mean) / mean;
  if (std::abs(e) > 0.1) return x * std::log(x / mean) + mean - x;
  double sum = 0;
  double power = e;
  for (int j = 2; j <= 20; ++j) {
    power *= j == 2 ? e : -e;
    sum += power / (j * (j - 1));
  }
  return mean * sum;
}

// P[Binomial(n, success) = k]. Differences of ln(n!), ln(k!) and ln((n-k)!) would cancel to few
// digits for large n, so Stirling's formula is put in and what is large is cancelled by hand.
double BinomialPmf(uint64_t n, uint64_t k, double success, double failure) {
  const auto total = static_cast<double>(n);
  const auto hits = static_cast<double>(k);
  const auto misses = static_cast<double>(n - k);
  if (k == 0) return std::exp(total * std::log(failure));
  if (k == n) return std::exp(total * std::log(success));
  const double log_scale = StirlingError(total) - StirlingError(hits) - StirlingError(misses) -
                           Deviance(hits, total * success) - Deviance(misses, total * failure);
  return std::exp(log_scale) * std::sqrt(total / (2 * std::numbers::pi * hits * misses));
}

// P[Binomial(n, success) <= k] for k up to the mean, from where the terms fall: they are added
// from the largest until they do not count any more, some standard deviations below.
double LowerTail(uint64_t n, uint64_t k, double success, double failure) {
  double term = BinomialPmf(n, k, success, failure);
  double sum = term;
  for (uint64_t i = k; i > 0 && term > sum * 1e-17; --i) {
    term *= static_cast<double>(i) * failure / (static_cast<double>(n - i + 1) * success);
    sum += term;
  }
  return sum;
}

// The smallest x in [low, high] for which `holds`, which is false up to some x and true from
// there on (`high` is returned unasked). Gallops away from `guess`, then bisects.
template <typename Predicate>
uint64_t FirstTrue(uint64_t low, uint64_t high, uint64_t guess, const Predicate& holds) {
  const auto narrow = [&](uint64_t x) {
    const bool held = holds(x);
    if (held) {
      high = x;
    } else {
      low = x + 1;
    }
    return held;
  };
  guess = std::clamp(guess, low, high);
  const bool down = guess == high || narrow(guess);
  for (uint64_t step = 1; high - low > step; step *= 2) {
    if (narrow(down ? high - step : low + step) != down) break;
  }
  while (low < high) narrow(low + (high - low) / 2);
  return low;
}

uint64_t ToCount(double value) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  if (!(value > 0)) return 0;
  return value < static_cast<double>(kMax) ? static_cast<uint64_t>(value) : kMax;
}

std::string Ordinal(double percentile) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1fth", percentile * 100);
  return text;
}

// Not in the reference, which knows no failed queries.
std::string FailedLine(uint64_t failed_count) {
  return "\n * " + Counted(failed_count, "query", "queries") +
         " failed, which counts as slower than any other.";
}

}  // namespace

double OverlatencyProbability(uint64_t n, uint64_t t, double p) {
  if (t >= n) return 1;
  if (p <= 0) return 0;
  if (!(p < 1)) return 1;
  const double q = 1 - p;
  if (static_cast<double>(t) <= static_cast<double>(n) * q) return LowerTail(n, t, q, p);
  return 1 - LowerTail(n, n - t - 1, p, q);
}

uint64_t MinQueriesForOverlatency(uint64_t t, double p) {
  // Where n q - t is kConfidenceZ standard deviations sqrt(n p q), solved for sqrt(n q).
  const double z = kConfidenceZ * std::sqrt(std::max(p, 0.0));
  const double root = (z + std::sqrt(z * z + 4 * (static_cast<double>(t) + 1))) / 2;
  return FirstTrue(
      t + 1, std::numeric_limits<uint64_t>::max(), ToCount(root * root / (1 - p)),
      [&](uint64_t n) { return OverlatencyProbability(n, t, p) < kEarlyStoppingThreshold; });
}

std::optional<uint64_t> MaxOverlatency(uint64_t n, double p) {
  const double mean = static_cast<double>(n) * (1 - p);
  const uint64_t first_too_many = FirstTrue(
      0, n, ToCount(mean - kConfidenceZ * std::sqrt(mean * p)),
      [&](uint64_t t) { return !(OverlatencyProbability(n, t, p) < kEarlyStoppingThreshold); });
  if (first_too_many == 0) return std::nullopt;
  return first_too_many - 1;
}

EarlyStopping JudgeOverlatency(uint64_t count, uint64_t over_count, double percentile) {
  EarlyStopping verdict;
  const uint64_t needed = MinQueriesForOverlatency(over_count, percentile);
  verdict.met = count >= needed;
  if (verdict.met) {
    verdict.text = " * Run successful.";
    return verdict;
  }
  verdict.queries_missing = needed - count;
  verdict.text = " * Run unsuccessful.\n * Processed " + std::to_string(count) +
                 " queries.\n * Would need to run at least " +
                 std::to_string(verdict.queries_missing) +
                 " more queries,\n with the run being successful if every additional\n"
                 " query were under latency.";
  return verdict;
}

EarlyStopping EstimatePercentile(std::span<int64_t> values_ns, uint64_t failed_count,
                                 double percentile) {
  EarlyStopping verdict;
  const uint64_t count = values_ns.size() + failed_count;
  // One value beside what failed must be over: the estimate is the lowest that is, so the highest
  // at best.
  const uint64_t needed = MinQueriesForOverlatency(1 + failed_count, percentile);
  verdict.met = count >= needed;
  const std::string processed = std::to_string(count);
  if (!verdict.met) {
    verdict.queries_missing = needed - count;
    verdict.text = " * Only processed " + processed + " queries.\n * Need to process at least " +
                   std::to_string(needed) + " queries for early stopping.";
    if (failed_count > 0) verdict.text += FailedLine(failed_count);
    return verdict;
  }
  const uint64_t over_count = *MaxOverlatency(count, percentile);
  verdict.estimate_ns = SelectRank(values_ns, count - over_count);
  verdict.text = " * Processed at least " + std::to_string(needed) + " queries (" + processed +
                 ").\n * Would discard " + std::to_string(over_count - 1) +
                 " highest latency queries.\n * Early stopping " + Ordinal(percentile) +
                 " percentile estimate: " + std::to_string(verdict.estimate_ns);
  if (failed_count > 0) verdict.text += FailedLine(failed_count);
  return verdict;
}

EarlyStopping EstimatePercentileAndP99(std::span<int64_t> values_ns, uint64_t failed_count,
                                       double percentile) {
  EarlyStopping verdict = EstimatePercentile(values_ns, failed_count, percentile);
  if (!verdict.met) return verdict;
  const EarlyStopping p99 = EstimatePercentile(values_ns, failed_count, 0.99);
  if (!p99.met) {
    verdict.text +=
        "\n * Not enough queries processed for 99.0th percentile\n"
        " early stopping estimate (would need to process at\n least " +
        std::to_string(MinQueriesForOverlatency(1 + failed_count, 0.99)) + " total queries).";
    return verdict;
  }
  verdict.estimate_p99_ns = p99.estimate_ns;
  verdict.text +=
      "\n * Early stopping 99.0th percentile estimate: " + std::to_string(p99.estimate_ns);
  return verdict;
}

}  // namespace mlperf::loadgen
