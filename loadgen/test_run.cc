#include "test_run.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "accuracy_sampling.h"
#include "completion_registry.h"
#include "loadable_set.h"
#include "peak_search.h"
#include "recorder.h"
#include "run_plan.h"
#include "set_runner.h"
#include "settings_table.h"
#include "summary_log.h"
#include "test_logs.h"
#include "test_registry.h"
#include "verdict.h"

namespace mlperf::loadgen {
namespace {

// The running test of the process, for a scope.
class RunningTest {
 public:
  explicit RunningTest(RunControl* control) : id_tag_(TestRegistry().Begin(control)) {}
  ~RunningTest() { TestRegistry().End(); }
  RunningTest(const RunningTest&) = delete;
  RunningTest& operator=(const RunningTest&) = delete;
  uint64_t id_tag() const { return id_tag_; }

 private:
  uint64_t id_tag_;
};

// Sequence numbers of samples that count for nothing start here.
constexpr uint64_t kFirstUncounted = uint64_t{1} << (kSampleIdBits - 1);

// How often a wait for issue threads looks at signals and requests to stop.
constexpr std::chrono::milliseconds kAwaitSlice(20);

// The settings a test runs with, and what was overridden on the way.
struct FinalSettings {
  TestSettings settings;
  std::vector<std::string> warnings;
  size_t requested_diagnostics = 0;  // How many of the settings' diagnostics the user brought.
};

FinalSettings Override(const TestSettings& requested, const std::string& audit_config_filename) {
  FinalSettings final{requested, {}, requested.config_diagnostics.size()};
  if (std::ifstream(audit_config_filename).is_open()) {
    final.warnings.push_back(
        "Found Audit Config file (audit.config). Overriding TestSettings from audit.config file.");
    final.settings.FromConfig(audit_config_filename, "*", std::string(ToString(requested.scenario)),
                              2);
  }
  if (requested.test05) {
    final.warnings.push_back("Test05 flag detected Overriding random seeds");
    final.settings.mode = TestMode::PerformanceOnly;
    final.settings.qsl_rng_seed = requested.test05_qsl_rng_seed;
    final.settings.sample_index_rng_seed = requested.test05_sample_index_rng_seed;
    final.settings.schedule_rng_seed = requested.test05_schedule_rng_seed;
  }
  return final;
}

// What print_timestamps asks for, in the reference's words: the two clocks over the measured time.
void PrintTimestamps(const RunRecord& record) {
  const int64_t run_ns = record.drained_ns - record.start_ns;
  const int64_t system_ns = record.system_drained_ns - record.system_start_ns;
  const auto print = [](const char* what, int64_t value, const char* unit) {
    std::printf("%s%lld%s\n", what, static_cast<long long>(value), unit);
  };
  print("Loadgen :: Perf mode start. system_clock Timestamp = ",
        record.system_start_ns / 1000000000, "");
  print("Loadgen :: Perf mode stop. systme_clock Timestamp = ",
        record.system_drained_ns / 1000000000, "");
  print("Loadgen :: PerfClock Perf duration = ", run_ns / 1000000, "ms");
  print("Loadgen :: system_clock Perf duration = ", system_ns / 1000000, "ms");
  std::printf("Loadgen :: PerfClock/system_clock ratio = %.4f\n",
              static_cast<double>(run_ns) / static_cast<double>(system_ns));
}

// Runs the phases of one test.
class TestRun {
 public:
  TestRun(const RunPlan& plan, QuerySampleLibrary* qsl, const Actors& actors, uint64_t id_tag,
          bool token_data, const PeakSearchHooks* peak_hooks, TestLogs* logs, TestResult* result)
      : plan_(plan),
        qsl_(qsl),
        actors_(actors),
        id_tag_(id_tag),
        token_data_(token_data),
        peak_hooks_(peak_hooks),
        logs_(logs),
        result_(result),
        sampling_(plan) {}

  void RunPhases() {
    switch (plan_.mode) {
      case TestMode::AccuracyOnly:
        return RunAccuracy();
      case TestMode::PerformanceOnly:
        return RunPerformance();
      case TestMode::SubmissionRun:
        RunAccuracy();
        return Stopped() ? void() : RunPerformance();
      case TestMode::FindPeakPerformance:
        return FindPeak();
    }
  }

 private:
  bool Stopped() const { return actors_.control->stop_requested(); }
  int64_t NowNs() const { return actors_.clock->NowNs(); }

  void RunAccuracy() {
    logs_->detail().Message("Starting accuracy mode", NowNs());
    for (const LoadableSet& set : MakeLoadableSets(plan_, Phase::kAccuracy)) {
      if (Stopped()) return;
      const RunRecord record = RunLoaded(set, Phase::kAccuracy);
      WriteSet(plan_, record);
      AddReasons(ConductReasons(record));
    }
  }

  void RunPerformance() {
    logs_->detail().Message("Starting performance mode", NowNs());
    const std::vector<LoadableSet> sets = MakeLoadableSets(plan_, Phase::kPerformance);
    RunRecord record;
    WithLoaded(
        sets.front(),
        [&] {
          if (WarmUp(sets.front())) record = Issue(sets.front(), Phase::kPerformance, plan_);
        },
        &record);
    WriteSet(plan_, record);
    if (plan_.print_timestamps) PrintTimestamps(record);
    if (record.queries_issued > 0) return Judge(plan_, record);
    AddReasons({"no query was issued"});
  }

  void FindPeak() {
    logs_->detail().Message("Starting FindPeakPerformance mode", NowNs());
    if (plan_.shape != LoopShape::kOpenLoop) {
      const std::string text = "Finding peak performance is only supported in Server scenarios.";
      logs_->detail().Error("error_invalid_config", text, NowNs());
      return AddReasons({text});
    }
    const std::vector<LoadableSet> sets = MakeLoadableSets(plan_, Phase::kPerformance);
    switch (plan_.find_peak_strategy) {
      case PeakStrategy::Bisection:
        return BisectPeak(sets.front());
      case PeakStrategy::Estimate:
        return EstimatePeak(sets.front());
    }
  }

  void BisectPeak(const LoadableSet& set) {
    RunPlan reported_plan = plan_;
    RunRecord reported;  // Of the last trial that passed, or of the first.
    bool warm = false;
    const auto run = [&](double qps) {
      if (!std::exchange(warm, true) && !WarmUp(set)) return false;
      RunPlan trial = plan_;
      trial.target_qps = qps;
      RunRecord record = Issue(set, Phase::kPerformance, trial);
      if (record.slots == nullptr) return false;
      logs_->detail().WriteSet(record, NowNs());
      logs_->WriteQueries(trial, record, {.trace = true, .samples = false});
      const bool passed = !Stopped() && EvaluatePerformance(trial, record).perf_constraints_met;
      if (passed || reported.slots == nullptr) {
        reported_plan = trial;
        reported = std::move(record);
      }
      return passed;
    };
    const auto message = [&](const std::string& text) { logs_->detail().Message(text, NowNs()); };
    const auto around = [&](const std::function<void()>& part) { WithLoaded(set, part); };
    result_->peak = SearchPeak(
        {plan_.target_qps, plan_.find_peak_step, plan_.find_peak_decimals, plan_.find_peak_max_qps},
        run, message, [this] { return Stopped(); }, around);
    if (reported.slots == nullptr || reported.queries_issued == 0) return;
    logs_->WriteQueries(reported_plan, reported, {.trace = false, .samples = true});
    if (!result_->peak->found && !Stopped()) {
      logs_->detail().Error(
          "error_runtime",
          "FindPeakPerformance: Initial lower bound does not satisfy performance constraints, "
          "msg: " +
              EvaluatePerformance(reported_plan, reported).perf_constraints_reason,
          NowNs());
    }
    ReportPeak(reported_plan, reported);
  }

  void EstimatePeak(const LoadableSet& set) {
    const PeakSearchHooks own_hooks;
    const PeakSearchHooks& hooks = peak_hooks_ != nullptr ? *peak_hooks_ : own_hooks;
    const std::vector<TrialBound> bounds = TrialBounds(plan_, hooks.goodput);
    RunPlan confirmed_plan = plan_;
    RunRecord confirmed;  // The last confirming run.
    PeakAnswer answer;
    WithLoaded(set, [&] {
      if (!WarmUp(set)) return;
      PeakFinderOptions options = FinderOptions(plan_, bounds, hooks);
      if (options.start_qps == 0) options.start_qps = ProbeQps(set);
      options.start_qps = std::min(options.start_qps, options.max_qps);
      PeakFinder finder(options);
      result_->peak.emplace();
      for (const TrialOutcome& outcome : hooks.known) {
        finder.Add(outcome);
        result_->peak->trials.push_back(Describe(outcome));
      }
      answer = finder.Answer();
      for (auto request = finder.Next(); request && !Stopped(); request = finder.Next()) {
        const RunPlan trial = TrialPlan(plan_, bounds, *request);
        RunRecord record;
        const std::optional<TrialOutcome> outcome = RunTrial(set, trial, bounds, *request, &record);
        if (!outcome) break;
        finder.Add(*outcome);
        answer = finder.Answer();
        result_->peak->trials.push_back(Describe(*outcome));
        logs_->detail().Message(TrialText(*outcome), NowNs());
        CallOutside([&] { hooks.on_trial(*outcome, answer); });
        if (request->kind != TrialKind::Confirm) continue;
        confirmed_plan = trial;
        confirmed = std::move(record);
      }
    });
    if (!result_->peak) return;
    SetAnswer(answer, Stopped(), &*result_->peak);
    if (confirmed.slots == nullptr) return AddReasons({"peak search: " + result_->peak->end});
    WriteSet(confirmed_plan, confirmed);
    ReportPeak(confirmed_plan, confirmed);
  }

  double ProbeQps(const LoadableSet& set) {
    const RunRecord record = Issue(set, Phase::kWarmUp, ProbePlan(plan_));
    return record.slots == nullptr ? 1 : ProbedQps(record);
  }

  // Nothing if the trial was not run to its end, or shows a system that breaks the contract.
  std::optional<TrialOutcome> RunTrial(const LoadableSet& set, const RunPlan& plan,
                                       const std::vector<TrialBound>& bounds,
                                       const TrialRequest& request, RunRecord* record) {
    const bool confirms = request.kind == TrialKind::Confirm;
    TrialObserver observer(plan, bounds, request);
    const int64_t start_ns = NowNs();
    *record = Issue(set, confirms ? Phase::kPerformance : Phase::kWarmUp, plan, &observer);
    if (record->slots == nullptr) return std::nullopt;
    const std::vector<std::string> broken = ConductReasons(*record);
    AddReasons(broken);
    if (Stopped() || !broken.empty()) return std::nullopt;
    TrialOutcome outcome = observer.Outcome(*record, static_cast<double>(NowNs() - start_ns) / 1e9);
    outcome.valid = confirms && EvaluatePerformance(plan, *record).valid;
    return outcome;
  }

  // The logs of the trial that stands for the search.
  void ReportPeak(const RunPlan& plan, const RunRecord& record) {
    logs_->detail().WritePeak(*result_->peak, NowNs());
    Judge(plan, record);
    logs_->WriteSummary(SummaryOfPeak(*result_->peak));
  }

  void WriteSet(const RunPlan& plan, const RunRecord& record) {
    if (record.slots == nullptr) return;  // The set could not be loaded.
    logs_->detail().WriteSet(record, NowNs());
    logs_->WriteQueries(plan, record, {});
  }

  void Judge(const RunPlan& plan, const RunRecord& record) {
    result_->performance = EvaluatePerformance(plan, record);
    logs_->WriteSummary(SummaryOfPerformance(plan, *result_->performance, result_->sut_name));
    logs_->detail().WriteResult(plan, *result_->performance, NowNs());
    AddReasons(result_->performance->reasons);
  }

  void AddReasons(const std::vector<std::string>& reasons) {
    result_->reasons.insert(result_->reasons.end(), reasons.begin(), reasons.end());
  }

  // False if the test is to end with the warm-up.
  bool WarmUp(const LoadableSet& set) {
    if (plan_.warmup_query_count == 0) return true;
    const RunPlan plan = WarmUpPlan(plan_);
    const RunRecord record = Issue(set, Phase::kWarmUp, plan);
    if (record.slots == nullptr) return false;
    logs_->detail().WriteWarmUp(record, NowNs());
    logs_->WriteQueries(plan, record, {});
    for (const std::string& reason : ConductReasons(record)) AddReasons({"warm-up: " + reason});
    return !Stopped();
  }

  RunRecord RunLoaded(const LoadableSet& set, Phase phase) {
    RunRecord record;
    WithLoaded(set, [&] { record = Issue(set, phase, plan_); }, &record);
    return record;
  }

  // Loads, runs `part` and unloads; the samples are unloaded whatever happens in between. The times
  // go to `record`, if there is one.
  void WithLoaded(const LoadableSet& set, const std::function<void()>& part,
                  RunRecord* record = nullptr) {
    const int64_t load_start_ns = NowNs();
    CallOutside([&] { qsl_->LoadSamplesToRam(set.samples); });
    const int64_t load_end_ns = NowNs();
    logs_->detail().WriteLoadedSet(set.samples, load_end_ns);
    Stopped() ? ReportAbort() : Guarded(part);
    SeeSignals();
    const int64_t unload_start_ns = NowNs();
    CallOutside([&] { qsl_->UnloadSamplesFromRam(set.samples); });
    // Of a set that ended early, answers may come late for a good reason.
    const uint64_t late = Stopped() ? 0 : TakeLateCompletions();
    if (record == nullptr) {
      if (late > 0) AddReasons({std::to_string(late) + " completions after the end of their set"});
      return;
    }
    record->violations.counts[static_cast<size_t>(Violation::kLateCompletion)] += late;
    record->aborted = Stopped() && record->stalled_for_ns == 0;
    record->load_start_ns = load_start_ns;
    record->load_end_ns = load_end_ns;
    record->unload_start_ns = unload_start_ns;
    record->unload_end_ns = NowNs();
  }

  RunRecord Issue(const LoadableSet& set, Phase phase, const RunPlan& plan,
                  SetObserver* observer = nullptr) {
    SetRequest request;
    request.phase = phase;
    request.set = &set;
    request.id_tag = id_tag_;
    uint64_t& next_query = phase == Phase::kWarmUp ? next_uncounted_query_ : next_query_;
    uint64_t& next_sample = phase == Phase::kWarmUp ? next_uncounted_sample_ : next_sample_;
    request.first_query = next_query;
    request.first_sample = next_sample;
    request.trace = logs_->has_trace();
    request.accuracy_log = logs_->accuracy();
    request.sampling = phase == Phase::kWarmUp ? nullptr : &sampling_;
    request.token_data = token_data_;
    request.observer = observer;
    try {
      SetOutcome outcome = RunSet(plan, request, actors_);
      next_query = outcome.next_query;
      next_sample = outcome.next_sample;
      return std::move(outcome.record);
    } catch (...) {  // No memory or no thread for the traffic.
      actors_.control->ReportException(std::current_exception());
      return {};
    }
  }

  void Guarded(const std::function<void()>& part) {
    try {
      part();
    } catch (...) {
      actors_.control->ReportException(std::current_exception());
    }
  }

  // Where no set is there to tell of it.
  void ReportAbort() {
    logs_->detail().Error("error_runtime", "Ending early: the test was aborted.", NowNs());
  }

  // A signal that ended the test must not break the library's unloading as well.
  void SeeSignals() {
    try {
      actors_.gate->Poll();
    } catch (...) {
      actors_.control->ReportException(std::current_exception());
    }
  }

  template <typename Call>
  void CallOutside(const Call& call) {
    GateScope gate(actors_.gate);
    try {
      call();
      LeaveIfForked(*actors_.control);
    } catch (...) {
      LeaveIfForked(*actors_.control);
      actors_.control->ReportException(std::current_exception());
    }
  }

  const RunPlan& plan_;
  QuerySampleLibrary* qsl_;
  const Actors& actors_;
  uint64_t id_tag_;
  bool token_data_;
  const PeakSearchHooks* peak_hooks_;  // Or null.
  TestLogs* logs_;
  TestResult* result_;
  AccuracySampling sampling_;
  uint64_t next_query_ = 0;
  uint64_t next_sample_ = 0;
  // What counts for nothing has numbers of its own, so that it changes none that are logged.
  uint64_t next_uncounted_query_ = kFirstUncounted;
  uint64_t next_uncounted_sample_ = kFirstUncounted;
};

// Waits for the threads a Server test is to be issued by. Too few or too many are refused: queries
// would be missing, or threads would wait for nothing.
void AwaitIssueThreads(uint64_t wanted, std::chrono::milliseconds timeout, const Actors& actors) {
  if (wanted == 0) return;
  const auto end = std::chrono::steady_clock::now() + timeout;
  size_t lent = 0;
  do {
    lent = actors.issue_threads->Await(wanted, std::min(timeout, kAwaitSlice));
    actors.gate->Poll();
    if (actors.control->stop_requested()) return;
  } while (lent < wanted && std::chrono::steady_clock::now() < end);
  if (lent == wanted) return;
  throw SettingsError("server_num_issue_query_threads is " + std::to_string(wanted) + ", but " +
                      std::to_string(lent) +
                      " threads called RegisterIssueQueryThread; register exactly as many threads "
                      "as the setting says (within " +
                      std::to_string(timeout.count()) + " ms of the start)");
}

TestSubject AskCounts(QuerySampleLibrary* qsl, CallbackGate* gate) {
  const GateScope inside(gate);
  TestSubject subject;
  subject.qsl_name = qsl->Name();
  subject.qsl_total_count = qsl->TotalSampleCount();
  subject.qsl_performance_count = qsl->PerformanceSampleCount();
  return subject;
}

void AskName(const Actors& actors, TestSubject* subject) {
  const GateScope inside(actors.gate);
  const int64_t start_ns = actors.clock->NowNs();
  try {
    subject->sut_name = actors.sut->Name();
    LeaveIfForked(*actors.control);
  } catch (...) {
    LeaveIfForked(*actors.control);
    actors.control->ReportException(std::current_exception());
  }
  subject->sut_name_duration_ns = actors.clock->NowNs() - start_ns;
}

// Everything the detail log says before the first phase.
void WritePreamble(const FinalSettings& final, const RunPlan& plan, const TestSubject& subject,
                   const Clock& clock, TestLogs* logs) {
  DetailLog& detail = logs->detail();
  const std::span<const ConfigDiagnostic> diagnostics(final.settings.config_diagnostics);
  detail.WriteConfigDiagnostics(diagnostics.first(final.requested_diagnostics), clock.NowNs());
  detail.WriteHeader(subject, logs->datetime(), clock.NowNs());
  for (const std::string& warning : final.warnings) detail.Warning(warning, clock.NowNs());
  detail.WriteConfigDiagnostics(diagnostics.subspan(final.requested_diagnostics), clock.NowNs());
  if (const uint64_t late = TakeLateCompletions(); late > 0) {
    detail.Warning(std::to_string(late) +
                       " completions came between tests and were dropped: complete every sample "
                       "before StartTest returns",
                   clock.NowNs());
  }
  detail.WriteRemarks(plan, clock.NowNs());
  detail.WriteRequestedSettings(final.settings, clock.NowNs());
  detail.WriteEffectiveSettings(plan, clock.NowNs());
}

void RefuseNull(const void* handle, const char* name) {
  if (handle != nullptr) return;
  throw std::invalid_argument(std::string("StartTest: ") + name +
                              " is null; pass an object that lives until StartTest returns");
}

}  // namespace

TestResult RunTest(SystemUnderTest* sut, QuerySampleLibrary* qsl, const TestSettings& settings,
                   const LogSettings& log_settings, const std::string& audit_config_filename,
                   const TestEnvironment& environment) {
  RefuseNull(sut, "sut");
  RefuseNull(qsl, "qsl");
  MonotonicClock machine_clock;
  CallbackGate open_gate;
  RunControl control;
  const RunningTest running(&control);
  std::optional<InterruptScope> interrupt_scope;
  if (environment.interrupts) interrupt_scope.emplace(environment.interrupts, &control);
  Actors actors{sut,
                environment.clock ? environment.clock : &machine_clock,
                environment.gate ? environment.gate : &open_gate,
                &control,
                TestRegistry().issue_threads(),
                environment.clock == nullptr};

  const FinalSettings final = Override(settings, audit_config_filename);
  TestSubject subject = AskCounts(qsl, actors.gate);
  const RunPlan plan =
      MakeRunPlan(final.settings, subject.qsl_total_count, subject.qsl_performance_count);
  AwaitIssueThreads(plan.issue_thread_count, environment.issue_thread_timeout, actors);

  TestResult result;
  result.scenario = plan.scenario;
  result.mode = plan.mode;
  const bool token_data = settings.use_token_latencies && plan.shape != LoopShape::kOneShot;
  TestLogs logs(log_settings, {token_data, settings.use_token_latencies}, *actors.clock,
                environment.warn);
  AskName(actors, &subject);
  result.sut_name = subject.sut_name;
  WritePreamble(final, plan, subject, *actors.clock, &logs);
  if (!control.stop_requested()) {
    TestRun(plan, qsl, actors, running.id_tag(), token_data, environment.peak, &logs, &result)
        .RunPhases();
  }
  result.stalled = control.cause() == StopCause::kStall;
  result.aborted = control.stop_requested() && !result.stalled;
  if (result.aborted && result.reasons.empty()) result.reasons = {"the test was aborted"};
  logs.Finish(&result);
  if (const std::exception_ptr exception = control.exception()) std::rethrow_exception(exception);
  return result;
}

}  // namespace mlperf::loadgen
