// Refuses options and trials of a peak search with which no search can work. Throws SettingsError,
// a std::invalid_argument, with the value and the fix.
#ifndef MLPERF_LOADGEN_SEARCH_PEAK_CHECKS_H_
#define MLPERF_LOADGEN_SEARCH_PEAK_CHECKS_H_

#include <cstddef>

#include "search/trial_outcome.h"

namespace mlperf::loadgen {

void CheckOptions(const PeakFinderOptions& options);

// What no trial of a search with so many constraints can be.
void CheckOutcome(const TrialOutcome& outcome, size_t constraints);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SEARCH_PEAK_CHECKS_H_
