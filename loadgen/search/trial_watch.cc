#include "search/trial_watch.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace mlperf::loadgen {
namespace {

// A queue that starts empty needs some latency bounds to forget it.
constexpr double kWarmUpBounds = 20;
constexpr double kWarmUpShare = 0.1;  // Never more of the trial than this.

constexpr size_t kMostBatches = 64;  // Then neighbours are merged.
constexpr size_t kGroups = 8;        // Of batches, for the variance: 32 batches are 4 a group.
constexpr size_t kBatchesALook = 8;
constexpr size_t kFirstLook = 32;

// The variance of 8 groups may be too small by chance: 7 / (5 % quantile of chi-squared with 7
// degrees of freedom) times what was seen is its upper 95 % confidence limit.
constexpr double kVarianceLimit = 7 / 2.167;

// Queries over the bound come in clusters. While none or few were seen nothing shows how large
// those are; in a queue near its limit they last for about two latency bounds.
constexpr double kClusterBounds = 2;

constexpr size_t kProgressPoints = 64;
constexpr double kProgressBounds = 0.25;  // The first step between the points kept.

// Merges the elements pairwise.
void HalveBatches(std::vector<OverBatch>* batches) {
  for (size_t i = 0; i + 1 < batches->size(); i += 2) {
    const OverBatch &a = (*batches)[i], &b = (*batches)[i + 1];
    (*batches)[i / 2] = {a.seconds + b.seconds, a.queries + b.queries, a.over + b.over,
                         a.control_over + b.control_over};
  }
  batches->resize(batches->size() / 2);
}

// The variance of the over-count as a multiple of the binomial one, from the means of kGroups
// groups of batches; at the limit that chance leaves it.
double Dispersion(const std::vector<OverBatch>& batches, double share) {
  if (share <= 0 || share >= 1) return 0;
  double sum = 0;
  const size_t size = batches.size() / kGroups;
  for (size_t g = 0; g < kGroups; ++g) {
    double queries = 0, over = 0;
    for (size_t i = g * size; i < (g + 1) * size; ++i) {
      queries += static_cast<double>(batches[i].queries);
      over += static_cast<double>(batches[i].over);
    }
    const double off = over - queries * share;
    if (queries > 0) sum += off * off / (queries * share * (1 - share));
  }
  return kVarianceLimit * sum / (kGroups - 1);
}

}  // namespace

TrialWatch::TrialWatch(const TrialWatchOptions& options)
    : options_(options),
      warm_up_s_(std::min(kWarmUpBounds * options.bound_s, kWarmUpShare * options.duration_s)),
      batch_s_(std::min(options.bound_s, options.duration_s / kMostBatches)),
      control_(options.control_service_s, options.bound_s),
      open_end_s_(warm_up_s_ + batch_s_),
      progress_step_s_(kProgressBounds * options.bound_s) {
  // The number of Poisson arrivals in the planned time may be larger than its mean.
  const double queries = options.rate_qps * options.duration_s;
  most_over_ = options.over_share * (queries + 4 * std::sqrt(queries));
  counts_.batches.reserve(kMostBatches);
}

void TrialWatch::AddQuery(double due_s, bool over) {
  while (due_s >= open_end_s_) CloseBatch();
  ++counts_.queries;
  if (over) ++counts_.over;
  const bool control_over = control_.Over(due_s);
  if (due_s >= warm_up_s_) {
    ++open_.queries;
    if (over) ++open_.over;
    if (control_over) ++open_.control_over;
  }
  if (static_cast<double>(counts_.over) > most_over_) counts_.lost = true;
}

void TrialWatch::CloseBatch() {
  std::vector<OverBatch>& batches = counts_.batches;
  open_.seconds += batch_s_;
  batches.push_back(open_);
  open_ = {};
  if (batches.size() == kMostBatches) {
    HalveBatches(&batches);
    batch_s_ *= 2;
  }
  open_end_s_ += batch_s_;
  if (batches.size() >= kFirstLook && batches.size() % kBatchesALook == 0) Look();
}

// A sequential test in the number of queries over the bound: the exponent of Chernoff's bound for
// a Poisson number of clusters. Look i has 1 / (i * (i + 1)) of the error rate: all have all of it.
void TrialWatch::Look() {
  if (counts_.outlook != TrialOutlook::Open) return;
  double queries = 0, over = 0;
  for (const OverBatch& batch : counts_.batches) {
    queries += static_cast<double>(batch.queries);
    over += static_cast<double>(batch.over);
  }
  ++looks_;
  if (queries == 0) return;
  const double cluster = std::max({1.0, kClusterBounds * options_.bound_s * options_.rate_qps,
                                   Dispersion(counts_.batches, over / queries)});
  const double expected = queries * options_.over_share;
  const double ratio = over / expected;
  const double exponent =
      expected / cluster * (1 - ratio + (ratio > 0 ? ratio * std::log(ratio) : 0));
  const double i = static_cast<double>(looks_);
  if (exponent < std::log(i * (i + 1) / options_.error_rate)) return;
  if (ratio > 1) counts_.outlook = TrialOutlook::Fails;
  // What waits has not been late yet.
  if (ratio < 1 && !progress_.empty() && !counts_.backlog_grows) {
    counts_.outlook = TrialOutlook::Passes;
  }
}

void TrialWatch::AddProgress(double elapsed_s, uint64_t issued, uint64_t completed) {
  const double last_s = progress_.empty() ? 0 : progress_.back().elapsed_s;
  if (elapsed_s < last_s + progress_step_s_) return;
  // A racing double completion counts twice.
  progress_.push_back({elapsed_s, static_cast<double>(issued - std::min(completed, issued))});
  WatchBacklog();
  if (progress_.size() < kProgressPoints) return;
  for (size_t i = 0; 2 * i + 1 < progress_.size(); ++i) progress_[i] = progress_[2 * i + 1];
  progress_.resize(progress_.size() / 2);
  progress_step_s_ *= 2;
}

// A queue without bound grows in each quarter of the time, by more than arrivals vary and by more
// than some latency bounds hold; a single long pause of the system under test does not.
void TrialWatch::WatchBacklog() {
  const double elapsed_s = progress_.back().elapsed_s;
  const double a_bound = options_.rate_qps * options_.bound_s;
  const double needed = std::max(a_bound / 2, 3 * std::sqrt(options_.rate_qps * elapsed_s / 4)) + 1;
  const auto at = [&](double time_s) {
    return std::find_if(progress_.begin(), progress_.end(),
                        [&](const Progress& p) { return p.elapsed_s >= time_s; })
        ->outstanding;
  };
  const std::array<double, 4> points = {at(elapsed_s / 4), at(elapsed_s / 2), at(elapsed_s * 3 / 4),
                                        progress_.back().outstanding};
  counts_.backlog_grows = elapsed_s >= 4 * options_.bound_s;
  for (size_t i = 1; i < points.size(); ++i) {
    if (points[i] < points[i - 1] + needed) counts_.backlog_grows = false;
  }
  if (counts_.backlog_grows) counts_.outlook = TrialOutlook::Fails;
}

}  // namespace mlperf::loadgen
