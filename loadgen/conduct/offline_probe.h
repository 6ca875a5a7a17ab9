// How fast a system is in Offline, measured before the test whose query is sized by it.
#ifndef MLPERF_LOADGEN_CONDUCT_OFFLINE_PROBE_H_
#define MLPERF_LOADGEN_CONDUCT_OFFLINE_PROBE_H_

#include "conduct/conductor.h"
#include "test_result.h"

namespace mlperf::loadgen {

// Issues Offline queries of more and more samples, for about offline_probe_duration_ms in all, and
// measures the last one. Nothing is measured, sample_count 0, if the test is to end or the system
// breaks its contract; the reasons of the test say so.
OfflineProbe ProbeOffline(Conductor* test);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_CONDUCT_OFFLINE_PROBE_H_
