#include "traffic/sample_selection.h"

#include <algorithm>
#include <numeric>

namespace mlperf::loadgen {
namespace {

// 0, stride, 2 * stride, ... below `end`, shuffled.
std::vector<uint32_t> ShuffledStarts(size_t end, uint64_t stride, RandomEngine* random,
                                     const Checkpoint& checkpoint) {
  std::vector<uint32_t> starts;
  starts.reserve(end / stride + 1);
  for (uint64_t start = 0; start < end; start += stride) {
    starts.push_back(static_cast<uint32_t>(start));
  }
  Shuffle(&starts, random, checkpoint);
  return starts;
}

}  // namespace

SampleSelection::SampleSelection(const RunPlan& plan, Phase phase, const LoadableSet& set,
                                 uint64_t min_query_count, const Checkpoint& checkpoint)
    : set_(set),
      checkpoint_(checkpoint),
      rule_(ChooseRule(plan, phase)),
      same_(plan.performance_issue_same),
      permute_(plan.sample_concatenate_permutation),
      same_position_(static_cast<uint32_t>(plan.performance_issue_same_index)),
      random_(plan.sample_index_rng_seed),
      equal_start_(0),
      equal_random_(0) {
  const uint64_t stride = plan.samples_are_neighbours ? plan.samples_per_query : 1;
  if (phase == Phase::kAccuracy) {
    starts_ = ShuffledStarts(set.unpadded_size, stride, &random_, checkpoint_);
  }
  std::vector<uint32_t> unique = ShuffledStarts(set.unpadded_size, stride, &random_, checkpoint_);
  if (rule_ == Rule::kUnique) starts_ = std::move(unique);

  const uint32_t loaded = static_cast<uint32_t>(set.samples.size());
  equal_rounds_ = loaded == 0 ? 0 : (min_query_count + loaded - 1) / loaded;
  equal_start_ = random_;
  for (uint64_t round = 0; round < equal_rounds_; ++round) {
    SkipShuffle(loaded, &random_, checkpoint_);
  }
}

SampleSelection::Rule SampleSelection::ChooseRule(const RunPlan& plan, Phase phase) const {
  if (plan.shape == LoopShape::kOneShot) return Rule::kWholeSet;
  if (plan.performance_issue_unique) return Rule::kUnique;
  if (plan.performance_issue_same) return Rule::kSame;
  if (plan.sample_concatenate_permutation && !plan.samples_are_neighbours) return Rule::kEqualIssue;
  return phase == Phase::kAccuracy ? Rule::kInOrder : Rule::kRandom;
}

bool SampleSelection::Next(std::span<uint32_t> samples) {
  switch (rule_) {
    case Rule::kWholeSet:
      FillWholeSet(samples);
      return true;
    case Rule::kUnique:
    case Rule::kInOrder:
      if (next_start_ == starts_.size()) return false;
      CopyRun(starts_[next_start_++], samples);
      return true;
    case Rule::kSame:
      CopyRun(same_position_, samples);
      return true;
    case Rule::kEqualIssue:
      CopyRun(NextEqualIssue(), samples);
      return true;
    case Rule::kRandom:
      CopyRun(random_.Below(static_cast<uint32_t>(set_.unpadded_size)), samples);
      return true;
  }
  return false;
}

// The next entry of the concatenated shuffles, from the front again after the last.
uint32_t SampleSelection::NextEqualIssue() {
  if (equal_next_ == equal_order_.size()) {
    if (equal_order_.empty() || equal_round_ == equal_rounds_) {
      equal_order_.resize(set_.samples.size());
      std::iota(equal_order_.begin(), equal_order_.end(), 0u);
      equal_random_ = equal_start_;
      equal_round_ = 0;
    }
    Shuffle(&equal_order_, &equal_random_, checkpoint_);
    ++equal_round_;
    equal_next_ = 0;
  }
  return equal_order_[equal_next_++];
}

// Offline: whole copies of the set, each shuffled in permutation mode, then the beginning of the
// set for what is left.
void SampleSelection::FillWholeSet(std::span<uint32_t> samples) {
  if (same_) {
    std::fill(samples.begin(), samples.end(), static_cast<uint32_t>(set_.samples[same_position_]));
    return;
  }
  const std::vector<QuerySampleIndex>& loaded = set_.samples;
  size_t filled = 0;
  while (filled < samples.size()) {
    checkpoint_();
    const size_t count = std::min(loaded.size(), samples.size() - filled);
    std::span<uint32_t> copy = samples.subspan(filled, count);
    std::transform(loaded.begin(), loaded.begin() + static_cast<ptrdiff_t>(count), copy.begin(),
                   [](QuerySampleIndex index) { return static_cast<uint32_t>(index); });
    if (permute_ && count == loaded.size()) {
      Shuffle(&copy, &random_, checkpoint_);
    }
    filled += count;
  }
}

void SampleSelection::CopyRun(uint32_t start, std::span<uint32_t> samples) const {
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<uint32_t>(set_.samples[start + i]);
  }
}

}  // namespace mlperf::loadgen
