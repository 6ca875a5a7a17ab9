// Which samples are held in memory together.
#ifndef MLPERF_LOADGEN_TRAFFIC_LOADABLE_SET_H_
#define MLPERF_LOADGEN_TRAFFIC_LOADABLE_SET_H_

#include <cstdint>
#include <vector>

#include "plan/checkpoint.h"
#include "plan/run_plan.h"
#include "query_sample.h"
#include "record/run_record.h"

namespace mlperf::loadgen {

struct LoadableSet {
  std::vector<QuerySampleIndex> samples;  // As loaded; MultiStream appends padding.
  size_t unpadded_size = 0;
};

// The sets of a phase, in order: the phase's sample count, shuffled with the qsl seed and cut into
// pieces of the performance sample count. A performance phase uses the first set alone, and only
// that one is returned for it. MultiStream pads each set with its own first samples, so that a
// query may start at any sample.
std::vector<LoadableSet> MakeLoadableSets(const RunPlan& plan, Phase phase,
                                          const Checkpoint& checkpoint = NoCheckpoint);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TRAFFIC_LOADABLE_SET_H_
