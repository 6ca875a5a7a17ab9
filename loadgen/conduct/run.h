// One test from settings to files: the wiring of all stages.
#ifndef MLPERF_LOADGEN_CONDUCT_RUN_H_
#define MLPERF_LOADGEN_CONDUCT_RUN_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "conduct/peak_trials.h"
#include "plan/run_plan.h"
#include "platform/clock.h"
#include "platform/interrupts.h"
#include "platform/run_control.h"
#include "query_sample_library.h"
#include "system_under_test.h"
#include "test_result.h"
#include "test_settings.h"

namespace mlperf::loadgen {

// A line on stderr, unless progress is shown there.
void SayToStderr(const std::string& text);

// What a test gets from its surroundings.
struct TestEnvironment {
  Clock* clock = nullptr;                 // None: the machine's monotonic clock.
  CallbackGate* gate = nullptr;           // None: callbacks need nothing to be held.
  Interrupts* interrupts = nullptr;       // None: signals are left alone.
  const PeakSearchHooks* peak = nullptr;  // PeakStrategy::Estimate; none: as the settings say.
  // Called with what the user should know before the test starts; what it throws refuses the test.
  std::function<void(const std::string&)> warn = [](const std::string&) {};
  // Called, from any thread of the test, with what the user should know while it runs.
  std::function<void(const std::string&)> say = SayToStderr;
  // How long to wait for threads that lend themselves for issuing.
  std::chrono::milliseconds issue_thread_timeout{10000};
};

// What a test is run with: the settings after the audit file and test05 have overridden theirs, and
// the plan that follows from them.
struct ResolvedTest {
  TestSettings settings;
  std::vector<std::string> warnings = {};
  size_t requested_diagnostics = 0;  // How many of the settings' diagnostics the user brought.
  RunPlan plan = {};
};

// The first step of every test, and of what shows a test without running it. Throws SettingsError
// for settings no test can be run with.
ResolvedTest ResolveTest(const TestSettings& requested, const std::string& audit_config_filename,
                         uint64_t library_total_count, uint64_t library_performance_count);

// Throws SettingsError for settings that make a test no search for the peak, although it was
// started as one: test05 does, and so does the mode of an audit file.
void RequireSearch(const TestSettings& settings);

// mlperf::StartTest within given surroundings. Called outside the gate.
TestResult RunTest(SystemUnderTest* sut, QuerySampleLibrary* qsl, const TestSettings& settings,
                   const LogSettings& log_settings, const std::string& audit_config_filename,
                   const TestEnvironment& environment);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_CONDUCT_RUN_H_
