#include "conduct/peak_phase.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evaluate/goodput.h"
#include "evaluate/latency_stats.h"
#include "evaluate/lateness_caution.h"
#include "evaluate/token_stats.h"
#include "evaluate/verdict.h"
#include "record/failed_samples.h"
#include "search/bisection.h"
#include "search/peak_finder.h"
#include "settings/count_text.h"
#include "traffic/loadable_set.h"
#include "write/summary_log.h"

namespace mlperf::loadgen {
namespace {

// Queries that failed or were over the bound; in token mode, over the bound that most missed, or
// over any of them if a share of the queries must keep all.
uint64_t CountOverBound(const RunPlan& plan, const RunRecord& record,
                        const PerformanceResult& result) {
  if (!plan.use_token_latencies) return result.overlatency_query_count;
  if (plan.goodput_share > 0) return CountRequests(record) - CountWithinBounds(plan, record);
  const TokenTimes times = ComputeTokenTimes(record);
  uint64_t over = std::max(CountOver(times.first_token_ns, plan.ttft_latency_ns),
                           CountOver(times.time_per_token_ns, plan.tpot_latency_ns));
  if (plan.e2e_latency_ns > 0) {
    over = std::max(over, CountOver(SampleLatencies(record), plan.e2e_latency_ns));
  }
  return record.samples_failed + over;
}

// A trial of a bisection, judged by the performance constraints alone, but for failures: a run in
// which any query fails is never VALID.
PeakTrial DescribeBisected(const RunPlan& plan, const RunRecord& record) {
  const PerformanceResult result = EvaluatePerformance(plan, record);
  PeakTrial trial;
  trial.qps = plan.target_qps;
  trial.passed = result.perf_constraints_met && result.failed_sample_count == 0;
  trial.query_count = result.query_count;
  trial.duration_s = static_cast<double>(record.issue_end_ns - record.start_ns) / 1e9;
  trial.failures = result.failures;
  if (result.query_count == 0) return trial;
  const auto queries = static_cast<double>(result.query_count);
  trial.failed_share = static_cast<double>(result.failed_sample_count) / queries;
  trial.over_share = static_cast<double>(CountOverBound(plan, record, result)) / queries;
  return trial;
}

// Both strategies.
class PeakPhase {
 public:
  PeakPhase(Conductor* test, const PeakSearchHooks& hooks)
      : test_(*test), hooks_(hooks), bounds_(TrialBounds(plan(), hooks.goodput)) {}

  void Bisect(const LoadableSet& set) {
    const auto run = [&](double qps, std::string_view kind) {
      PeakTrial trial = RunBisected(set, qps);
      trial.kind = kind;
      // The search does not count one that was aborted.
      if (!test_.Stopped()) test_.logs()->detail().WriteTrial(trial, test_.NowNs());
      return trial;
    };
    const auto message = [&](const std::string& text) {
      test_.logs()->detail().Message(text, test_.NowNs());
    };
    const auto around = [&](const std::function<void()>& part) { test_.WithLoaded(set, part); };
    test_.result()->peak = SearchPeak(
        {plan().target_qps, plan().find_peak_step, plan().find_peak_decimals,
         plan().find_peak_max_qps},
        run, message, [this] { return test_.Stopped(); }, around);
    ReportFailures(&*test_.result()->peak);
    NameCauseOfEnd(test_.Stopped());
    Conclude();
    if (reported_.slots == nullptr || reported_.queries_issued == 0) return;
    test_.logs()->WriteQueries(reported_plan_, reported_, {.trace = false, .samples = true});
    if (!test_.result()->peak->found && !test_.Stopped()) {
      test_.logs()->detail().Error(
          "error_runtime",
          "FindPeakPerformance: Initial lower bound does not satisfy performance constraints, "
          "msg: " +
              WhyItFails(reported_plan_, reported_),
          test_.NowNs());
    }
    Report();
  }

  void Estimate(const LoadableSet& set) {
    PeakAnswer answer;
    test_.WithLoaded(set, [&] {
      if (test_.WarmUp(set)) answer = EstimateLoaded(set);
    });
    if (!test_.result()->peak) return;
    PeakSearchResult& peak = *test_.result()->peak;
    SetAnswer(answer, test_.Stopped(), &peak);
    const bool cause_known = NameCauseOfEnd(test_.Stopped() || answer.end == PeakEnd::Open);
    Conclude();
    if (reported_.slots != nullptr) {
      test_.WriteSet(reported_plan_, reported_);
      return Report();
    }
    test_.logs()->detail().WritePeak(peak, test_.NowNs());
    test_.logs()->WriteSummary(SummaryOfPeak(peak));
    // All trials may be those of the search that this one goes on with.
    const bool confirmed = peak.valid_qps > 0 && (peak.determined || peak.at_limit);
    if (!cause_known && !confirmed) test_.AddReasons({"peak search: " + peak.end});
  }

 private:
  const RunPlan& plan() const { return test_.plan(); }

  PeakTrial RunBisected(const LoadableSet& set, double qps) {
    PeakTrial trial;
    trial.qps = qps;
    if (!std::exchange(warm_, true) && !test_.WarmUp(set)) return trial;
    RunPlan trial_plan = plan();
    trial_plan.target_qps = qps;
    RunRecord record = test_.Issue(set, Phase::kPerformance, trial_plan);
    if (record.slots == nullptr) return trial;
    test_.logs()->detail().WriteSet(record, test_.NowNs());
    test_.logs()->WriteQueries(trial_plan, record, {.trace = true, .samples = false});
    trial = DescribeBisected(trial_plan, record);
    trial.passed = trial.passed && !test_.Stopped();
    const std::string late = test_.Stopped() ? "" : LatenessCaution(trial_plan, record);
    late_trials_ += late.empty() ? 0 : 1;
    // That of the reported trial, or else of the last that was late.
    if (caution_.empty() || trial.passed) caution_ = late.empty() ? caution_ : late;
    if (trial.passed || reported_.slots == nullptr) {
      reported_plan_ = trial_plan;
      reported_ = std::move(record);
    }
    return trial;
  }

  PeakAnswer EstimateLoaded(const LoadableSet& set) {
    PeakFinderOptions options = FinderOptions(plan(), bounds_, hooks_);
    if (!hooks_.start_qps) options.start_qps = std::min(ProbeQps(set), options.max_qps);
    PeakFinder finder(options);
    test_.result()->peak.emplace();
    for (const TrialOutcome& outcome : hooks_.known) {
      finder.Add(outcome);
      Note(options, outcome);
    }
    PeakAnswer answer = finder.Answer();
    for (auto request = finder.Next(); request && !test_.Stopped(); request = finder.Next()) {
      const RunPlan trial = TrialPlan(plan(), bounds_, *request);
      RunRecord record;
      const std::optional<TrialOutcome> outcome = RunTrial(set, trial, *request, &record);
      if (!outcome) break;
      finder.Add(*outcome);
      answer = finder.Answer();
      Note(options, *outcome);
      test_.CallOutside([&] { hooks_.on_trial(*outcome, answer); });
      if (request->kind != TrialKind::Confirm) continue;
      reported_plan_ = trial;
      reported_ = std::move(record);
    }
    return answer;
  }

  // A trial of a search by estimate, also one of the search that this one goes on with.
  void Note(const PeakFinderOptions& options, const TrialOutcome& outcome) {
    const PeakTrial trial = Describe(options, outcome);
    test_.result()->peak->trials.push_back(trial);
    test_.logs()->detail().WriteTrial(trial, test_.NowNs());
    if (outcome.caution.empty()) return;
    ++late_trials_;
    caution_ = outcome.caution;
  }

  double ProbeQps(const LoadableSet& set) {
    const RunRecord record = test_.Issue(set, Phase::kWarmUp, ProbePlan(plan()));
    if (record.slots == nullptr) return 1;
    test_.logs()->detail().WriteConduct(record, "probe: ", test_.NowNs());
    test_.AddConduct(record, "probe: ");
    return ProbedQps(record);
  }

  // Nothing if the trial was not run to its end, or shows a system that breaks the contract. To
  // fail at a rate breaks none: it says that the rate is too high.
  std::optional<TrialOutcome> RunTrial(const LoadableSet& set, const RunPlan& trial,
                                       const TrialRequest& request, RunRecord* record) {
    const bool confirms = request.kind == TrialKind::Confirm;
    TrialObserver observer(trial, bounds_, request);
    const int64_t start_ns = test_.NowNs();
    // Like a warm-up, a trial counts for nothing but the search.
    *record = test_.Issue(set, confirms ? Phase::kPerformance : Phase::kWarmUp, trial, &observer);
    if (record->slots == nullptr) return std::nullopt;
    const std::vector<std::string> broken = ContractReasons(*record);
    test_.AddReasons(broken);
    if (!broken.empty()) test_.logs()->detail().WriteConduct(*record, "trial: ", test_.NowNs());
    if (test_.Stopped() || !broken.empty()) return std::nullopt;
    const double wall_s = static_cast<double>(test_.NowNs() - start_ns) / 1e9;
    TrialOutcome outcome = observer.Outcome(*record, wall_s);
    outcome.valid = confirms && EvaluatePerformance(trial, *record).valid;
    if (request.kind != TrialKind::Bracket) outcome.caution = LatenessCaution(trial, *record);
    return outcome;
  }

  // Why a search ended before it was done: the first reason of the test so far, if there is one.
  bool NameCauseOfEnd(bool ended_early) {
    const std::vector<std::string>& reasons = test_.result()->reasons;
    if (!ended_early || reasons.empty()) return false;
    test_.result()->peak->end += "; reason: " + reasons.front();
    return true;
  }

  // What was found, in words, and what a reader must know first.
  void Conclude() {
    PeakSearchResult& peak = *test_.result()->peak;
    peak.statement = PeakStatement(peak);
    std::string failures = hooks_.goodput ? "" : FailuresCaution(peak);
    if (!failures.empty()) peak.cautions.push_back(std::move(failures));
    if (late_trials_ > 0) {
      peak.cautions.push_back(
          "The load generator itself was late in " + std::to_string(late_trials_) + " of " +
          Counted(peak.trials.size(), "trial") + ", which makes the peak look lower. " + caution_);
    }
    test_.result()->cautions = peak.cautions;
  }

  static std::string WhyItFails(const RunPlan& plan, const RunRecord& record) {
    const PerformanceResult result = EvaluatePerformance(plan, record);
    return result.perf_constraints_met ? FailureReason(record) : result.perf_constraints_reason;
  }

  // The logs of the trial that stands for the search.
  void Report() {
    test_.logs()->detail().WritePeak(*test_.result()->peak, test_.NowNs());
    test_.Judge(reported_plan_, reported_);
    test_.logs()->WriteSummary(SummaryOfPeak(*test_.result()->peak));
  }

  Conductor& test_;
  const PeakSearchHooks& hooks_;
  const std::vector<TrialBound> bounds_;
  // The trial that stands for the search: of a bisection the last that passed, or the first; of an
  // estimate the last confirming run.
  RunPlan reported_plan_;
  RunRecord reported_;
  size_t late_trials_ = 0;  // Of an estimate: of those that count for it.
  std::string caution_;     // Of one of them.
  bool warm_ = false;       // A bisection warms up before its first trial.
};

}  // namespace

void FindPeak(Conductor* test, const PeakSearchHooks& hooks) {
  DetailLog& detail = test->logs()->detail();
  detail.Message("Starting FindPeakPerformance mode", test->NowNs());
  const RunPlan& plan = test->plan();
  if (plan.shape != LoopShape::kOpenLoop) {
    const std::string text = "Finding peak performance is only supported in Server scenarios.";
    detail.Error("error_invalid_config", text, test->NowNs());
    return test->AddReasons({text});
  }
  const std::vector<LoadableSet> sets = test->MakeSets(Phase::kPerformance);
  if (test->Stopped()) return;
  PeakPhase phase(test, hooks);
  switch (plan.find_peak_strategy) {
    case PeakStrategy::Bisection:
      return phase.Bisect(sets.front());
    case PeakStrategy::Estimate:
      return phase.Estimate(sets.front());
  }
}

}  // namespace mlperf::loadgen
