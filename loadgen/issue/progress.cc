#include "progress.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "issue/watched_set.h"

namespace mlperf {
namespace loadgen {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr int64_t kLongSilenceNs = 10'000'000'000;
constexpr size_t kLatest = 2048;
// Completions come out of order. The latest ones are looked for among the outstanding samples and
// this many before them, but in at most kMostLooks places: a reader may not take long.
constexpr uint64_t kLookBack = 16384;
constexpr uint64_t kMostLooks = 32768;

std::atomic<int> shows_of_progress{0};
std::atomic<int> keepers_of_histograms{0};

// Which set is being issued, and what was last seen of the one before.
struct Registry {
  std::mutex mutex;
  uint64_t set_count = 0;
  const WatchedSet* current = nullptr;
  Optional<Progress> last;
};

// Never destroyed: threads may read while the process ends.
Registry& TheRegistry() {
  static Registry* registry = [] {
    // A child has no set, and no reader.
    pthread_atfork([] { TheRegistry().mutex.lock(); }, [] { TheRegistry().mutex.unlock(); },
                   [] {
                     TheRegistry().current = nullptr;
                     TheRegistry().mutex.unlock();
                   });
    return new Registry;
  }();
  return *registry;
}

int64_t Load(const std::atomic<int64_t>& value) { return value.load(std::memory_order_acquire); }

double Seconds(int64_t duration_ns) { return static_cast<double>(duration_ns) / kNsPerSecond; }

// The element floor(n * percentile) of the ascending order, as in the results.
int64_t Percentile(std::span<int64_t> values, double percentile) {
  const auto index = static_cast<ptrdiff_t>(static_cast<double>(values.size()) * percentile);
  std::nth_element(values.begin(), values.begin() + index, values.end());
  return values[static_cast<size_t>(index)];
}

// How many of the queries first, first + stride, ... below `end` were issued: a thread issues its
// share in order, so these are the first ones.
uint64_t CountPrefix(const SampleSlots& slots, uint64_t first, uint64_t stride, uint64_t end) {
  uint64_t low = 0, high = end > first ? (end - first + stride - 1) / stride : 0;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (Load(slots.issued_ns[first + middle * stride]) != 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

ProgressPhase PhaseOf(Phase phase, uint64_t trial) {
  if (trial > 0) return ProgressPhase::PeakTrial;
  switch (phase) {
    case Phase::kAccuracy:
      return ProgressPhase::Accuracy;
    case Phase::kWarmUp:
      return ProgressPhase::WarmUp;
    case Phase::kPerformance:
      break;
  }
  return ProgressPhase::Performance;
}

}  // namespace

WatchedSet::WatchedSet(const RunPlan& plan, Phase phase, uint64_t trial, uint64_t loaded_samples,
                       const Recorder* recorder, const Clock* clock)
    : plan_(plan),
      phase_(phase),
      trial_(trial),
      loaded_samples_(loaded_samples),
      recorder_(*recorder),
      slots_(*recorder->slots()),
      clock_(clock) {
  Registry& registry = TheRegistry();
  std::lock_guard<std::mutex> lock(registry.mutex);
  number_ = ++registry.set_count;
  registry.current = this;
}

WatchedSet::~WatchedSet() {
  Optional<Progress> last;
  try {
    if (drained_ns_ != 0) last = ProgressAt(drained_ns_);
  } catch (...) {  // No memory to look at the latest samples.
  }
  if (last) last->finished = true;
  Registry& registry = TheRegistry();
  std::lock_guard<std::mutex> lock(registry.mutex);
  registry.current = nullptr;
  if (last) registry.last = last;
}

Progress WatchedSet::ProgressAt(int64_t now_ns) const {
  Progress progress;
  progress.set_number = number_;
  progress.phase = PhaseOf(phase_, trial_);
  progress.trial = trial_;
  progress.scenario = plan_.scenario;
  progress.mode = plan_.mode;
  progress.elapsed_s = Seconds(now_ns - Load(start_ns_));
  progress.start_time_s = Seconds(system_start_ns_);

  const uint64_t samples_per_query = recorder_.samples_per_query();
  const bool accuracy = phase_ == Phase::kAccuracy;
  const bool one_shot = plan_.shape == LoopShape::kOneShot;
  progress.min_duration_s =
      accuracy || one_shot ? 0 : static_cast<double>(plan_.target_duration_ms) / 1000;
  progress.min_query_count = accuracy ? loaded_samples_ / samples_per_query : plan_.min_query_count;
  if (one_shot) progress.min_query_count = 1;

  // In this order: what was completed was issued before.
  const Recorder::Counts counts = recorder_.CountPublished();
  progress.samples_failed = counts.failed;
  progress.samples_completed = counts.completed - counts.failed;
  const Issued issued = CountIssued();
  progress.queries_issued = issued.queries;
  progress.samples_issued = issued.queries * samples_per_query;
  progress.samples_outstanding =
      progress.samples_issued - std::min(progress.samples_issued, counts.completed);

  if (plan_.shape == LoopShape::kOpenLoop) {
    progress.offered_samples_per_second = plan_.target_qps * static_cast<double>(samples_per_query);
    if (issued.queries > 0) progress.lateness = LatenessOfLatest(issued.end);
  }
  if (progress.elapsed_s > 0) {
    progress.completed_samples_per_second =
        static_cast<double>(progress.samples_completed) / progress.elapsed_s;
  }
  const RecentLatency latency = LatencyOfLatest(issued.end * samples_per_query, counts.completed);
  if (latency.count > 0) progress.latency = latency;
  progress.tokens = CountTokens(issued.end * samples_per_query);
  progress.remaining_s = RemainingSeconds(progress);
  return progress;
}

Progress WatchedSet::ProgressNow() const {
  const int64_t now_ns = clock_->NowNs();
  Progress progress = ProgressAt(now_ns);
  if (const std::optional<Silence> silence = LookForSilence(now_ns)) {
    progress.silent_s = Seconds(silence->silent_ns);
    progress.oldest_outstanding_s = Seconds(silence->oldest_outstanding_ns);
  }
  return progress;
}

std::optional<Silence> WatchedSet::LookForSilence(int64_t now_ns) const {
  if (!started()) return std::nullopt;
  std::lock_guard<std::mutex> lock(look_mutex_);
  const uint64_t completed = recorder_.completed_count();
  if (seen_since_ns_ == 0 || completed != seen_completed_) {
    // Before anybody looked, the set has just begun.
    seen_since_ns_ = seen_since_ns_ == 0 && completed == 0 ? Load(start_ns_) : now_ns;
    seen_completed_ = completed;
    oldest_issued_ns_ = 0;
  }
  if (now_ns - seen_since_ns_ < kLongSilenceNs) return std::nullopt;
  const uint64_t issued = CountIssued().queries * recorder_.samples_per_query();
  if (issued <= completed) return std::nullopt;
  // As long as nothing is completed, the oldest stays the oldest.
  if (oldest_issued_ns_ == 0) oldest_issued_ns_ = recorder_.OldestOutstandingNs();
  if (oldest_issued_ns_ == 0) return std::nullopt;
  const int64_t silent_ns = now_ns - std::max(seen_since_ns_, oldest_issued_ns_);
  if (silent_ns < kLongSilenceNs) return std::nullopt;
  return Silence{silent_ns, now_ns - oldest_issued_ns_, issued - completed, completed};
}

WatchedSet::Issued WatchedSet::CountIssued() const {
  const uint64_t ready = recorder_.queries_ready();
  const bool lent = plan_.shape == LoopShape::kOpenLoop && plan_.issue_thread_count > 0;
  const uint64_t threads = lent ? plan_.issue_thread_count : 1;
  Issued issued;
  for (uint64_t k = 0; k < threads; ++k) {
    const uint64_t count = CountPrefix(slots_, k, threads, ready);
    issued.queries += count;
    if (count > 0) issued.end = std::max(issued.end, k + (count - 1) * threads + 1);
  }
  return issued;
}

// 0: the query was not issued, as far as this thread sees.
int64_t WatchedSet::DueNs(uint64_t query) const {
  if (slots_.scheduled_is_issued) return Load(slots_.issued_ns[query]);
  return Load(start_ns_) + slots_.scheduled_delta_ns[query];
}

RecentLatency WatchedSet::LatencyOfLatest(uint64_t issued_samples, uint64_t completed) const {
  const uint64_t first = completed > kLookBack ? completed - kLookBack : 0;
  const uint64_t places = issued_samples - std::min(issued_samples, first);
  const uint64_t stride = std::max<uint64_t>(1, (places + kMostLooks - 1) / kMostLooks);

  // The latest answers as a heap whose front is the earliest of them.
  using Answer = std::pair<int64_t, uint64_t>;  // Time, sample.
  std::vector<Answer> latest;
  latest.reserve(kLatest + 1);
  for (uint64_t place = 0; place < places; place += stride) {
    const uint64_t sample = issued_samples - 1 - place;
    const int64_t answered_ns = slots_.AnsweredNs(sample);
    if (answered_ns == 0) continue;
    if (latest.size() == kLatest && answered_ns <= latest.front().first) continue;
    latest.emplace_back(answered_ns, sample);
    std::push_heap(latest.begin(), latest.end(), std::greater<>());
    if (latest.size() <= kLatest) continue;
    std::pop_heap(latest.begin(), latest.end(), std::greater<>());
    latest.pop_back();
  }

  std::vector<int64_t> latencies_ns;
  latencies_ns.reserve(latest.size());
  for (const auto& [answered_ns, sample] : latest) {
    const int64_t due_ns = DueNs(slots_.QueryOf(sample));
    if (due_ns != 0) latencies_ns.push_back(answered_ns - due_ns);
  }
  if (latencies_ns.empty()) return {};
  return {latencies_ns.size(), Percentile(latencies_ns, 0.50), Percentile(latencies_ns, 0.99)};
}

RecentLateness WatchedSet::LatenessOfLatest(uint64_t query_end) const {
  std::vector<int64_t> lateness_ns;
  lateness_ns.reserve(kLatest);
  for (uint64_t query = query_end; query > 0 && lateness_ns.size() < kLatest; --query) {
    const int64_t issued_ns = Load(slots_.issued_ns[query - 1]);
    if (issued_ns != 0) lateness_ns.push_back(issued_ns - DueNs(query - 1));
  }
  return {lateness_ns.size(), Percentile(lateness_ns, 0.50), Percentile(lateness_ns, 0.99),
          *std::max_element(lateness_ns.begin(), lateness_ns.end())};
}

Optional<TokenHistograms> WatchedSet::CountTokens(uint64_t issued_samples) const {
  if (keepers_of_histograms == 0 || slots_.first_token_ns.empty()) return {};
  std::lock_guard<std::mutex> lock(count_mutex_);
  recorder_.LookAtTokens([&](const TokenRecord& tokens) { CountGaps(tokens); });
  if (plan_.shape == LoopShape::kOneShot) return settled_;
  TokenHistograms found = settled_;
  uint64_t first_open = issued_samples;
  for (uint64_t sample = settled_samples_; sample < issued_samples; ++sample) {
    // Its tokens are written after its completion.
    const bool answered = slots_.AnsweredNs(sample) != 0;
    const bool open =
        slots_.CompletedNs(sample) == 0 || (answered && Load(slots_.token_count[sample]) == 0);
    if (open && first_open == issued_samples) {
      first_open = sample;
      settled_ = found;
    }
    if (answered) CountSample(sample, &found);
  }
  if (first_open == issued_samples) settled_ = found;
  settled_samples_ = first_open;
  return found;
}

void WatchedSet::CountGaps(const TokenRecord& tokens) const {
  for (; counted_answers_ < tokens.answer_count(); ++counted_answers_) {
    const RecordedAnswer& answer = tokens.answer(counted_answers_);
    if (slots_.AnsweredNs(answer.sample) == 0) continue;  // It was given up.
    for (const TokenGap& gap : GapsOf(tokens, answer, Load(slots_.token_count[answer.sample]))) {
      if (gap.tokens > 0) settled_.inter_token.Add(gap.gap_ns / gap.tokens, gap.tokens);
    }
  }
}

void WatchedSet::CountSample(uint64_t sample, TokenHistograms* found) const {
  const int64_t due_ns = DueNs(slots_.QueryOf(sample));
  const int64_t first_ns = Load(slots_.first_token_ns[sample]);
  const int64_t tokens = Load(slots_.token_count[sample]);
  if (due_ns == 0 || first_ns == 0) return;
  found->first_token.Add(first_ns - due_ns);
  if (tokens < 2) return;
  found->time_per_token.Add((slots_.AnsweredNs(sample) - first_ns) / (tokens - 1));
}

Optional<double> WatchedSet::RemainingSeconds(const Progress& progress) const {
  const double samples_per_query = static_cast<double>(recorder_.samples_per_query());
  // An open loop goes by its schedule, the others by what comes back, answered or failed.
  const auto ended = static_cast<double>(progress.samples_completed + progress.samples_failed);
  const double done =
      progress.offered_samples_per_second ? static_cast<double>(progress.samples_issued) : ended;
  const double ended_rate = progress.elapsed_s > 0 ? ended / progress.elapsed_s : 0;
  const double rate = progress.offered_samples_per_second.value_or(ended_rate);
  const auto seconds_to = [&](uint64_t query_count) -> Optional<double> {
    const double missing = static_cast<double>(query_count) * samples_per_query - done;
    if (missing <= 0) return 0.0;
    return rate > 0 ? Optional<double>(missing / rate) : Optional<double>();
  };
  const auto seconds_until = [&](double duration_s) {
    return std::max(0.0, duration_s - progress.elapsed_s);
  };

  Optional<double> remaining_s = seconds_to(progress.min_query_count);
  if (remaining_s) remaining_s = std::max(*remaining_s, seconds_until(progress.min_duration_s));
  if (phase_ == Phase::kAccuracy || plan_.shape == LoopShape::kOneShot) return remaining_s;
  if (plan_.max_query_count > 0) {
    const Optional<double> most_s = seconds_to(plan_.max_query_count);
    if (remaining_s && most_s) remaining_s = std::min(*remaining_s, *most_s);
  }
  if (plan_.max_duration_ms > 0) {
    const double most_s = seconds_until(static_cast<double>(plan_.max_duration_ms) / 1000);
    remaining_s = std::min(remaining_s.value_or(most_s), most_s);
  }
  return remaining_s;
}

}  // namespace loadgen

void DurationHistogram::Add(int64_t duration_ns, uint64_t times) {
  const auto bound = std::lower_bound(kBoundsNs.begin(), kBoundsNs.end(), duration_ns);
  counts[static_cast<size_t>(bound - kBoundsNs.begin())] += times;
  sum_ns += duration_ns * static_cast<int64_t>(times);
}

void SetTokenHistogramsKept(bool kept) { loadgen::keepers_of_histograms += kept ? 1 : -1; }
void SetProgressShown(bool shown) { loadgen::shows_of_progress += shown ? 1 : -1; }
bool ProgressIsShown() { return loadgen::shows_of_progress > 0; }

Optional<Progress> ReadProgress() {
  loadgen::Registry& registry = loadgen::TheRegistry();
  std::lock_guard<std::mutex> lock(registry.mutex);
  const loadgen::WatchedSet* current = registry.current;
  return current != nullptr && current->started() ? current->ProgressNow() : registry.last;
}

}  // namespace mlperf
