// One test from settings to files: the wiring of all stages.
#ifndef MLPERF_LOADGEN_TEST_RUN_H_
#define MLPERF_LOADGEN_TEST_RUN_H_

#include <chrono>
#include <functional>
#include <string>

#include "clock.h"
#include "interrupts.h"
#include "peak_trials.h"
#include "query_sample_library.h"
#include "run_control.h"
#include "system_under_test.h"
#include "test_result.h"
#include "test_settings.h"

namespace mlperf::loadgen {

// What a test gets from its surroundings.
struct TestEnvironment {
  Clock* clock = nullptr;                 // None: the machine's monotonic clock.
  CallbackGate* gate = nullptr;           // None: callbacks need nothing to be held.
  Interrupts* interrupts = nullptr;       // None: signals are left alone.
  const PeakSearchHooks* peak = nullptr;  // PeakStrategy::Estimate; none: as the settings say.
  // Told of what the user should know before the test starts; what it throws refuses the test.
  std::function<void(const std::string&)> warn = [](const std::string&) {};
  // How long to wait for threads that lend themselves for issuing.
  std::chrono::milliseconds issue_thread_timeout{10000};
};

// mlperf::StartTest within given surroundings. Called outside the gate.
TestResult RunTest(SystemUnderTest* sut, QuerySampleLibrary* qsl, const TestSettings& settings,
                   const LogSettings& log_settings, const std::string& audit_config_filename,
                   const TestEnvironment& environment);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TEST_RUN_H_
