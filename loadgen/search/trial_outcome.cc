#include "search/trial_outcome.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "search/peak_finder_tuning.h"

namespace mlperf::loadgen {
namespace {

double LogOdds(double share) { return std::log(share / (1 - share)); }

}  // namespace

double LongestBoundSeconds(const PeakFinderOptions& options) {
  double longest = 0;
  for (const PeakConstraint& c : options.constraints) longest = std::max(longest, c.bound_s);
  return longest;
}

double LeastOverShare(const PeakFinderOptions& options) {
  double least = 1;
  for (const PeakConstraint& c : options.constraints) least = std::min(least, c.over_share);
  return least;
}

bool TrialFails(const PeakFinderOptions& options, const TrialOutcome& outcome) {
  if (outcome.failed > 0 && !options.failed_may_pass) return true;
  for (size_t c = 0; c < options.constraints.size(); ++c) {
    const OverCounts& counts = outcome.counts[c];
    const double allowed = options.constraints[c].over_share * static_cast<double>(counts.queries);
    if (counts.outlook == TrialOutlook::Fails) return true;
    if (static_cast<double>(counts.over) <= allowed) continue;
    if (counts.over >= kFewestOver || allowed < kHardlyAny) return true;
  }
  return false;
}

double Excess(const PeakFinderOptions& options, const TrialOutcome& outcome) {
  double worst = -std::numeric_limits<double>::infinity();
  for (size_t c = 0; c < options.constraints.size(); ++c) {
    const OverCounts& counts = outcome.counts[c];
    const double over = static_cast<double>(counts.over) + 0.5;
    const double share = over / (static_cast<double>(counts.queries) + 1);
    worst = std::max(worst, LogOdds(share) - LogOdds(options.constraints[c].over_share));
  }
  return worst;
}

bool MostlyOver(const PeakFinderOptions& options, const TrialOutcome& outcome) {
  return Excess(options, outcome) > LogOdds(0.5) - LogOdds(LeastOverShare(options));
}

uint64_t MostOver(const TrialOutcome& outcome) {
  uint64_t most = 0;
  for (const OverCounts& counts : outcome.counts) most = std::max(most, counts.over);
  return most;
}

bool InFull(const TrialOutcome& outcome) {
  return outcome.elapsed_s >= 0.9 * outcome.request.duration_s;
}

bool BacklogGrew(const TrialOutcome& outcome) {
  return std::any_of(outcome.counts.begin(), outcome.counts.end(),
                     [](const OverCounts& counts) { return counts.backlog_grows; });
}

}  // namespace mlperf::loadgen
