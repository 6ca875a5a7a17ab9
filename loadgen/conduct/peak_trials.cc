#include "conduct/peak_trials.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

#include "evaluate/early_stopping.h"
#include "search/option_range.h"

namespace mlperf::loadgen {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr uint64_t kProbeQueries = 5;
constexpr uint64_t kProbeMs = 100;
// Of the time planned: a query that is due later is not waited for.
constexpr double kLongestTrial = 1.1;
// A backlog of this many latency bounds cannot be an accident.
constexpr double kHopelessBounds = 4;
constexpr uint64_t kHopelessQueries = 200;

int64_t Load(const std::atomic<int64_t>& value) { return value.load(std::memory_order_relaxed); }

const char* KindName(TrialKind kind) {
  switch (kind) {
    case TrialKind::Bracket:
      return "bracket";
    case TrialKind::Measure:
      return "measure";
    case TrialKind::Confirm:
      return "confirm";
  }
  return "unknown";
}

constexpr const char* kFailuresEnd =
    "queries failed, and no trial passes in which any fails; find out why they do, as a longer "
    "search changes nothing";

std::string EndText(const PeakAnswer& answer) {
  char text[200];
  switch (answer.end) {
    case PeakEnd::Open:
      return "the search was left open";
    case PeakEnd::Converged:
      return "the rate is known as precisely as asked for";
    case PeakEnd::Limit:
      return "no rate up to the limit failed; raise server_find_peak_max_qps to look further";
    case PeakEnd::Unconfirmed:
      if (answer.by_failures) return kFailuresEnd;
      if (answer.too_few_qps == 0) {
        return "no run at the limit was VALID; the reasons of the last one say why";
      }
      std::snprintf(text, sizeof(text),
                    "a run of min_duration at %.6g queries/s has too few queries to be VALID; "
                    "raise min_duration or min_query_count",
                    answer.too_few_qps);
      return text;
    case PeakEnd::BudgetUsed:
      if (answer.by_failures) return kFailuresEnd;
      return "the time budget was used; raise it for a narrower interval";
    case PeakEnd::NeverPasses:
      std::snprintf(text, sizeof(text),
                    "no rate passes: at %.3g queries/s still %.3g %% of the queries were over the "
                    "bound or failed; raise the latency bound or use a faster system",
                    answer.lowest_qps, 100 * answer.lowest_over_share);
      return text;
  }
  return "";
}

// "3.2 % of the queries failed: 503 queue full"; empty: none did.
std::string FailuresText(const PeakTrial& trial) {
  if (trial.failed_share == 0) return "";
  char share[40];
  std::snprintf(share, sizeof(share), "%.3g %%", 100 * trial.failed_share);
  std::string text = std::string(share) + " of the queries failed";
  const char* separator = ": ";
  for (const std::string& failure : trial.failures) {
    text += separator + failure;
    separator = "; ";
  }
  return text;
}

// What was seen, without an opinion.
PeakTrial FactsOf(const TrialOutcome& outcome) {
  PeakTrial trial;
  trial.kind = KindName(outcome.request.kind);
  trial.qps = outcome.request.rate_qps;
  trial.query_count = outcome.issued;
  trial.duration_s = outcome.elapsed_s;
  trial.failures = outcome.failures;
  if (outcome.issued > 0) {
    trial.failed_share = static_cast<double>(outcome.failed) / static_cast<double>(outcome.issued);
  }
  for (const OverCounts& counts : outcome.counts) {
    if (counts.queries == 0) continue;
    trial.over_share = std::max(
        trial.over_share, static_cast<double>(counts.over) / static_cast<double>(counts.queries));
  }
  return trial;
}

double LongestBoundSeconds(const std::vector<TrialBound>& bounds) {
  double longest_s = 0;
  for (const TrialBound& bound : bounds) longest_s = std::max(longest_s, bound.constraint.bound_s);
  return longest_s;
}

void RefuseBoundOfZero(std::string_view name, uint64_t bound_ns) {
  if (bound_ns > 0) return;
  throw SettingsError(std::string(name) +
                      " is 0: no query can keep such a bound; set it to at least 1 ns");
}

void RefuseGoodputShare(double share) {
  const OptionRange& range = *FindOptionRange("goodput");
  if (share == 0 || range.Allows(share)) return;
  throw SettingsError("goodput_share is " + NumberText(share) + ": for a search by estimate " +
                      range.WhatToGive());
}

uint64_t LatencyBoundNs(const RunPlan& plan) {
  return plan.use_token_latencies ? plan.e2e_latency_ns : plan.target_latency_ns;
}

}  // namespace

void CheckPeakSearch(const RunPlan& plan, const PeakSearchHooks& hooks) {
  if (plan.mode != TestMode::FindPeakPerformance || plan.shape != LoopShape::kOpenLoop ||
      plan.find_peak_strategy != PeakStrategy::Estimate) {
    return;
  }
  const double percentile = plan.target_latency_percentile;
  if (hooks.goodput) {
    CheckOption("goodput", *hooks.goodput);
  } else if (const OptionRange& range = *FindOptionRange("goodput"); !range.Allows(percentile)) {
    throw SettingsError("server_target_latency_percentile is " + NumberText(percentile) +
                        ": for a search by estimate " + range.WhatToGive());
  }
  if (plan.use_token_latencies) {
    RefuseBoundOfZero("ttft_latency", plan.ttft_latency_ns);
    RefuseBoundOfZero("tpot_latency", plan.tpot_latency_ns);
    RefuseGoodputShare(plan.goodput_share);
  } else {
    RefuseBoundOfZero("server_target_latency_ns", plan.target_latency_ns);
  }
  PeakFinder finder(FinderOptions(plan, TrialBounds(plan, hooks.goodput), hooks));
  for (const TrialOutcome& outcome : hooks.known) finder.Add(outcome);
}

std::vector<TrialBound> TrialBounds(const RunPlan& plan, const std::optional<double>& goodput) {
  const double latency_s = static_cast<double>(LatencyBoundNs(plan)) / kNsPerSecond;
  const double first_token_s = static_cast<double>(plan.ttft_latency_ns) / kNsPerSecond;
  const double per_token_s = static_cast<double>(plan.tpot_latency_ns) / kNsPerSecond;
  const double over_share = 1 - goodput.value_or(plan.target_latency_percentile);
  const bool tokens = plan.use_token_latencies;
  if (!tokens) return {{true, false, false, {latency_s, over_share}}};
  const bool whole = plan.e2e_latency_ns > 0;
  const double longest_s = std::max({first_token_s, per_token_s, latency_s});
  if (goodput) return {{whole, true, true, {longest_s, over_share}}};
  std::vector<TrialBound> bounds = {{false, true, false, {first_token_s, over_share}},
                                    {false, false, true, {per_token_s, over_share}}};
  if (whole) bounds.push_back({true, false, false, {latency_s, over_share}});
  if (plan.goodput_share > 0) {
    bounds.push_back({whole, true, true, {longest_s, 1 - plan.goodput_share}});
  }
  return bounds;
}

PeakFinderOptions FinderOptions(const RunPlan& plan, const std::vector<TrialBound>& bounds,
                                const PeakSearchHooks& hooks) {
  PeakFinderOptions options;
  for (const TrialBound& bound : bounds) options.constraints.push_back(bound.constraint);
  options.min_duration_s = static_cast<double>(std::max<uint64_t>(plan.min_duration_ms, 1)) / 1000;
  options.min_queries = plan.min_query_count;
  options.fewest_valid_queries = MinQueriesForOverlatency(0, plan.target_latency_percentile);
  options.failed_may_pass = hooks.goodput.has_value();
  options.start_qps = hooks.start_qps.value_or(options.start_qps);
  options.max_qps = plan.find_peak_max_qps;
  options.precision = hooks.precision;
  options.confidence = hooks.confidence;
  options.time_budget_s = hooks.time_budget_s;
  return options;
}

RunPlan ProbePlan(const RunPlan& plan) {
  RunPlan probe = WarmUpPlan(plan);
  probe.shape = LoopShape::kClosedLoop;
  probe.min_query_count = kProbeQueries;
  probe.target_duration_ms = kProbeMs;
  return probe;
}

double ProbedQps(const RunRecord& record) {
  std::vector<int64_t> latencies_ns;
  record.ForEachIssuedQuery([&](uint64_t query) {
    const int64_t answered_ns = record.AnsweredNs(query);
    if (answered_ns != 0)
      latencies_ns.push_back(std::max<int64_t>(1, answered_ns - record.IssuedNs(query)));
  });
  if (latencies_ns.empty()) return 1;
  const auto middle = latencies_ns.begin() + static_cast<ptrdiff_t>(latencies_ns.size() / 2);
  std::nth_element(latencies_ns.begin(), middle, latencies_ns.end());
  return kNsPerSecond / static_cast<double>(*middle);
}

RunPlan TrialPlan(const RunPlan& plan, const std::vector<TrialBound>& bounds,
                  const TrialRequest& request) {
  RunPlan trial = plan;
  trial.target_qps = request.rate_qps;
  if (request.kind == TrialKind::Confirm) return trial;
  trial.min_duration_ms = static_cast<uint64_t>(std::ceil(request.duration_s * 1000));
  trial.target_duration_ms = trial.min_duration_ms;
  trial.max_duration_ms = 0;
  trial.min_query_count = 1;
  trial.max_query_count = 0;
  trial.performance_issue_unique = false;
  trial.sample_concatenate_permutation = false;
  constexpr uint64_t kSpread = 0x9E3779B97F4A7C15;
  trial.schedule_rng_seed = plan.schedule_rng_seed + kSpread * (request.number + 1);
  trial.sample_index_rng_seed = plan.sample_index_rng_seed + kSpread * (request.number + 1);
  const double hopeless = kHopelessBounds * request.rate_qps * LongestBoundSeconds(bounds);
  trial.max_async_queries = request.kind == TrialKind::Bracket
                                ? kHopelessQueries + static_cast<uint64_t>(std::min(hopeless, 1e12))
                                : 0;
  return trial;
}

PeakTrial Describe(const PeakFinderOptions& options, const TrialOutcome& outcome) {
  PeakTrial trial = FactsOf(outcome);
  trial.passed = outcome.request.kind == TrialKind::Confirm
                     ? outcome.valid
                     : outcome.issued > 0 && !TrialFails(options, outcome);
  return trial;
}

std::string TrialText(const TrialOutcome& outcome) {
  const PeakTrial trial = FactsOf(outcome);
  char text[200];
  std::snprintf(
      text, sizeof(text),
      "FindPeakPerformance: %s at %.6g queries/s for %.3g s: %.3g %% of %llu queries over "
      "the bound",
      trial.kind.c_str(), trial.qps, trial.duration_s, 100 * trial.over_share,
      static_cast<unsigned long long>(trial.query_count));
  const std::string failures = FailuresText(trial);
  return failures.empty() ? text : text + ("; " + failures);
}

void SetAnswer(const PeakAnswer& answer, bool stopped, PeakSearchResult* result) {
  const bool high_known = std::isfinite(answer.high_qps);
  result->found = answer.rate_qps > 0;
  result->at_limit = result->found && answer.end == PeakEnd::Limit;
  result->determined = result->found && answer.low_qps > 0 && high_known;
  result->none_passes = !result->found && !stopped && answer.end == PeakEnd::NeverPasses;
  result->qps = answer.rate_qps;
  result->at_least_qps = answer.at_least_qps;
  result->at_most_qps = std::isfinite(answer.at_most_qps) ? answer.at_most_qps : 0;
  if (!stopped && !result->determined) {
    result->settling_budget_s = answer.settling_budget_s;
    result->settling_min_duration_s = answer.settling_min_duration_s;
  }
  result->low_qps = answer.low_qps;
  result->high_qps = high_known ? answer.high_qps : 0;
  result->valid_qps = answer.valid_qps.value_or(0);
  result->end = stopped ? "the test was ended before the search was" : EndText(answer);
  ReportFailures(result);
}

const PeakTrial* LowestFailing(const PeakSearchResult& result) {
  const PeakTrial* lowest = nullptr;
  for (const PeakTrial& trial : result.trials) {
    if (trial.failed_share == 0) continue;
    if (lowest == nullptr || trial.qps < lowest->qps) lowest = &trial;
  }
  return lowest;
}

void ReportFailures(PeakSearchResult* result) {
  const PeakTrial* lowest = LowestFailing(*result);
  if (lowest == nullptr) return;
  char rate[60];
  std::snprintf(rate, sizeof(rate), "; at %.6g queries/s ", lowest->qps);
  result->end += rate + FailuresText(*lowest);
}

std::string FailuresCaution(const PeakSearchResult& result) {
  const PeakTrial* lowest = LowestFailing(result);
  // Failures above what is known to be too much did not make it so.
  if (lowest == nullptr || (result.at_most_qps > 0 && lowest->qps > result.at_most_qps)) return "";
  char rate[60];
  std::snprintf(rate, sizeof(rate), "At %.6g queries/s ", lowest->qps);
  return rate + FailuresText(*lowest) +
         ". No trial passes in which any fails: what was found is where queries begin to fail, "
         "which may be far below where they begin to be late.";
}

TrialObserver::TrialObserver(const RunPlan& plan, const std::vector<TrialBound>& bounds,
                             const TrialRequest& request)
    : request_(request),
      ttft_bound_ns_(plan.ttft_latency_ns),
      tpot_bound_ns_(plan.tpot_latency_ns),
      latency_bound_ns_(LatencyBoundNs(plan)) {
  for (size_t i = 0; i < bounds.size(); ++i) {
    TrialWatchOptions options;
    options.rate_qps = request.rate_qps;
    options.duration_s = request.duration_s;
    options.bound_s = bounds[i].constraint.bound_s;
    options.over_share = bounds[i].constraint.over_share;
    if (i < request.control_service_s.size()) {
      options.control_service_s = request.control_service_s[i];
    }
    watched_.push_back({bounds[i], TrialWatch(options)});
  }
}

bool TrialObserver::HasSeenEnough(const SetView& view) {
  while (issued_ < view.queries_ready && Load(view.slots.issued_ns[issued_]) != 0) ++issued_;
  const double elapsed_s = static_cast<double>(view.now_ns - view.start_ns) / kNsPerSecond;
  bool all_pass = true;
  bool one_fails = false;
  for (Watched& watched : watched_) {
    Report(view, false, &watched);
    watched.watch.AddProgress(elapsed_s, issued_, view.samples_completed);
    all_pass = all_pass && watched.watch.outlook() == TrialOutlook::Passes;
    one_fails = one_fails || watched.watch.outlook() == TrialOutlook::Fails;
  }
  if (HasEnded(view, elapsed_s)) return true;
  return request_.kind == TrialKind::Bracket && (all_pass || one_fails);
}

// The time planned is over, and nothing is due: at a low rate the last query of the schedule may be
// far away.
bool TrialObserver::HasEnded(const SetView& view, double elapsed_s) const {
  if (request_.kind == TrialKind::Confirm) return false;
  if (elapsed_s < kLongestTrial * request_.duration_s) return false;
  if (issued_ >= view.queries_ready) return false;
  return view.start_ns + view.slots.scheduled_delta_ns[issued_] > view.now_ns;
}

// Reports the queries whose fate is known to the watch, in order.
void TrialObserver::Report(const SetView& view, bool ended, Watched* watched) const {
  for (; watched->next_query < view.queries_ready; ++watched->next_query) {
    const uint64_t query = watched->next_query;
    if (Load(view.slots.issued_ns[query]) == 0) {
      if (!ended) return;
      continue;  // Of an issue thread that ended before the others.
    }
    const std::optional<bool> over = IsOver(watched->bound, view, query, ended);
    if (!over) return;
    const double due_s = static_cast<double>(view.slots.scheduled_delta_ns[query]) / kNsPerSecond;
    watched->watch.AddQuery(due_s, *over);
  }
}

// Nothing: it is not known yet. What failed, or is still outstanding at the end, never kept its
// bound.
std::optional<bool> TrialObserver::IsOver(const TrialBound& bound, const SetView& view,
                                          uint64_t query, bool ended) const {
  if (view.slots.Failed(query)) return true;
  if (view.slots.Cancelled(query)) return false;
  const int64_t due_ns = view.start_ns + view.slots.scheduled_delta_ns[query];
  const int64_t done_ns = view.slots.AnsweredNs(query);
  const auto later_than = [](int64_t duration_ns, uint64_t bound_ns) {
    return std::cmp_greater(duration_ns, bound_ns);
  };
  if (view.answers_are_timed && done_ns == 0) return ended ? std::optional(true) : std::nullopt;
  if (bound.latency) {
    const int64_t taken_ns = (done_ns != 0 ? done_ns : view.now_ns) - due_ns;
    if (later_than(taken_ns, latency_bound_ns_)) return true;
    if (done_ns == 0 && ended) return true;
    if (!bound.first_token) return done_ns != 0 ? std::optional(false) : std::nullopt;
  }
  const int64_t token_ns = Load(view.slots.first_token_ns[query]);
  if (bound.first_token) {
    const int64_t waited_ns = (token_ns != 0 ? token_ns : view.now_ns) - due_ns;
    if (later_than(waited_ns, ttft_bound_ns_)) return true;
    if (token_ns == 0) return ended ? std::optional(true) : std::nullopt;
    if (!bound.per_token) return false;
  }
  if (done_ns == 0) return ended ? std::optional(true) : std::nullopt;
  const int64_t tokens = Load(view.slots.token_count[query]);
  if (tokens < 2) return false;  // Has no time per token.
  return later_than((done_ns - token_ns) / (tokens - 1), tpot_bound_ns_);
}

TrialOutcome TrialObserver::Outcome(const RunRecord& record, double wall_s) {
  TrialOutcome outcome;
  outcome.request = request_;
  outcome.wall_s = wall_s;
  outcome.elapsed_s = static_cast<double>(record.issue_end_ns - record.start_ns) / kNsPerSecond;
  outcome.issued = record.queries_issued;
  record.ForEachIssuedQuery([&](uint64_t query) {
    const int64_t answered_ns = record.AnsweredNs(query);
    if (answered_ns != 0 && answered_ns <= record.issue_end_ns) ++outcome.completed;
  });
  outcome.failed = record.samples_failed;
  outcome.failures = record.violations.failures;
  const bool hopeless = std::any_of(
      record.issue_ends.begin(), record.issue_ends.end(),
      [](const IssueEnd& end) { return end.reason == StopReason::kTooManyOutstanding; });
  const SetView view{*record.slots, record.query_end, outcome.completed, record.start_ns,
                     record.drained_ns};
  for (Watched& watched : watched_) {
    Report(view, true, &watched);
    outcome.counts.push_back(watched.watch.counts());
    if (!hopeless || request_.kind != TrialKind::Bracket) continue;
    outcome.counts.back().outlook = TrialOutlook::Fails;
    outcome.counts.back().backlog_grows = true;
  }
  return outcome;
}

}  // namespace mlperf::loadgen
