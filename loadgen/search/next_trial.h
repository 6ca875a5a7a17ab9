// Which trial comes next in a peak search: one that brackets the peak, one that measures near it,
// or the run that confirms it.
#ifndef MLPERF_LOADGEN_SEARCH_NEXT_TRIAL_H_
#define MLPERF_LOADGEN_SEARCH_NEXT_TRIAL_H_

#include "search/peak_estimate.h"
#include "search/search_evidence.h"

namespace mlperf::loadgen {

class NextTrial {
 public:
  // Both must outlive it.
  NextTrial(const SearchEvidence& evidence, const PeakEstimate& estimate)
      : options_(evidence.options), evidence_(evidence), estimate_(estimate) {}

  // The trial to bracket or to measure with.
  TrialRequest Explore() const;

  // The estimate is as precise as asked for.
  bool Precise() const;
  // The same, or no time is left to measure.
  bool MeasuredEnough() const;

  // Whether the next trial is a confirming run, that run, and whether it is worth its time.
  bool Confirms() const;
  TrialRequest Confirm() const;
  bool CanConfirm() const;
  // A run cannot be VALID, however fast the system.
  bool HasTooFewQueries(const TrialRequest& request) const;

 private:
  TrialRequest Request(TrialKind kind, double rate_qps, double duration_s) const;
  double bound_s() const { return LongestBoundSeconds(options_); }
  double over_share() const { return LeastOverShare(options_); }

  bool Near(const TrialOutcome& outcome) const;
  double Top() const;
  bool Bracketed() const;
  double BracketRate() const;
  double BetweenRate() const;

  double FirstMeasureRate() const;
  double MeasureRate() const;
  double MeasureDuration(double rate_qps) const;

  double ConfirmRate() const;
  double FittedConfirmRate() const;

  const PeakFinderOptions& options_;
  const SearchEvidence& evidence_;
  const PeakEstimate& estimate_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SEARCH_NEXT_TRIAL_H_
