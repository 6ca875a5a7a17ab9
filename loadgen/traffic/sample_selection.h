// Which samples a query is made of. Pure and lazy: memory grows with the loaded set, not with the
// length of the run.
#ifndef MLPERF_LOADGEN_TRAFFIC_SAMPLE_SELECTION_H_
#define MLPERF_LOADGEN_TRAFFIC_SAMPLE_SELECTION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "plan/checkpoint.h"
#include "plan/run_plan.h"
#include "record/run_record.h"
#include "traffic/loadable_set.h"
#include "traffic/random.h"

namespace mlperf::loadgen {

// Every random draw of the selection comes from one engine in a fixed order: first the shuffles of
// all lists a mode could need (made even where unused), then one draw a query. The later draws
// thus depend on min_query_count, which sets the number of those shuffles.
class SampleSelection {
 public:
  // `min_query_count`: of the phase, before any padding. `set` must outlive this.
  // `checkpoint` is called now and then while it is made and in each Next.
  SampleSelection(const RunPlan& plan, Phase phase, const LoadableSet& set,
                  uint64_t min_query_count, const Checkpoint& checkpoint = NoCheckpoint);

  // Writes the samples of the next query. False, with nothing written, when every sample was used
  // and none may be repeated (performance_issue_unique).
  bool Next(std::span<uint32_t> samples);

 private:
  enum class Rule { kUnique, kSame, kEqualIssue, kInOrder, kRandom, kWholeSet };

  Rule ChooseRule(const RunPlan& plan, Phase phase) const;
  uint32_t NextEqualIssue();
  void FillWholeSet(std::span<uint32_t> samples);
  void CopyRun(uint32_t start, std::span<uint32_t> samples) const;

  const LoadableSet& set_;
  const Checkpoint checkpoint_;
  Rule rule_;
  bool same_ = false;
  bool permute_ = false;
  uint32_t same_position_ = 0;
  RandomEngine random_;

  // kUnique and kInOrder: query starts, already shuffled.
  std::vector<uint32_t> starts_;
  size_t next_start_ = 0;

  // kEqualIssue: the list of `equal_rounds_` shuffles is made again on the fly, one at a time,
  // from a copy of the engine as it was before the list.
  RandomEngine equal_start_;
  RandomEngine equal_random_;
  std::vector<uint32_t> equal_order_;
  size_t equal_next_ = 0;
  uint64_t equal_rounds_ = 0;
  uint64_t equal_round_ = 0;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TRAFFIC_SAMPLE_SELECTION_H_
