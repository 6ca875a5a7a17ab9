// The phase of FindPeakPerformance: a search by real traffic, and the logs of the trial that stands
// for it.
#ifndef MLPERF_LOADGEN_PEAK_PHASE_H_
#define MLPERF_LOADGEN_PEAK_PHASE_H_

#include "peak_trials.h"
#include "test_conductor.h"

namespace mlperf::loadgen {

void FindPeak(TestConductor* test, const PeakSearchHooks& hooks);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_PEAK_PHASE_H_
