#include "traffic/loadable_set.h"

#include <algorithm>
#include <numeric>

#include "traffic/random.h"

namespace mlperf::loadgen {
namespace {

std::vector<uint32_t> ShuffledIndices(uint64_t count, uint64_t seed, const Checkpoint& checkpoint) {
  std::vector<uint32_t> indices(count);
  std::iota(indices.begin(), indices.end(), 0u);
  RandomEngine random(seed);
  Shuffle(&indices, &random, checkpoint);
  return indices;
}

// Copies of positions 0, 1, 2, ... of the growing set.
void AppendPadding(LoadableSet* set, uint64_t count) {
  set->samples.reserve(set->samples.size() + count);
  for (uint64_t i = 0; i < count; ++i) set->samples.push_back(set->samples[i]);
}

}  // namespace

std::vector<LoadableSet> MakeLoadableSets(const RunPlan& plan, Phase phase,
                                          const Checkpoint& checkpoint) {
  const bool accuracy = phase == Phase::kAccuracy;
  const uint64_t wanted = accuracy ? plan.accuracy_sample_count : plan.performance_sample_count;
  const uint64_t count = std::min(wanted, plan.library_total_count);
  // Without a performance sample count everything is one set.
  const uint64_t set_size =
      plan.performance_sample_count > 0 ? plan.performance_sample_count : count;
  const uint64_t padding = plan.samples_are_neighbours ? plan.samples_per_query - 1 : 0;

  const std::vector<uint32_t> indices = ShuffledIndices(count, plan.qsl_rng_seed, checkpoint);
  std::vector<LoadableSet> sets;
  for (uint64_t begin = 0; begin < count; begin += set_size) {
    checkpoint();
    const uint64_t end = begin + std::min(set_size, count - begin);
    LoadableSet set;
    set.samples.assign(indices.begin() + static_cast<ptrdiff_t>(begin),
                       indices.begin() + static_cast<ptrdiff_t>(end));
    set.unpadded_size = set.samples.size();
    AppendPadding(&set, padding);
    sets.push_back(std::move(set));
    if (!accuracy) break;
  }
  return sets;
}

}  // namespace mlperf::loadgen
