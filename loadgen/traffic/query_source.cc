#include "traffic/query_source.h"

#include <algorithm>

namespace mlperf::loadgen {
namespace {

constexpr int64_t kNsPerMs = 1000000;
constexpr int64_t kFarFutureNs = int64_t{1} << 61;
// A list that the run did not use up is counted on by at most this much: a fraction of a second.
constexpr uint64_t kMostCountedOn = uint64_t{1} << 24;

uint64_t RoundUp(uint64_t value, uint64_t step) {
  return step == 0 ? value : (value + step - 1) / step * step;
}

uint64_t SamplesPerQuery(const RunPlan& plan, Phase phase, const LoadableSet& set) {
  if (plan.shape != LoopShape::kOneShot) return plan.samples_per_query;
  if (phase == Phase::kAccuracy) return set.unpadded_size;
  if (plan.performance_issue_unique) {
    return std::min<uint64_t>(plan.samples_per_query, set.samples.size());
  }
  return plan.sample_concatenate_permutation ? RoundUp(plan.samples_per_query, set.samples.size())
                                             : plan.samples_per_query;
}

// Accuracy sets and unique samples: every loaded sample once.
bool IssuesSetOnce(const RunPlan& plan, Phase phase) {
  return phase == Phase::kAccuracy || plan.performance_issue_unique;
}

uint64_t MinQueryCount(const RunPlan& plan, Phase phase, const LoadableSet& set) {
  if (!IssuesSetOnce(plan, phase)) return plan.min_query_count;
  return set.samples.size() / SamplesPerQuery(plan, phase, set);
}

int64_t ListDurationNs(const RunPlan& plan, Phase phase) {
  if (IssuesSetOnce(plan, phase)) return 0;
  const int64_t factor = plan.shape == LoopShape::kOpenLoop ? 1 : 2;
  return factor * static_cast<int64_t>(plan.target_duration_ms) * kNsPerMs;
}

bool PermutationGrowth(const RunPlan& plan, Phase phase) {
  return plan.sample_concatenate_permutation && phase == Phase::kPerformance &&
         plan.shape != LoopShape::kOneShot;
}

std::optional<ArrivalGaps> Arrivals(const RunPlan& plan) {
  if (plan.shape != LoopShape::kOpenLoop) return std::nullopt;
  return ArrivalGaps(MakeArrivalProcess(plan));
}

// What a schedule without due times counts its queries by.
int64_t PeriodNs(double rate_per_s) {
  if (rate_per_s <= 0) return 0;
  return static_cast<int64_t>(
      std::min(1e9 * (1.0 / rate_per_s), static_cast<double>(kFarFutureNs)));
}

}  // namespace

QuerySource::QuerySource(const RunPlan& plan, Phase phase, const LoadableSet& set,
                         const Checkpoint& checkpoint)
    : endless_(plan.shape == LoopShape::kClosedLoop && !IssuesSetOnce(plan, phase)),
      permutation_growth_(PermutationGrowth(plan, phase)),
      loaded_size_(set.samples.size()),
      samples_per_query_(SamplesPerQuery(plan, phase, set)),
      duration_ns_(ListDurationNs(plan, phase)),
      first_min_query_count_(MinQueryCount(plan, phase, set)),
      period_ns_(PeriodNs(plan.target_qps)),
      arrivals_(Arrivals(plan)),
      selection_(plan, phase, set, first_min_query_count_, checkpoint) {
  if (permutation_growth_) {
    first_min_query_count_ = RoundUp(first_min_query_count_, loaded_size_);
  }
  progress_.min_query_count = first_min_query_count_;
}

bool QuerySource::ListEnded(const Progress& progress) const {
  return progress.last_ns >= duration_ns_ && progress.query_count >= progress.min_query_count;
}

void QuerySource::Advance(Progress* progress, std::optional<ArrivalGaps>* arrivals) const {
  ++progress->query_count;
  progress->last_ns = progress->next_ns;
  // Due times stay far from overflow even at absurdly low rates.
  if (*arrivals) {
    progress->next_ns = std::min(progress->next_ns + (*arrivals)->NextNs(), kFarFutureNs);
  }
  if (permutation_growth_ && progress->query_count >= progress->min_query_count &&
      progress->last_ns < duration_ns_) {
    progress->min_query_count += loaded_size_;
  }
}

bool QuerySource::AtEnd() const { return exhausted_ || (!endless_ && ListEnded(progress_)); }

void QuerySource::Next(uint64_t max_queries, QueryBlock* block) {
  block->query_count = 0;
  block->scheduled_delta_ns.clear();
  block->sample_indices.resize(max_queries * samples_per_query_);
  while (block->query_count < max_queries && !AtEnd()) {
    const std::span<uint32_t> samples(
        block->sample_indices.data() + block->query_count * samples_per_query_, samples_per_query_);
    if (!selection_.Next(samples)) {
      exhausted_ = true;
      break;
    }
    block->scheduled_delta_ns.push_back(progress_.next_ns);
    ++block->query_count;
    Advance(&progress_, &arrivals_);
  }
  block->sample_indices.resize(block->query_count * samples_per_query_);
}

GeneratedTotals QuerySource::Totals() const {
  if (!arrivals_) return ClosedLoopTotals();
  Progress progress = progress_;
  std::optional<ArrivalGaps> arrivals = arrivals_;
  for (uint64_t i = 0; i < kMostCountedOn && !ListEnded(progress); ++i) {
    Advance(&progress, &arrivals);
  }
  return {progress.query_count, samples_per_query_, progress.next_ns};
}

// The list of a constant period, counted without making it: the smallest count that reaches both
// the minimum and the duration; in permutation mode in steps of whole sets.
GeneratedTotals QuerySource::ClosedLoopTotals() const {
  const uint64_t period_ns = static_cast<uint64_t>(period_ns_);
  uint64_t count = first_min_query_count_;
  if (duration_ns_ > 0 && period_ns > 0) {
    const uint64_t until_due =
        (static_cast<uint64_t>(duration_ns_) + period_ns - 1) / period_ns + 1;
    if (until_due > count) {
      count = permutation_growth_ ? RoundUp(until_due, loaded_size_) : until_due;
    }
  }
  const double duration_ns = static_cast<double>(count) * static_cast<double>(period_ns);
  const bool representable = duration_ns < static_cast<double>(kFarFutureNs);
  return {count, samples_per_query_,
          representable ? static_cast<int64_t>(count * period_ns) : kFarFutureNs};
}

}  // namespace mlperf::loadgen
