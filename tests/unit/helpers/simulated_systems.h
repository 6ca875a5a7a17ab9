// Systems under test without a clock: queueing models that answer Poisson arrivals at a rate, for
// tests of the peak search. Everything is seeded.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_SIMULATED_SYSTEMS_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_SIMULATED_SYSTEMS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "evaluate/early_stopping.h"
#include "search/peak_finder.h"
#include "search/trial_watch.h"

namespace mlperf::loadgen::simulated {

// SplitMix64: small, fast, and independent of the generator under test.
class Dice {
 public:
  // Mixed first: the states of neighbouring seeds would lie on the same orbit, a step apart.
  explicit Dice(uint64_t seed) : state_(seed) { state_ = Bits() * 0xD1342543DE82EF95u; }
  uint64_t Bits() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  double Uniform() { return (static_cast<double>(Bits() >> 11) + 0.5) * 0x1p-53; }
  double Exponential(double mean) { return -mean * std::log(Uniform()); }
  double Normal() {
    return std::sqrt(-2 * std::log(Uniform())) * std::cos(2 * 3.141592653589793 * Uniform());
  }

 private:
  uint64_t state_;
};

struct Query {
  double due_s = 0;
  double done_s = 0;
};

// Queries in order of arrival, each with the time it is answered. Made anew for each trial.
class QueryStream {
 public:
  virtual ~QueryStream() = default;
  virtual Query Next() = 0;
};

class Arrivals {
 public:
  Arrivals(double qps, uint64_t seed) : dice_(seed), gap_s_(1 / qps) {}
  double Next() { return now_s_ += dice_.Exponential(gap_s_); }

 private:
  Dice dice_;
  double gap_s_;
  double now_s_ = 0;
};

// First come, first served by `workers`, each query for a time of its own (Lindley's recursion).
class WorkersStream : public QueryStream {
 public:
  using Service = std::function<double(Dice*)>;
  WorkersStream(double qps, uint64_t seed, size_t workers, Service service)
      : arrivals_(qps, seed), dice_(~seed), free_s_(workers, 0.0), service_(std::move(service)) {}
  Query Next() override {
    const double due_s = arrivals_.Next();
    double& free_s = *std::min_element(free_s_.begin(), free_s_.end());
    free_s = std::max(free_s, due_s) + service_(&dice_);
    return {due_s, free_s};
  }

 private:
  Arrivals arrivals_;
  Dice dice_;
  std::vector<double> free_s_;
  Service service_;
};

// Takes all that wait, up to `most`, at once: start_s + each_s * count.
class BatchingStream : public QueryStream {
 public:
  BatchingStream(double qps, uint64_t seed, size_t most, double start_s, double each_s)
      : arrivals_(qps, seed), most_(most), start_s_(start_s), each_s_(each_s) {
    next_due_s_ = arrivals_.Next();
  }
  Query Next() override {
    if (ready_.empty()) RunBatch();
    const Query query = ready_.front();
    ready_.pop_front();
    return query;
  }

 private:
  void RunBatch() {
    const double begin_s = std::max(free_s_, next_due_s_);
    while (ready_.size() < most_ && next_due_s_ <= begin_s) {
      ready_.push_back({next_due_s_, 0});
      next_due_s_ = arrivals_.Next();
    }
    free_s_ = begin_s + start_s_ + each_s_ * static_cast<double>(ready_.size());
    for (Query& query : ready_) query.done_s = free_s_;
  }

  Arrivals arrivals_;
  size_t most_;
  double start_s_, each_s_;
  double next_due_s_ = 0, free_s_ = 0;
  std::deque<Query> ready_;
};

// One worker that stops now and then, as for garbage collection: no service begins in a pause.
class PausingStream : public QueryStream {
 public:
  PausingStream(double qps, uint64_t seed, double service_s, double every_s, double pause_s)
      : arrivals_(qps, seed),
        dice_(~seed),
        service_s_(service_s),
        every_s_(every_s),
        pause_s_(pause_s) {
    pause_at_s_ = dice_.Exponential(every_s_);
  }
  Query Next() override {
    const double due_s = arrivals_.Next();
    double begin_s = std::max(due_s, free_s_);
    while (pause_at_s_ <= begin_s) {
      begin_s = std::max(begin_s, pause_at_s_ + pause_s_);
      pause_at_s_ += pause_s_ + dice_.Exponential(every_s_);
    }
    free_s_ = begin_s + service_s_;
    return {due_s, free_s_};
  }

 private:
  Arrivals arrivals_;
  Dice dice_;
  double service_s_, every_s_, pause_s_, pause_at_s_ = 0, free_s_ = 0;
};

struct System {
  std::string name;
  double bound_s = 0.01;
  double start_qps = 100;
  // A stream for a trial at a rate; the seed is the trial's.
  std::function<std::unique_ptr<QueryStream>(double qps, uint64_t seed)> open;
};

inline System Workers(const std::string& name, double bound_s, size_t workers,
                      const WorkersStream::Service& service) {
  return {name, bound_s, 100, [=](double qps, uint64_t seed) {
            return std::make_unique<WorkersStream>(qps, seed, workers, service);
          }};
}

inline System MD1(const std::string& name, double bound_s, double service_s = 0.0005) {
  return Workers(name, bound_s, 1, [=](Dice*) { return service_s; });
}

inline System MM1() {
  return Workers("M/M/1", 0.01, 1, [](Dice* dice) { return dice->Exponential(0.0005); });
}

inline System TwoWorkers() {
  return Workers("two workers", 0.01, 2,
                 [](Dice* dice) { return 0.0005 + dice->Exponential(0.0005); });
}

inline System Batching() {
  return {"batching", 0.02, 100, [](double qps, uint64_t seed) {
            return std::make_unique<BatchingStream>(qps, seed, 16, 0.004, 0.0004);
          }};
}

// In time up to 1000/s whatever the queue; above that nothing is.
inline System Cliff() {
  return {"cliff", 0.01, 100, [](double qps, uint64_t seed) {
            const double service_s = qps > 1000 ? 0.05 : 0.001;
            return std::make_unique<WorkersStream>(qps, seed, 64, [=](Dice*) { return service_s; });
          }};
}

// The service time of a trial is 1 % off, up or down.
inline System Noisy() {
  return {"noisy", 0.01, 100, [](double qps, uint64_t seed) {
            Dice dice(seed ^ 0xD21F7);
            const double service_s = 0.0005 * std::exp(0.01 * dice.Normal());
            return std::make_unique<WorkersStream>(qps, seed, 1, [=](Dice*) { return service_s; });
          }};
}

inline System Pausing() {
  return {"pauses", 0.01, 100, [](double qps, uint64_t seed) {
            return std::make_unique<PausingStream>(qps, seed, 0.0004, 4, 0.015);
          }};
}

inline System NeverFails() {
  return Workers("never fails", 0.01, 64, [](Dice*) { return 0.001; });
}

inline System NeverPasses() {
  return Workers("never passes", 0.01, 1, [](Dice*) { return 0.011; });
}

// The long-run share over the bound at a rate: `trials` long ones, the first tenth left out.
inline double LongRunShare(const System& system, double qps, size_t trials, double queries,
                           uint64_t seed) {
  double all = 0, over = 0;
  for (size_t t = 0; t < trials; ++t) {
    const auto stream = system.open(qps, seed + t);
    for (double i = 0; i < queries * 1.1; ++i) {
      const Query query = stream->Next();
      if (i < queries / 10) continue;
      ++all;
      if (query.done_s - query.due_s > system.bound_s) ++over;
    }
  }
  return over / all;
}

// The rate at which LongRunShare is `share`, by bisection with the same seeds for all rates.
inline double TrueRate(const System& system, double share, double low_qps, double high_qps,
                       size_t trials, double queries) {
  while (high_qps / low_qps > 1.0003) {
    const double mid = std::sqrt(low_qps * high_qps);
    const double at_mid = LongRunShare(system, mid, trials, queries, 999);
    (at_mid <= share ? low_qps : high_qps) = mid;
  }
  return std::sqrt(low_qps * high_qps);
}

struct TrialRun {
  OverCounts counts;
  bool ended_early = false;
  double elapsed_s = 0;                // Of issuing.
  double wall_s = 0;                   // Until the last query issued was answered.
  uint64_t issued = 0, completed = 0;  // At the end of issuing.
};

// A trial as a load generator would run it, in simulated time.
inline TrialRun RunTrial(const System& system, const TrialWatchOptions& options, uint64_t seed,
                         bool may_end_early) {
  const auto stream = system.open(options.rate_qps, seed);
  TrialWatch watch(options);
  std::deque<Query> unknown;  // Neither answered nor older than the bound, or behind such a one.
  std::priority_queue<double, std::vector<double>, std::greater<>> outstanding;
  TrialRun run;
  double next_look_s = 0, last_done_s = 0;
  const auto report = [&](double now_s) {
    while (!unknown.empty()) {
      const Query& query = unknown.front();
      const bool over = query.done_s - query.due_s > options.bound_s;
      if (now_s < (over ? query.due_s + options.bound_s : query.done_s)) break;
      watch.AddQuery(query.due_s, over);
      unknown.pop_front();
    }
  };
  for (Query query = stream->Next(); query.due_s < options.duration_s; query = stream->Next()) {
    run.elapsed_s = query.due_s;
    while (!outstanding.empty() && outstanding.top() <= query.due_s) {
      outstanding.pop();
      ++run.completed;
    }
    report(query.due_s);
    if (query.due_s >= next_look_s) {
      watch.AddProgress(query.due_s, run.issued, run.completed);
      next_look_s = query.due_s + options.bound_s / 4;
    }
    if (may_end_early && watch.outlook() != TrialOutlook::Open) {
      run.ended_early = true;
      break;
    }
    ++run.issued;
    last_done_s = std::max(last_done_s, query.done_s);
    outstanding.push(query.done_s);
    unknown.push_back(query);
  }
  if (!run.ended_early) {
    run.elapsed_s = options.duration_s;
    report(1e300);
  }
  run.wall_s = std::max(run.elapsed_s, last_done_s);
  run.counts = watch.counts();
  return run;
}

struct SearchRun {
  PeakAnswer answer;
  size_t trials = 0;
  double wall_s = 0;
  std::vector<TrialOutcome> outcomes;
};

inline TrialOutcome RunRequest(const System& system, const PeakConstraint& constraint,
                               const TrialRequest& request, uint64_t seed) {
  TrialWatchOptions watch;
  watch.rate_qps = request.rate_qps;
  watch.duration_s = request.duration_s;
  watch.bound_s = constraint.bound_s;
  watch.over_share = constraint.over_share;
  watch.control_service_s = request.control_service_s[0];
  const TrialRun run =
      RunTrial(system, watch, seed * 1000 + request.number, request.kind == TrialKind::Bracket);
  TrialOutcome outcome;
  outcome.request = request;
  outcome.elapsed_s = run.elapsed_s;
  outcome.wall_s = run.wall_s;
  outcome.issued = run.issued;
  outcome.completed = run.completed;
  outcome.counts = {run.counts};
  const auto most = MaxOverlatency(run.counts.queries, 1 - constraint.over_share);
  outcome.valid = most.has_value() && run.counts.over <= *most;
  return outcome;
}

// A whole search in simulated time.
inline SearchRun RunSearch(const System& system, const PeakFinderOptions& options, uint64_t seed) {
  PeakFinder finder(options);
  SearchRun search;
  while (const std::optional<TrialRequest> request = finder.Next()) {
    search.outcomes.push_back(RunRequest(system, options.constraints[0], *request, seed));
    search.wall_s += search.outcomes.back().wall_s;
    finder.Add(search.outcomes.back());
    if (++search.trials > 200) break;
  }
  search.answer = finder.Answer();
  return search;
}

}  // namespace mlperf::loadgen::simulated

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_SIMULATED_SYSTEMS_H_
