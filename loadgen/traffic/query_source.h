// The queries of one set, lazily and in order: which samples, due when. Pure: no clock, no thread.
#ifndef MLPERF_LOADGEN_TRAFFIC_QUERY_SOURCE_H_
#define MLPERF_LOADGEN_TRAFFIC_QUERY_SOURCE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "plan/checkpoint.h"
#include "plan/run_plan.h"
#include "record/run_record.h"
#include "traffic/arrival_process.h"
#include "traffic/loadable_set.h"
#include "traffic/sample_selection.h"

namespace mlperf::loadgen {

// A few queries that follow one another.
struct QueryBlock {
  uint64_t query_count = 0;
  std::vector<uint32_t> sample_indices;     // samples_per_query for each query.
  std::vector<int64_t> scheduled_delta_ns;  // One for each query.
};

// Open loops, one shots and accuracy sets make a list that ends; closed loops of a performance
// phase never end (but see performance_issue_unique). The totals that the reference logs are
// those of the list it would have made before the run.
class QuerySource {
 public:
  // `set` must outlive this. `checkpoint` is called now and then while this is made, and while it
  // makes queries.
  QuerySource(const RunPlan& plan, Phase phase, const LoadableSet& set,
              const Checkpoint& checkpoint = NoCheckpoint);

  uint64_t samples_per_query() const { return samples_per_query_; }

  // The next up to `max_queries` queries replace what is in `block`; none: the list has ended.
  void Next(uint64_t max_queries, QueryBlock* block);

  // True if Next would make nothing more.
  bool AtEnd() const;

  // What the whole list amounts to. For an open loop whose list was not read to its end the rest
  // is counted without being made, but for no more than the next 16 million queries.
  GeneratedTotals Totals() const;

 private:
  struct Progress {  // How far the list has come.
    uint64_t query_count = 0;
    uint64_t min_query_count = 0;  // Grows in permutation mode.
    int64_t last_ns = 0;           // Due time of the last query made.
    int64_t next_ns = 0;
  };

  bool ListEnded(const Progress& progress) const;
  void Advance(Progress* progress, std::optional<ArrivalGaps>* arrivals) const;
  GeneratedTotals ClosedLoopTotals() const;

  bool endless_;
  bool permutation_growth_;
  uint64_t loaded_size_;
  uint64_t samples_per_query_;
  int64_t duration_ns_;  // The list goes on at least until this is due.
  uint64_t first_min_query_count_;
  Progress progress_;
  int64_t period_ns_;                    // Where there are no due times.
  std::optional<ArrivalGaps> arrivals_;  // Only an open loop has due times.
  SampleSelection selection_;
  bool exhausted_ = false;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TRAFFIC_QUERY_SOURCE_H_
