// From the evidence of a search to its estimate of the peak: by a fit, at a cliff, or where queries
// begin to fail.
#ifndef MLPERF_LOADGEN_SEARCH_PEAK_ESTIMATE_H_
#define MLPERF_LOADGEN_SEARCH_PEAK_ESTIMATE_H_

#include <limits>

#include "search/peak_finder_tuning.h"
#include "search/search_evidence.h"

namespace mlperf::loadgen {

struct PeakEstimate {
  bool fitted = false;
  bool cliff = false;  // Without a slope: between a rate that passes and one that fails.
  bool by_failures = false;
  double rate_qps = 0;  // 0: there is no estimate.
  double low_qps = 0;
  double high_qps = std::numeric_limits<double>::infinity();
  // Of a fit: of the log odds over the log rate; and how much more shares vary than independent
  // queries make them.
  double slope = kUsualSlope;
  double dispersion = 1;

  bool known() const { return fitted || cliff; }
  double precision() const { return (high_qps - low_qps) / (2 * rate_qps); }
};

PeakEstimate EstimatePeak(const SearchEvidence& evidence);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SEARCH_PEAK_ESTIMATE_H_
