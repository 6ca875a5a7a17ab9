// The rate at which a given share of queries is over the latency bound, with its confidence
// interval, from trials near that rate: a logistic regression, as in bioassay. Pure.
// docs/peak_search.md has the statistics.
#ifndef MLPERF_LOADGEN_SEARCH_PEAK_FIT_H_
#define MLPERF_LOADGEN_SEARCH_PEAK_FIT_H_

#include <cstddef>
#include <vector>

#include "search/trial_watch.h"

namespace mlperf::loadgen {

// What a trial that ran for a length decided beforehand says about one constraint.
struct FitTrial {
  double rate_qps = 0;
  std::vector<OverBatch> batches;
  double control_share = 0;  // The control queue's long-run share over the bound at this rate.
};

struct PeakFit {
  bool found = false;         // A rate, and a share that rises with it.
  double rate_qps = 0;        // At which the share is reached.
  double low_qps = 0;         // The confidence interval; 0 and infinity where there is no bound.
  double high_qps = 0;        //
  double slope = 0;           // Of the log odds over the logarithm of the rate.
  double dispersion = 1;      // The variance of an over-count, less luck, in binomial ones.
  double raw_dispersion = 1;  // The same before luck is taken out.
  double freedom = 0;         // Degrees of freedom of the dispersion.
  size_t trials = 0;          // Near enough to the rate to have a say.

  // Half the interval as a fraction of the rate.
  double half_width() const { return (high_qps - low_qps) / (2 * rate_qps); }
  // The share over the bound expected at a rate near the one found, where `over_share` is reached.
  double ShareAt(double qps, double over_share) const;
};

// `confidence` in (0, 1) is that of the interval; `slope_guess` > 0 need not be good.
PeakFit FitPeak(const std::vector<FitTrial>& trials, double over_share, double confidence,
                double slope_guess);

// The quantile of the standard normal distribution, and of Student's t; p in (0, 1), freedom >= 1.
double NormalQuantile(double p);
double StudentQuantile(double p, double freedom);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SEARCH_PEAK_FIT_H_
