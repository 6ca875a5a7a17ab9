#include "search/peak_estimate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "search/control_queue.h"
#include "search/peak_fit.h"

namespace mlperf::loadgen {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// ---- A cliff -----------------------------------------------------------------------------------

PeakEstimate Cliff(double below_qps, double above_qps) {
  PeakEstimate estimate;
  estimate.cliff = true;
  estimate.low_qps = below_qps;
  estimate.high_qps = above_qps;
  estimate.rate_qps = std::sqrt(below_qps * above_qps);
  return estimate;
}

// No slope to be fitted: all trials below a rate have no query over the bound to speak of, and all
// above it far too many.
std::optional<PeakEstimate> FindCliff(const SearchEvidence& evidence) {
  double below = 0, above = kInfinity;
  for (const TrialOutcome* outcome : evidence.measured) {
    const double rate = outcome->request.rate_qps;
    const double excess = Excess(evidence.options, *outcome);
    if (excess > -kCliffLogOdds && !MostlyOver(evidence.options, *outcome)) return std::nullopt;
    if (excess > 0) {
      above = std::min(above, rate);
    } else {
      below = std::max(below, rate);
    }
  }
  if (below == 0 || above == kInfinity || below >= above) return std::nullopt;
  return Cliff(below, above);
}

// ---- A fit -------------------------------------------------------------------------------------

// The share over the bound falls exponentially with the capacity to spare, from all at none.
double SlopeGuess(const SearchEvidence& evidence) {
  const TrialOutcome *low = evidence.low, *high = evidence.high;
  if (low == nullptr || high == nullptr || !(evidence.capacity_qps < kInfinity)) return kUsualSlope;
  const double peak = std::sqrt(low->request.rate_qps * high->request.rate_qps);
  const double load = std::min(peak / evidence.capacity_qps, kMostLoad);
  return std::max(1.0, -std::log(LeastOverShare(evidence.options)) * load / (1 - load));
}

std::pair<double, double> MeasuredRange(const SearchEvidence& evidence) {
  double lowest = kInfinity, highest = 0;
  for (const TrialOutcome* outcome : evidence.measured) {
    lowest = std::min(lowest, outcome->request.rate_qps);
    highest = std::max(highest, outcome->request.rate_qps);
  }
  return {lowest, highest};
}

// What was measured for the constraint `c`.
std::vector<FitTrial> FitTrials(const SearchEvidence& evidence, size_t c) {
  std::vector<FitTrial> trials;
  for (const TrialOutcome* outcome : evidence.measured) {
    const TrialRequest& request = outcome->request;
    // A queue without a long run: its share depends on the length of the trial.
    if (request.rate_qps >= kStableLoad * evidence.capacity_qps) continue;
    const double service_s = request.control_service_s.empty() ? 0 : request.control_service_s[c];
    const double bound_s = evidence.options.constraints[c].bound_s;
    trials.push_back({request.rate_qps, outcome->counts[c].batches,
                      ControlShare(request.rate_qps, service_s, bound_s)});
  }
  return trials;
}

// Each constraint has a peak of its own; the smallest counts.
PeakEstimate FitAll(const SearchEvidence& evidence) {
  PeakEstimate estimate;
  estimate.rate_qps = kInfinity;
  for (size_t c = 0; c < evidence.options.constraints.size(); ++c) {
    const PeakFit fit = FitPeak(FitTrials(evidence, c), evidence.options.constraints[c].over_share,
                                evidence.options.confidence, SlopeGuess(evidence));
    if (!fit.found) continue;
    estimate.fitted = true;
    estimate.low_qps =
        estimate.low_qps == 0 ? fit.low_qps : std::min(estimate.low_qps, fit.low_qps);
    estimate.high_qps = std::min(estimate.high_qps, fit.high_qps);
    if (fit.rate_qps >= estimate.rate_qps) continue;
    estimate.rate_qps = fit.rate_qps;
    estimate.slope = fit.slope;
    estimate.dispersion = fit.raw_dispersion;
  }
  // An extrapolation is no estimate.
  const auto [lowest, highest] = MeasuredRange(evidence);
  const double rate = estimate.rate_qps;
  const bool is_measured = rate <= highest * kMostStep && rate >= lowest / kMostStep;
  return estimate.fitted && is_measured ? estimate : PeakEstimate{};
}

// ---- Failures ----------------------------------------------------------------------------------

// Whether the rate, the lowest at which queries failed, has to do with it: were their share the
// same below, some would have been seen there.
bool FailuresBegin(const SearchEvidence& evidence, double rate_qps) {
  double below = 0, near = 0, near_failed = 0;  // Near: not far above the rate.
  for (const TrialOutcome& outcome : evidence.outcomes) {
    const double rate = outcome.request.rate_qps;
    if (rate > kNarrow * rate_qps) continue;
    (rate < rate_qps ? below : near) += static_cast<double>(outcome.issued);
    near_failed += static_cast<double>(outcome.failed);
  }
  // Not more of them than chance leaves.
  const double failed = std::max(near_failed - kFailureDeviations * std::sqrt(near_failed), 0.0);
  return below * failed / near >= kFailureEvidence;
}

// The highest rate below `above_qps` that passed; 0: none did.
double PassedBelow(const SearchEvidence& evidence, double above_qps) {
  double below = 0;
  for (const TrialOutcome& outcome : evidence.outcomes) {
    const double rate = outcome.request.rate_qps;
    if (outcome.issued == 0 || rate >= above_qps || TrialFails(evidence.options, outcome)) continue;
    below = std::max(below, rate);
  }
  return below;
}

// No trial in which queries failed passes, however few they were: the peak is below them. It is no
// peak where trials below may just have been too short to see failures.
PeakEstimate LimitedByFailures(const SearchEvidence& evidence, PeakEstimate estimate) {
  if (evidence.failing == nullptr) return estimate;
  const double above = evidence.failing->request.rate_qps;
  if (estimate.known() && estimate.high_qps <= above) return estimate;
  const bool begins = FailuresBegin(evidence, above);
  const double below = PassedBelow(evidence, above);
  if (estimate.known() && begins && estimate.rate_qps < above) {
    estimate.high_qps = above;
  } else if (begins && below > 0) {
    estimate = Cliff(below, above);
    if (evidence.valid_qps && *evidence.valid_qps >= above) estimate.high_qps = kInfinity;
  } else {
    estimate = PeakEstimate{};
    if (!evidence.valid_qps || *evidence.valid_qps < above) estimate.high_qps = above;
  }
  estimate.by_failures = true;
  return estimate;
}

}  // namespace

PeakEstimate EstimatePeak(const SearchEvidence& evidence) {
  const std::optional<PeakEstimate> cliff = FindCliff(evidence);
  return LimitedByFailures(evidence, cliff ? *cliff : FitAll(evidence));
}

}  // namespace mlperf::loadgen
