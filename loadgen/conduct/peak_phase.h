// The phase of FindPeakPerformance: a search by real traffic, and the logs of the trial that stands
// for it.
#ifndef MLPERF_LOADGEN_CONDUCT_PEAK_PHASE_H_
#define MLPERF_LOADGEN_CONDUCT_PEAK_PHASE_H_

#include "conduct/conductor.h"
#include "conduct/peak_trials.h"

namespace mlperf::loadgen {

void FindPeak(Conductor* test, const PeakSearchHooks& hooks);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_CONDUCT_PEAK_PHASE_H_
