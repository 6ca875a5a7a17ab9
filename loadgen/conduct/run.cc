#include "conduct/run.h"

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

#include "conduct/conductor.h"
#include "conduct/offline_probe.h"
#include "conduct/peak_phase.h"
#include "conduct/running_tests.h"
#include "evaluate/verdict.h"
#include "issue/completion_registry.h"
#include "plan/run_plan.h"
#include "progress.h"
#include "settings/count_text.h"
#include "settings/settings_table.h"
#include "settings/utf8_text.h"
#include "traffic/loadable_set.h"
#include "write/run_logs.h"

namespace mlperf::loadgen {
namespace {

// The running test of the process, for a scope.
class RunningTest {
 public:
  explicit RunningTest(RunControl* control) : id_tag_(TheTestRegistry().Begin(control)) {}
  ~RunningTest() { TheTestRegistry().End(); }
  RunningTest(const RunningTest&) = delete;
  RunningTest& operator=(const RunningTest&) = delete;
  uint64_t id_tag() const { return id_tag_; }

 private:
  uint64_t id_tag_;
};

// How often a wait for issue threads looks at signals and requests to stop.
constexpr std::chrono::milliseconds kAwaitSlice(20);

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

// ---- Phases ------------------------------------------------------------------------------------

void RunAccuracy(Conductor* test) {
  test->logs()->detail().Message("Starting accuracy mode", test->NowNs());
  for (const LoadableSet& set : test->MakeSets(Phase::kAccuracy)) {
    if (test->Stopped()) return;
    RunRecord record;
    test->WithLoaded(
        set, [&] { record = test->Issue(set, Phase::kAccuracy, test->plan()); }, &record);
    test->WriteSet(test->plan(), record);
    test->AddConduct(record, test->PhasePrefix(record));
  }
}

void RunPerformance(Conductor* test) {
  const RunPlan& plan = test->plan();
  test->logs()->detail().Message("Starting performance mode", test->NowNs());
  const std::vector<LoadableSet> sets = test->MakeSets(Phase::kPerformance);
  if (test->Stopped()) return;
  const LoadableSet& set = sets.front();
  RunRecord record;
  test->WithLoaded(
      set,
      [&] {
        if (test->WarmUp(set)) record = test->Issue(set, Phase::kPerformance, plan);
      },
      &record);
  test->WriteSet(plan, record);
  if (plan.print_timestamps) PrintTimestamps(record);
  if (record.queries_issued > 0) return test->Judge(plan, record);
  test->AddReasons({"no query was issued"});
}

// No copy of the hooks: that of a callback may need what is not held here, as Python's lock.
void RunPhases(Conductor* test, const PeakSearchHooks& peak_hooks) {
  switch (test->plan().mode) {
    case TestMode::AccuracyOnly:
      return RunAccuracy(test);
    case TestMode::PerformanceOnly:
      return RunPerformance(test);
    case TestMode::SubmissionRun:
      RunAccuracy(test);
      return test->Stopped() ? void() : RunPerformance(test);
    case TestMode::FindPeakPerformance:
      return FindPeak(test, peak_hooks);
  }
}

// ---- The wiring --------------------------------------------------------------------------------

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
                      Counted(lent, "thread") +
                      " called RegisterIssueQueryThread; register exactly as many threads "
                      "as the setting says (within " +
                      std::to_string(timeout.count()) + " ms of the start)");
}

TestSubject AskCounts(QuerySampleLibrary* qsl, CallbackGate* gate) {
  const GateScope inside(gate);
  TestSubject subject;
  subject.qsl_name = ValidUtf8(qsl->Name());
  subject.qsl_total_count = qsl->TotalSampleCount();
  subject.qsl_performance_count = qsl->PerformanceSampleCount();
  return subject;
}

void AskName(const Actors& actors, TestSubject* subject) {
  const GateScope inside(actors.gate);
  const int64_t start_ns = actors.clock->NowNs();
  try {
    subject->sut_name = ValidUtf8(actors.sut->Name());
    LeaveIfForked(*actors.control);
  } catch (...) {
    LeaveIfForked(*actors.control);
    actors.control->ReportException(std::current_exception());
  }
  subject->sut_name_duration_ns = actors.clock->NowNs() - start_ns;
}

// Sizes the query of an Offline test by what a probe measures; `conductor` is that of the probe.
void SizeByProbe(Conductor* conductor, ResolvedTest* test, TestResult* result) {
  OfflineProbe probe = ProbeOffline(conductor);
  DetailLog& detail = conductor->logs()->detail();
  if (probe.sample_count == 0) {
    detail.Warning("The probe measured nothing: offline_expected_qps is used as it was set.",
                   conductor->NowNs());
    return;
  }
  probe.expected_qps = OfflineQpsFor(probe.samples_per_second, test->plan.min_duration_ms);
  TestSettings sized = test->settings;
  sized.offline_expected_qps = probe.expected_qps;
  result->offline_probe = probe;
  detail.WriteOfflineProbe(probe, conductor->NowNs());
  test->plan =
      MakeRunPlan(sized, test->plan.library_total_count, test->plan.library_performance_count);
}

// Everything the detail log says before the first phase, but for the plan.
void WritePreamble(const ResolvedTest& test, const TestSubject& subject, const Clock& clock,
                   RunLogFiles* logs) {
  DetailLog& detail = logs->detail();
  const std::span<const ConfigDiagnostic> diagnostics(test.settings.config_diagnostics);
  detail.WriteConfigDiagnostics(diagnostics.first(test.requested_diagnostics), clock.NowNs());
  detail.WriteHeader(subject, logs->datetime(), clock.NowNs());
  for (const std::string& warning : test.warnings) detail.Warning(warning, clock.NowNs());
  detail.WriteConfigDiagnostics(diagnostics.subspan(test.requested_diagnostics), clock.NowNs());
  if (const uint64_t late = TakeLateCompletions(); late > 0) {
    detail.Warning(Counted(late, "completion came between tests and was",
                           "completions came between tests and were") +
                       " dropped: complete every sample before StartTest returns",
                   clock.NowNs());
  }
  for (const std::string& failure : TakeLateFailures()) {
    detail.Warning("Between tests the system under test reported: " + failure, clock.NowNs());
  }
  detail.WriteRemarks(test.plan, clock.NowNs());
  detail.WriteRequestedSettings(test.settings, clock.NowNs());
}

void RefuseNull(const void* handle, const char* name) {
  if (handle != nullptr) return;
  throw std::invalid_argument(std::string("StartTest: ") + name +
                              " is null; pass an object that lives until StartTest returns");
}

}  // namespace

ResolvedTest ResolveTest(const TestSettings& requested, const std::string& audit_config_filename,
                         uint64_t library_total_count, uint64_t library_performance_count) {
  ResolvedTest test{.settings = requested,
                    .requested_diagnostics = requested.config_diagnostics.size()};
  if (std::ifstream(audit_config_filename).is_open()) {
    test.warnings.push_back(
        "Found Audit Config file (audit.config). Overriding TestSettings from audit.config file.");
    test.settings.FromConfig(audit_config_filename, "*", std::string(ToString(requested.scenario)),
                             2);
  }
  if (requested.test05) {
    test.warnings.push_back("Test05 flag detected Overriding random seeds");
    test.settings.mode = TestMode::PerformanceOnly;
    test.settings.qsl_rng_seed = requested.test05_qsl_rng_seed;
    test.settings.sample_index_rng_seed = requested.test05_sample_index_rng_seed;
    test.settings.schedule_rng_seed = requested.test05_schedule_rng_seed;
  }
  test.plan = MakeRunPlan(test.settings, library_total_count, library_performance_count);
  return test;
}

void RequireSearch(const TestSettings& settings) {
  if (settings.test05) {
    throw SettingsError(
        "test05 is true: every test is then a PerformanceOnly run, and none is a search for the "
        "peak; set test05 to false");
  }
  if (settings.mode == TestMode::FindPeakPerformance) return;
  throw SettingsError("mode is " + std::string(ToString(settings.mode)) +
                      ", by the audit config file: a search for the peak has the mode "
                      "FindPeakPerformance; remove the mode from that file");
}

void SayToStderr(const std::string& text) {
  if (!ProgressIsShown()) std::fprintf(stderr, "%s\n", text.c_str());
}

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
                TheTestRegistry().issue_threads(),
                environment.clock == nullptr,
                environment.say};

  TestSubject subject = AskCounts(qsl, actors.gate);
  ResolvedTest test = ResolveTest(settings, audit_config_filename, subject.qsl_total_count,
                                  subject.qsl_performance_count);
  if (environment.peak != nullptr) RequireSearch(test.settings);
  const RunPlan& plan = test.plan;
  const PeakSearchHooks no_hooks;
  const PeakSearchHooks& peak_hooks = environment.peak != nullptr ? *environment.peak : no_hooks;
  CheckPeakSearch(plan, peak_hooks);
  AwaitIssueThreads(plan.issue_thread_count, environment.issue_thread_timeout, actors);

  TestResult result;
  result.scenario = plan.scenario;
  result.mode = plan.mode;
  const bool token_data = settings.use_token_latencies && plan.shape != LoopShape::kOneShot;
  LogSettings wanted = log_settings;
  wanted.enable_sample_log = wanted.enable_sample_log && test.settings.enable_sample_log;
  RunLogFiles logs(wanted, {token_data, settings.use_token_latencies}, *actors.clock,
                   environment.warn);
  AskName(actors, &subject);
  result.sut_name = subject.sut_name;
  WritePreamble(test, subject, *actors.clock, &logs);
  const RunPlan probed_plan = plan;
  Conductor prober(probed_plan, qsl, actors, running.id_tag(), token_data, &logs, &result);
  const bool is_probed = plan.offline_probe_duration_ms > 0 && !control.stop_requested();
  if (is_probed) SizeByProbe(&prober, &test, &result);
  logs.detail().WriteEffectiveSettings(plan, actors.clock->NowNs());
  if (!control.stop_requested()) {
    Conductor conductor(plan, qsl, actors, running.id_tag(), token_data, &logs, &result);
    conductor.ContinueAfter(prober);
    RunPhases(&conductor, peak_hooks);
  }
  result.stalled = control.cause() == StopCause::kStall;
  result.aborted = control.stop_requested() && !result.stalled;
  if (result.aborted && result.reasons.empty()) result.reasons = {"the test was aborted"};
  logs.Finish(&result);
  if (const std::exception_ptr exception = control.exception()) std::rethrow_exception(exception);
  return result;
}

}  // namespace mlperf::loadgen
