// Goal: a whole test keeps its promises: the right calls in the right order, complete logs and an
// honest result, whatever the system under test throws, forgets or does twice, and the next test of
// the process works as if nothing had happened.
// Method: scripted systems and libraries through RunTest with a clock that jumps, and through
// StartTest with the machine's clock where threads are real; logs are parsed back. Threads wait for
// each other, never for time.
#include "conduct/run.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "conduct/running_tests.h"
#include "helpers/fake_clock.h"
#include "helpers/json_check.h"
#include "helpers/log_directory.h"
#include "helpers/scripted_system.h"
#include "helpers/tracking_gate.h"
#include "issue/completion_registry.h"
#include "loadgen.h"
#include "plan/run_plan.h"
#include "progress.h"
#include "read/accuracy_reader.h"
#include "settings/settings_table.h"

namespace mlperf::loadgen {
namespace {

using Indices = std::vector<uint64_t>;
using Words = std::vector<std::string>;

TestSettings Settings(TestScenario scenario, TestMode mode = TestMode::PerformanceOnly) {
  TestSettings settings;
  settings.scenario = scenario;
  settings.mode = mode;
  settings.min_duration_ms = 0;
  settings.min_query_count = 20;
  if (scenario == TestScenario::Server) settings.server_target_qps = 1000;
  if (scenario == TestScenario::MultiStream) settings.multi_stream_samples_per_query = 4;
  return settings;
}

// The seeds of mlperf.conf 6.0.17.
void SetSeeds(TestSettings* settings) {
  settings->qsl_rng_seed = 2085463073848966840u;
  settings->sample_index_rng_seed = 2747215439041700203u;
  settings->schedule_rng_seed = 16159082839903944936u;
}

// All files are there and whole.
void ExpectCompleteLogs(const LogDirectory& logs) {
  EXPECT_NE(logs.Read("mlperf_log_summary.txt").find(" encountered"), std::string::npos);
  const std::vector<Json> records = ParseMlLog(logs.Read("mlperf_log_detail.txt"));
  EXPECT_GT(records.size(), 10u);
  for (const Json& record : records) EXPECT_NE(record.text, "broken");
  EXPECT_FALSE(ReadAccuracyLog(logs.path("mlperf_log_accuracy.json")).truncated);
  EXPECT_TRUE(ParseJson(logs.Read("mlperf_log_trace.json")).has_value());
  const std::string samples = logs.Read("loadgen_samples/mlperf_log_samples.npy");
  EXPECT_EQ(samples.substr(0, 6), "\x93NUMPY");
}

bool HasRecord(const LogDirectory& logs, const std::string& key, const std::string& text) {
  for (const Json& record : ParseMlLog(logs.Read("mlperf_log_detail.txt"))) {
    if (record["key"].text == key && record["value"].text.find(text) != std::string::npos) {
      return true;
    }
  }
  return false;
}

// Error records, but for the one that says that the library was built from modified sources.
size_t ErrorCount(const LogDirectory& logs) {
  size_t count = 0;
  for (const Json& record : ParseMlLog(logs.Read("mlperf_log_detail.txt"))) {
    const bool is_error = record["metadata"]["is_error"].text == "true";
    count += is_error && record["key"].text != "error_uncommitted_loadgen_changes" ? 1 : 0;
  }
  return count;
}

bool Contains(const Words& texts, const std::string& part) {
  for (const std::string& text : texts) {
    if (text.find(part) != std::string::npos) return true;
  }
  return false;
}

class TestRunTest : public testing::Test {
 protected:
  void SetUp() override { TakeLateCompletions(); }

  TestResult Run(const TestSettings& settings) {
    return RunTest(&sut_, &qsl_, settings, logs_.settings(), audit_path_, environment_);
  }

  // With the machine's clock.
  TestResult Start(const TestSettings& settings) {
    return StartTest(&sut_, &qsl_, settings, logs_.settings(), audit_path_);
  }

  // The process is ready for another test.
  void ExpectNextTestWorks() {
    Journal journal;
    ScriptedSut sut;
    ScriptedLibrary qsl(&journal, 10, 4);
    const LogDirectory logs;
    const TestResult result =
        StartTest(&sut, &qsl, Settings(TestScenario::SingleStream), logs.settings(), audit_path_);
    EXPECT_EQ(sut.queries().size(), 20u);
    EXPECT_FALSE(result.aborted);
    EXPECT_EQ(journal.words(), (Words{"load 4", "unload 4"}));
    ExpectCompleteLogs(logs);
  }

  Journal journal_;
  ScriptedSut sut_{&journal_};
  ScriptedLibrary qsl_{&journal_, 10, 4};
  LogDirectory logs_;
  std::string audit_path_ = logs_.path("no_audit.config");
  FakeClock clock_{100};
  TrackingGate gate_;
  TestEnvironment environment_{&clock_, &gate_};
};

// ---- Scenarios and modes -----------------------------------------------------------------------

class ScenariosAndModes : public TestRunTest,
                          public testing::WithParamInterface<std::tuple<TestScenario, TestMode>> {};

TEST_P(ScenariosAndModes, WriteAllLogsAndTheResult) {
  const auto [scenario, mode] = GetParam();
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    EXPECT_EQ(gate_.held(), 1);
    CompleteAll(samples);
  };
  const TestResult result = Run(Settings(scenario, mode));
  const bool multi_stream = scenario == TestScenario::MultiStream;

  EXPECT_EQ(result.scenario, scenario);
  EXPECT_EQ(result.mode, mode);
  EXPECT_EQ(result.sut_name, "scripted \"SUT\"");
  EXPECT_FALSE(result.aborted);
  EXPECT_EQ(ErrorCount(logs_), 0u);
  EXPECT_EQ(result.warning_count, 0u);
  EXPECT_EQ(result.log_failure, "");
  EXPECT_FALSE(result.peak.has_value());
  // 10 samples in sets of 4, 4 and 2; a query of MultiStream has 4, so the last set is padded.
  const uint64_t accuracy_samples = multi_stream ? 12 : 10;
  EXPECT_EQ(result.accuracy_sample_count, mode == TestMode::PerformanceOnly ? 0 : accuracy_samples);
  ASSERT_EQ(result.performance.has_value(), mode != TestMode::AccuracyOnly);
  if (result.performance) {
    const bool offline = scenario == TestScenario::Offline;
    EXPECT_EQ(result.performance->query_count, offline ? 1u : 20u);
    EXPECT_EQ(result.performance->sample_count, multi_stream ? 80u : 20u);
    EXPECT_TRUE(result.performance->min_queries_met);
    EXPECT_EQ(logs_.Read("mlperf_log_summary.txt").substr(0, 48),
              "================================================");
  }

  ExpectCompleteLogs(logs_);
  EXPECT_EQ(result.logs.summary, logs_.path("mlperf_log_summary.txt"));
  EXPECT_EQ(result.logs.detail, logs_.path("mlperf_log_detail.txt"));
  EXPECT_EQ(result.logs.accuracy, logs_.path("mlperf_log_accuracy.json"));
  EXPECT_EQ(result.logs.trace, logs_.path("mlperf_log_trace.json"));
  EXPECT_EQ(result.logs.samples, logs_.path("loadgen_samples/mlperf_log_samples.npy"));
  EXPECT_EQ(ReadAccuracyLog(result.logs.accuracy).sequence_ids.size(),
            result.accuracy_sample_count);
  EXPECT_EQ(qsl_.loaded(), qsl_.unloaded());
  EXPECT_EQ(gate_.held(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    , ScenariosAndModes,
    testing::Combine(testing::Values(TestScenario::SingleStream, TestScenario::MultiStream,
                                     TestScenario::Server, TestScenario::Offline),
                     testing::Values(TestMode::SubmissionRun, TestMode::AccuracyOnly,
                                     TestMode::PerformanceOnly)),
    [](const testing::TestParamInfo<std::tuple<TestScenario, TestMode>>& test) {
      return std::string(ToString(std::get<0>(test.param))) +
             std::string(ToString(std::get<1>(test.param)));
    });

TEST_F(TestRunTest, LoadsIssuesFlushesAndUnloadsEachSetInTurn) {
  TestSettings settings = Settings(TestScenario::Offline, TestMode::SubmissionRun);
  SetSeeds(&settings);
  Run(settings);
  EXPECT_EQ(journal_.words(),
            (Words{"load 4", "issue 4", "flush", "unload 4",      // Accuracy: all 10 samples.
                   "load 4", "issue 4", "flush", "unload 4",      //
                   "load 2", "issue 2", "flush", "unload 2",      //
                   "load 4", "issue 20", "flush", "unload 4"}));  // Performance.
  const std::vector<std::vector<QuerySampleIndex>> accuracy_sets = {
      {1, 5, 7, 6}, {0, 8, 3, 2}, {9, 4}};
  ASSERT_EQ(qsl_.loaded().size(), 4u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(qsl_.loaded()[i], accuracy_sets[i]);
}

TEST_F(TestRunTest, IssuesTheReferencesAccuracySamples) {
  TestSettings settings = Settings(TestScenario::SingleStream, TestMode::AccuracyOnly);
  SetSeeds(&settings);
  Run(settings);
  EXPECT_EQ(sut_.issued_indices(), (Indices{1, 5, 7, 6, 0, 8, 3, 2, 9, 4}));
  const AccuracyData logged = ReadAccuracyLog(logs_.path("mlperf_log_accuracy.json"));
  EXPECT_EQ(logged.sample_indices, (Indices{1, 5, 7, 6, 0, 8, 3, 2, 9, 4}));
  EXPECT_EQ(logged.sequence_ids, (Indices{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(TestRunTest, LogsWhatTheResponseCallbackMadeOfAResponse) {
  sut_.on_issue = [](const std::vector<QuerySample>& samples) {
    std::string data = "raw";
    QuerySampleResponse response(samples[0].id, reinterpret_cast<uintptr_t>(data.data()), 3);
    const char late = 'A';
    QuerySamplesComplete(&response, 1, [&late](QuerySampleResponse* logged) {
      EXPECT_EQ(logged->size, 3u);
      logged->data = reinterpret_cast<uintptr_t>(&late);
      logged->size = 1;
    });
  };
  Run(Settings(TestScenario::SingleStream, TestMode::AccuracyOnly));
  const AccuracyData logged = ReadAccuracyLog(logs_.path("mlperf_log_accuracy.json"));
  EXPECT_EQ(logged.payload, std::vector<uint8_t>(10, 'A'));
}

TEST_F(TestRunTest, KeepsFirstTokensInTokenMode) {
  TestSettings settings = Settings(TestScenario::SingleStream, TestMode::SubmissionRun);
  settings.use_token_latencies = true;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    const std::string first = "F";
    const std::string whole = "W";
    QuerySampleResponse response(samples[0].id, reinterpret_cast<uintptr_t>(first.data()), 1);
    FirstTokenComplete(&response, 1);
    clock_.Advance(1000);
    response = {samples[0].id, reinterpret_cast<uintptr_t>(whole.data()), 1, 11};
    QuerySamplesComplete(&response, 1);
  };
  const TestResult result = Run(settings);
  ASSERT_TRUE(result.performance && result.performance->tokens);
  EXPECT_EQ(result.performance->tokens->token_count, 20 * 11);
  // One reading, then the 1000 ns: 1100 ns for 10 tokens.
  EXPECT_EQ(result.performance->tokens->time_per_token.mean_ns, 110);
  const AccuracyData logged = ReadAccuracyLog(logs_.path("mlperf_log_accuracy.json"));
  EXPECT_EQ(logged.token_payload, std::vector<uint8_t>(10, 'F'));
  EXPECT_EQ(logged.token_counts, std::vector<int64_t>(10, 11));
}

TEST_F(TestRunTest, LogsAboutAsManyPerformanceResponsesAsAskedFor) {
  TestSettings settings = Settings(TestScenario::Server);
  SetSeeds(&settings);
  settings.min_query_count = 200;
  settings.min_duration_ms = 300;
  settings.accuracy_log_sampling_target = 50;
  settings.accuracy_log_rng_seed = 12345;
  ScriptedLibrary qsl(&journal_, 1024, 128);
  const TestResult result =
      RunTest(&sut_, &qsl, settings, logs_.settings(), audit_path_, environment_);
  EXPECT_EQ(sut_.queries().size(), 298u);
  EXPECT_EQ(result.accuracy_sample_count, 52u);
  EXPECT_EQ(ReadAccuracyLog(result.logs.accuracy).sequence_ids.size(), 52u);
}

// ---- Audits ------------------------------------------------------------------------------------

TEST_F(TestRunTest, AppliesTheAuditFile) {
  audit_path_ = logs_.path("audit.config");
  logs_.Write("audit.config",
              "*.SingleStream.min_query_count = 7\n"
              "*.Server.min_query_count = 9\n"
              "bert.*.max_query_count = 3\n");
  const TestResult result = Run(Settings(TestScenario::SingleStream));
  EXPECT_EQ(sut_.queries().size(), 7u);
  EXPECT_TRUE(Contains(result.warnings, "Found Audit Config file (audit.config)."));
  EXPECT_TRUE(HasRecord(logs_, "warning_generic_message", "Found Audit Config file"));
}

TEST_F(TestRunTest, Test05ReplacesSeedsAndMode) {
  TestSettings settings = Settings(TestScenario::SingleStream, TestMode::SubmissionRun);
  SetSeeds(&settings);
  settings.min_query_count = 100;
  settings.test05 = true;  // Its seeds are 0.
  ScriptedLibrary qsl(&journal_, 1024, 128);
  const TestResult result =
      RunTest(&sut_, &qsl, settings, logs_.settings(), audit_path_, environment_);
  EXPECT_EQ(result.mode, TestMode::PerformanceOnly);
  EXPECT_TRUE(Contains(result.warnings, "Test05 flag detected Overriding random seeds"));
  Indices first = sut_.issued_indices();
  first.resize(20);
  EXPECT_EQ(first, (Indices{83,  64, 95, 110, 60,  121, 114, 85, 63, 32,
                            114, 18, 18, 79,  102, 50,  103, 37, 77, 106}));
}

// ---- Refusals ----------------------------------------------------------------------------------

TEST_F(TestRunTest, RefusesNullObjects) {
  const TestSettings settings = Settings(TestScenario::SingleStream);
  EXPECT_THROW(StartTest(nullptr, &qsl_, settings, logs_.settings()), std::invalid_argument);
  EXPECT_THROW(StartTest(&sut_, nullptr, settings, logs_.settings()), std::invalid_argument);
  ExpectNextTestWorks();
}

TEST_F(TestRunTest, RefusedSettingsLeaveEarlierLogsAlone) {
  logs_.Write("mlperf_log_summary.txt", "precious");
  logs_.Write("mlperf_log_detail.txt", "precious");
  TestSettings settings = Settings(TestScenario::SingleStream);
  settings.min_query_count = 0;
  EXPECT_THROW(Run(settings), SettingsError);
  EXPECT_EQ(logs_.Read("mlperf_log_summary.txt"), "precious");
  EXPECT_EQ(logs_.Read("mlperf_log_detail.txt"), "precious");
  EXPECT_TRUE(journal_.words().empty());
  EXPECT_EQ(gate_.held(), 0);
  ExpectNextTestWorks();
}

TEST_F(TestRunTest, ReportsAnUnusableLogDirectory) {
  LogSettings log_settings = logs_.settings();
  log_settings.log_output.outdir = logs_.path("missing/missing");
  EXPECT_THROW(RunTest(&sut_, &qsl_, Settings(TestScenario::SingleStream), log_settings,
                       audit_path_, environment_),
               std::system_error);
  EXPECT_TRUE(journal_.words().empty());
  ExpectNextTestWorks();
}

// ---- Exceptions of callbacks -------------------------------------------------------------------

struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[noreturn]] void Break() { throw Broken("broken"); }

// The exception comes out of RunTest; what was loaded is unloaded, the logs are whole, and the
// process can go on.
class Exceptions : public TestRunTest, public testing::WithParamInterface<TestScenario> {
 protected:
  void ExpectThrows(TestMode mode = TestMode::SubmissionRun) {
    EXPECT_THROW(Run(Settings(GetParam(), mode)), Broken);
    EXPECT_EQ(qsl_.loaded(), qsl_.unloaded());
    EXPECT_EQ(gate_.held(), 0);
    ExpectCompleteLogs(logs_);
    ExpectNextTestWorks();
  }
};

TEST_P(Exceptions, OfTheSystemsName) {
  sut_.on_name = Break;
  ExpectThrows();
  EXPECT_TRUE(journal_.words().empty());
}

TEST_P(Exceptions, OfLoading) {
  qsl_.on_load = Break;
  ExpectThrows();
  EXPECT_TRUE(sut_.queries().empty());
  EXPECT_EQ(qsl_.loaded().size(), 1u);
}

TEST_P(Exceptions, OfIssuing) {
  sut_.on_issue = [](const std::vector<QuerySample>&) { Break(); };
  ExpectThrows();
  EXPECT_EQ(sut_.queries().size(), 1u);
}

TEST_P(Exceptions, OfIssuingThePerformanceSet) {
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    if (qsl_.loaded().size() == 4) Break();
    CompleteAll(samples);
  };
  ExpectThrows();
  EXPECT_EQ(qsl_.loaded().size(), 4u);
  EXPECT_GE(ReadAccuracyLog(logs_.path("mlperf_log_accuracy.json")).sequence_ids.size(), 10u);
}

TEST_P(Exceptions, OfFlushing) {
  sut_.on_flush = Break;
  ExpectThrows();
  EXPECT_EQ(journal_.Count("flush"), 1u);
}

TEST_P(Exceptions, OfUnloading) {
  qsl_.on_unload = Break;
  ExpectThrows();
  EXPECT_EQ(qsl_.unloaded().size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(, Exceptions,
                         testing::Values(TestScenario::SingleStream, TestScenario::MultiStream,
                                         TestScenario::Server, TestScenario::Offline),
                         [](const testing::TestParamInfo<TestScenario>& test) {
                           return std::string(ToString(test.param));
                         });

TEST_F(TestRunTest, ExceptionsOfTheLibrarysCountsComeBeforeTheLogs) {
  logs_.Write("mlperf_log_summary.txt", "precious");
  qsl_.on_count = Break;
  EXPECT_THROW(Run(Settings(TestScenario::SingleStream)), Broken);
  qsl_.on_count = nullptr;
  qsl_.on_name = Break;
  EXPECT_THROW(Run(Settings(TestScenario::SingleStream)), Broken);
  EXPECT_EQ(logs_.Read("mlperf_log_summary.txt"), "precious");
  EXPECT_EQ(gate_.held(), 0);
  ExpectNextTestWorks();
}

// Completes with a response callback that throws.
void CompleteBroken(const std::vector<QuerySample>& samples) {
  for (const QuerySample& sample : samples) {
    QuerySampleResponse response(sample.id, 0, 0);
    QuerySamplesComplete(&response, 1, [](QuerySampleResponse*) { Break(); });
  }
}

TEST_P(Exceptions, OfAResponseCallbackDuringIssueQuery) {
  sut_.on_issue = CompleteBroken;
  ExpectThrows(TestMode::AccuracyOnly);
}

TEST_P(Exceptions, OfAResponseCallbackOnAnotherThread) {
  Worker worker(CompleteBroken);
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) { worker.Take(samples); };
  ExpectThrows(TestMode::AccuracyOnly);
}

// ---- Aborting ----------------------------------------------------------------------------------

TEST_F(TestRunTest, AbortTestWithoutATestDoesNothing) {
  AbortTest();
  ExpectNextTestWorks();
}

// ---- Warm-up -----------------------------------------------------------------------------------

class WarmUpTest : public TestRunTest, public testing::WithParamInterface<TestScenario> {};

TEST_P(WarmUpTest, CountsForNothing) {
  const TestResult cold = Run(Settings(GetParam()));
  const std::vector<uint64_t> cold_indices = sut_.issued_indices();
  const size_t cold_queries = sut_.queries().size();

  TestSettings settings = Settings(GetParam());
  settings.warmup_query_count = 7;
  LogDirectory logs;
  Journal journal;
  ScriptedSut sut(&journal);
  const TestResult warm =
      RunTest(&sut, &qsl_, settings, logs.settings(), audit_path_, environment_);
  const bool offline = GetParam() == TestScenario::Offline;
  const size_t samples_per_query = GetParam() == TestScenario::MultiStream ? 4 : 1;
  const size_t warm_up_samples = 7 * samples_per_query;

  EXPECT_EQ(sut.queries().size(), cold_queries + (offline ? 1 : 7));
  std::vector<uint64_t> indices = sut.issued_indices();
  ASSERT_EQ(indices.size(), cold_indices.size() + warm_up_samples);
  indices.erase(indices.begin(), indices.begin() + static_cast<ptrdiff_t>(warm_up_samples));
  EXPECT_EQ(indices, cold_indices) << "the measured traffic is the same";
  EXPECT_EQ(warm.performance->query_count, cold.performance->query_count);
  EXPECT_EQ(warm.performance->sample_count, cold.performance->sample_count);
  EXPECT_EQ(warm.performance->valid, cold.performance->valid);
  EXPECT_EQ(warm.performance->sample_latency.count, cold.performance->sample_latency.count);
  EXPECT_NE(logs.Read("mlperf_log_detail.txt")
                .find("Warmed up with " + std::to_string(warm_up_samples) + " samples"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(, WarmUpTest,
                         testing::Values(TestScenario::SingleStream, TestScenario::MultiStream,
                                         TestScenario::Server, TestScenario::Offline),
                         [](const auto& scenario) {
                           return std::string(ToString(scenario.param));
                         });

TEST_F(TestRunTest, AWarmUpThatBreaksTheContractSpoilsTheTest) {
  bool first = true;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll(samples);
    if (std::exchange(first, false)) CompleteAll(samples);
  };
  TestSettings settings = Settings(TestScenario::SingleStream);
  settings.warmup_query_count = 3;
  const TestResult result = Run(settings);
  EXPECT_FALSE(result.valid());
  EXPECT_EQ(result.reasons.front(),
            "warm-up: 1 double completion: complete each sample exactly once");
}

// ---- The Offline probe -------------------------------------------------------------------------

class OfflineProbeRun : public TestRunTest {
 protected:
  OfflineProbeRun() {
    settings_ = Settings(TestScenario::Offline);
    settings_.min_duration_ms = 500;
    sut_.on_issue = [&](const std::vector<QuerySample>& samples) { TakeTime(samples); };
  }

  // A thousand samples a second.
  void TakeTime(const std::vector<QuerySample>& samples) {
    clock_.Advance(static_cast<int64_t>(samples.size()) * 1000000);
    CompleteAll(samples);
  }

  TestSettings settings_;
};

TEST_F(OfflineProbeRun, SizesTheQueryByWhatItMeasured) {
  EXPECT_FALSE(Run(settings_).valid()) << "offline_expected_qps is 1";
  settings_.offline_probe_duration_ms = 100;
  const TestResult result = Run(settings_);
  EXPECT_TRUE(result.valid());
  EXPECT_EQ(result.offline_probe.sample_count, 64u) << "1 + 8 + 64 samples fit into 100 ms";
  EXPECT_NEAR(result.offline_probe.duration_s, 0.064, 1e-5);
  EXPECT_NEAR(result.offline_probe.samples_per_second, 1000, 1);
  EXPECT_EQ(result.offline_probe.expected_qps, 1200);
  EXPECT_EQ(result.performance->sample_count, 660u) << "1.1 times 0.5 s of 1200 a second";
  EXPECT_EQ(result.performance->target_qps, 1200);
  EXPECT_TRUE(HasRecord(logs_, "offline_probe_sample_count", "64"));
  EXPECT_TRUE(HasRecord(logs_, "offline_probe_expected_qps", "1200"));
  EXPECT_TRUE(HasRecord(logs_, "requested_offline_expected_qps", "1"));
  EXPECT_TRUE(HasRecord(logs_, "effective_samples_per_query", "660"));
}

TEST_F(OfflineProbeRun, LeavesTheMeasuredTrafficAsTheResultingRateMakesIt) {
  settings_.offline_probe_duration_ms = 100;
  settings_.warmup_query_count = 3;
  Run(settings_);
  const std::vector<uint64_t> probed =
      sut_.queries().back().samples.size() == 660 ? sut_.issued_indices() : std::vector<uint64_t>();
  settings_.offline_probe_duration_ms = 0;
  settings_.offline_expected_qps = 1200;
  ScriptedSut sut;
  sut.on_issue = [&](const std::vector<QuerySample>& samples) { TakeTime(samples); };
  RunTest(&sut, &qsl_, settings_, LogDirectory().settings(), audit_path_, environment_);
  const std::vector<uint64_t> plain = sut.issued_indices();
  ASSERT_EQ(plain.size(), 663u);
  ASSERT_EQ(probed.size(), 1u + 8 + 64 + 663);
  EXPECT_TRUE(std::equal(plain.begin(), plain.end(), probed.end() - 663));
}

TEST_F(OfflineProbeRun, IsNotMadeUnlessItIsAskedFor) {
  const TestResult result = Run(settings_);
  EXPECT_EQ(result.offline_probe.sample_count, 0u);
  EXPECT_EQ(sut_.queries().size(), 1u);
  EXPECT_FALSE(HasRecord(logs_, "offline_probe_sample_count", ""));
}

TEST_F(OfflineProbeRun, SpoilsTheTestIfItsContractIsBroken) {
  bool first = true;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    TakeTime(samples);
    if (std::exchange(first, false)) CompleteAll(samples);
  };
  settings_.offline_probe_duration_ms = 100;
  const TestResult result = Run(settings_);
  EXPECT_FALSE(result.valid());
  EXPECT_EQ(result.reasons.front(),
            "probe: 1 double completion: complete each sample exactly once");
  EXPECT_EQ(result.offline_probe.sample_count, 0u);
  EXPECT_TRUE(HasRecord(logs_, "error_runtime", "twice. (probe query 0, sample 0, "));
}

TEST_F(OfflineProbeRun, SaysInTheLogWhyItsSamplesFailed) {
  bool first = true;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    if (!std::exchange(first, false)) return TakeTime(samples);
    FailSamples(&samples[0].id, 1, "HTTP 503");
  };
  settings_.offline_probe_duration_ms = 100;
  const TestResult result = Run(settings_);
  EXPECT_FALSE(result.valid());
  ASSERT_EQ(result.reasons.front(), "probe: 1 of 1 sample failed (100 %): HTTP 503");
  EXPECT_TRUE(HasRecord(logs_, "error_runtime", result.reasons.front()));
}

// Whatever its own numbers, in the result, the summary and the detail log alike.
TEST_F(TestRunTest, FailuresBeforeThePerformancePhaseSpoilTheTestAndNotItsNumbers) {
  for (const TestMode mode : {TestMode::PerformanceOnly, TestMode::SubmissionRun}) {
    uint64_t failed = 0;
    sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
      if (failed == 2) return CompleteAll(samples);
      ++failed;
      FailSamples(&samples[0].id, 1, "HTTP 503");
    };
    TestSettings settings = Settings(TestScenario::SingleStream);
    settings.mode = mode;
    if (mode == TestMode::PerformanceOnly) settings.warmup_query_count = 3;
    const TestResult result = Run(settings);
    EXPECT_FALSE(result.valid());
    const std::string reason = result.reasons.front();
    EXPECT_NE(reason.find("samples failed ("), std::string::npos) << reason;
    EXPECT_TRUE(reason.ends_with("HTTP 503")) << reason;
    ASSERT_TRUE(result.performance);
    EXPECT_FALSE(result.performance->valid);
    EXPECT_EQ(result.performance->reasons, result.reasons);
    EXPECT_EQ(result.performance->failed_sample_count, 0u);
    EXPECT_EQ(result.performance->sample_count, result.performance->query_count);
    EXPECT_TRUE(HasRecord(logs_, "result_validity", "INVALID"));
    EXPECT_TRUE(HasRecord(logs_, "error_runtime", reason));
    EXPECT_NE(logs_.Read("mlperf_log_summary.txt").find("Result is : INVALID"), std::string::npos);
  }
}

// They may hold any bytes, and who reads a result or a log need not know.
TEST_F(TestRunTest, TextsOfTheSystemAndTheLibraryAreShownAsUtf8) {
  bool first = true;
  sut_.name = "system \xFC";
  qsl_.name = "library \xFC";
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    if (!std::exchange(first, false)) return CompleteAll(samples);
    FailSamples(&samples[0].id, 1, "reason \xFC");
    FailSamples(nullptr, 0, "fault \xFC");
  };
  const TestResult result = Run(Settings(TestScenario::SingleStream));
  EXPECT_EQ(result.sut_name, "system \uFFFD");
  ASSERT_TRUE(result.performance);
  EXPECT_EQ(result.performance->failure_counts,
            (std::map<std::string, uint64_t>{{"reason \uFFFD", 1}}));
  EXPECT_TRUE(result.reasons.front().ends_with(": reason \uFFFD")) << result.reasons.front();
  EXPECT_TRUE(result.reasons.back().ends_with(": fault \uFFFD")) << result.reasons.back();
  EXPECT_TRUE(HasRecord(logs_, "qsl_name", "library \uFFFD"));
  const std::string summary = logs_.Read("mlperf_log_summary.txt");
  for (const char* text : {"system \uFFFD", "reason \uFFFD"}) {
    EXPECT_NE(summary.find(text), std::string::npos) << text;
  }
  EXPECT_EQ(summary.find('\xFC'), std::string::npos);
}

// With the age of the oldest sample; what shows the progress there says it in its own way.
TEST_F(TestRunTest, SaysOnStderrThatNothingIsCompletedUnlessProgressIsShownThere) {
  sut_.on_issue = [](const std::vector<QuerySample>&) {};
  gate_.on_poll = [&] { clock_.Advance(900'000'000); };
  TestSettings settings = Settings(TestScenario::SingleStream);
  settings.stall_timeout_ms = 15'000;
  const auto said = [&] {
    testing::internal::CaptureStderr();
    EXPECT_FALSE(Run(settings).valid());
    return testing::internal::GetCapturedStderr();
  };
  const std::string text = said();
  EXPECT_TRUE(
      text.starts_with("mlperf_loadgen: no sample was completed for 10 s. Outstanding "
                       "samples: 1, the oldest for 10 s. "))
      << text;
  EXPECT_EQ(text.find('\n'), text.size() - 1) << "one line";
  SetProgressShown(true);
  EXPECT_EQ(said(), "");
  SetProgressShown(false);
}

// A thread that aborts the test when it is asked to.
class Aborter {
 public:
  ~Aborter() { thread_.join(); }
  void Abort() { wanted_.count_down(); }

 private:
  std::latch wanted_{1};
  std::thread thread_{[this] {
    wanted_.wait();
    AbortTest();
  }};
};

TEST_F(TestRunTest, AbortTestEndsAServerRun) {
  Aborter aborter;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll(samples);
    if (sut_.queries().size() == 10) aborter.Abort();
  };
  TestSettings settings = Settings(TestScenario::Server);
  settings.min_duration_ms = 3'600'000;
  const TestResult result = Start(settings);
  EXPECT_TRUE(result.aborted);
  EXPECT_FALSE(result.valid());
  ASSERT_TRUE(result.performance);
  EXPECT_FALSE(result.performance->valid);
  EXPECT_GE(result.performance->query_count, 10u);
  EXPECT_TRUE(Contains(result.performance->reasons, "aborted"));
  EXPECT_EQ(journal_.words().back(), "unload 4");
  ExpectCompleteLogs(logs_);
  ExpectNextTestWorks();
}

TEST_F(TestRunTest, AbortTestEndsALongWaitForTheNextQuery) {
  Aborter aborter;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll(samples);
    aborter.Abort();
  };
  TestSettings settings = Settings(TestScenario::Server);
  settings.server_target_qps = 1e-6;
  const TestResult result = Start(settings);
  EXPECT_TRUE(result.aborted);
  EXPECT_EQ(sut_.queries().size(), 1u);
}

TEST_F(TestRunTest, AbortTestEndsAStuckRunInEveryScenario) {
  for (const TestScenario scenario : {TestScenario::SingleStream, TestScenario::MultiStream,
                                      TestScenario::Server, TestScenario::Offline}) {
    for (const TestMode mode : {TestMode::AccuracyOnly, TestMode::PerformanceOnly}) {
      Aborter aborter;
      bool called = false;
      sut_.on_issue = [&](const std::vector<QuerySample>&) {
        if (!called) aborter.Abort();
        called = true;
      };
      const TestResult result = Start(Settings(scenario, mode));
      EXPECT_TRUE(result.aborted);
      EXPECT_EQ(qsl_.loaded(), qsl_.unloaded());
      ExpectCompleteLogs(logs_);
    }
  }
  ExpectNextTestWorks();
}

TEST_F(TestRunTest, AbortTestFromACallbackSkipsWhatIsLeft) {
  qsl_.on_unload = AbortTest;
  const TestResult result = Run(Settings(TestScenario::Offline, TestMode::SubmissionRun));
  EXPECT_TRUE(result.aborted);
  EXPECT_FALSE(result.performance);
  EXPECT_EQ(journal_.words(), (Words{"load 4", "issue 4", "flush", "unload 4"}));
  ExpectCompleteLogs(logs_);
}

// ---- One test at a time ------------------------------------------------------------------------

TEST_F(TestRunTest, ATestWithinACallbackIsRefusedAndTheFirstGoesOn) {
  int refused = 0;
  const auto start_another = [&] {
    Journal journal;
    ScriptedSut sut;
    ScriptedLibrary qsl(&journal, 10, 4);
    const LogDirectory logs;
    EXPECT_THROW(StartTest(&sut, &qsl, Settings(TestScenario::Offline), logs.settings()),
                 std::logic_error);
    EXPECT_TRUE(journal.words().empty());
    ++refused;
  };
  sut_.on_name = sut_.on_flush = qsl_.on_load = qsl_.on_unload = start_another;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    start_another();
    CompleteAll(samples);
  };
  const TestResult result = Run(Settings(TestScenario::SingleStream));
  EXPECT_EQ(refused, 4 + 20);
  EXPECT_FALSE(result.aborted);
  EXPECT_EQ(result.performance->sample_count, 20u);
  ExpectCompleteLogs(logs_);
}

TEST_F(TestRunTest, ATestOnASecondThreadIsRefusedAndTheFirstGoesOn) {
  std::latch running(1);
  std::latch refused(1);
  std::thread second([&] {
    running.wait();
    Journal journal;
    ScriptedSut sut;
    ScriptedLibrary qsl(&journal, 10, 4);
    const LogDirectory logs;
    EXPECT_THROW(StartTest(&sut, &qsl, Settings(TestScenario::Offline), logs.settings()),
                 std::logic_error);
    refused.count_down();
  });
  bool called = false;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    if (!called) running.count_down();
    called = true;
    refused.wait();
    CompleteAll(samples);
  };
  const TestResult result = Start(Settings(TestScenario::SingleStream));
  second.join();
  EXPECT_FALSE(result.aborted);
  EXPECT_EQ(result.performance->sample_count, 20u);
}

// ---- Threads -----------------------------------------------------------------------------------

TEST_F(TestRunTest, TakesAnswersFromOtherThreads) {
  for (const TestScenario scenario : {TestScenario::SingleStream, TestScenario::MultiStream,
                                      TestScenario::Server, TestScenario::Offline}) {
    std::vector<std::unique_ptr<Worker>> workers;
    for (int k = 0; k < 3; ++k) workers.push_back(std::make_unique<Worker>(CompleteAll));
    size_t next = 0;
    sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
      for (const QuerySample& sample : samples) workers[next++ % 3]->Take({sample});
    };
    TestSettings settings = Settings(scenario, TestMode::SubmissionRun);
    settings.min_query_count = 500;
    settings.server_target_qps = 20'000;
    const TestResult result = Start(settings);
    EXPECT_FALSE(result.aborted);
    EXPECT_EQ(ErrorCount(logs_), 0u);
    EXPECT_EQ(result.performance->sample_count,
              scenario == TestScenario::MultiStream ? 2000u : 500u);
    EXPECT_EQ(result.accuracy_sample_count, scenario == TestScenario::MultiStream ? 12u : 10u);
  }
}

class IssueThreadTest : public TestRunTest {
 protected:
  ~IssueThreadTest() override { Join(); }

  // Threads that registered before this returns.
  void Register(size_t count) {
    for (size_t k = 0; k < count; ++k) {
      threads_.emplace_back([] { RegisterIssueQueryThread(); });
    }
    TheTestRegistry().issue_threads()->Await(count, std::chrono::milliseconds(60'000));
  }
  void Join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  static TestSettings ServerSettings(uint64_t threads) {
    TestSettings settings = Settings(TestScenario::Server, TestMode::SubmissionRun);
    settings.server_target_qps = 20'000;
    settings.min_query_count = 500;
    settings.server_num_issue_query_threads = threads;
    return settings;
  }

  std::vector<std::thread> threads_;
};

TEST_F(IssueThreadTest, IssueAllQueriesOfOneTestAfterTheOther) {
  for (int test = 0; test < 2; ++test) {
    Register(2);
    std::set<std::thread::id> lent;
    for (const std::thread& thread : threads_) lent.insert(thread.get_id());
    const size_t before = sut_.queries().size();
    const TestResult result = Start(ServerSettings(2));
    Join();
    EXPECT_FALSE(result.aborted);
    EXPECT_EQ(ErrorCount(logs_), 0u);
    EXPECT_EQ(result.performance->query_count, 500u);
    EXPECT_EQ(result.accuracy_sample_count, 10u);
    const std::vector<IssuedQuery> queries = sut_.queries();
    EXPECT_EQ(queries.size(), before + 510);
    std::set<ResponseId> ids;
    for (size_t i = before; i < queries.size(); ++i) {
      EXPECT_TRUE(lent.contains(queries[i].thread));
      ids.insert(queries[i].samples[0].id);
    }
    EXPECT_EQ(ids.size(), 510u) << "no query twice";
  }
}

TEST_F(IssueThreadTest, MayComeAfterTheStart) {
  sut_.on_name = nullptr;
  qsl_.on_count = [&] {
    for (int k = 0; k < 2; ++k) threads_.emplace_back([] { RegisterIssueQueryThread(); });
  };
  EXPECT_EQ(Start(ServerSettings(2)).performance->query_count, 500u);
}

TEST_F(IssueThreadTest, FewerThanAskedForAreRefused) {
  logs_.Write("mlperf_log_summary.txt", "precious");
  environment_ = {};
  environment_.issue_thread_timeout = std::chrono::milliseconds(50);
  EXPECT_THROW(Run(ServerSettings(2)), SettingsError);
  Register(1);
  try {
    Run(ServerSettings(2));
    FAIL() << "1 thread of 2";
  } catch (const SettingsError& error) {
    EXPECT_NE(std::string(error.what()).find("server_num_issue_query_threads is 2, but 1"),
              std::string::npos);
  }
  Join();
  EXPECT_TRUE(journal_.words().empty());
  EXPECT_EQ(logs_.Read("mlperf_log_summary.txt"), "precious");
  ExpectNextTestWorks();
}

TEST_F(IssueThreadTest, MoreThanAskedForAreRefused) {
  Register(3);
  EXPECT_THROW(Start(ServerSettings(2)), SettingsError);
  Join();
  EXPECT_TRUE(journal_.words().empty());
  ExpectNextTestWorks();
}

TEST_F(IssueThreadTest, AreGivenBackByATestThatDoesNotUseThem) {
  Register(2);
  const TestResult result = Start(Settings(TestScenario::SingleStream));
  Join();
  EXPECT_EQ(result.performance->query_count, 20u);
}

TEST_F(IssueThreadTest, AreGivenBackByATestThatIsAborted) {
  Register(2);
  sut_.on_issue = [&](const std::vector<QuerySample>&) { AbortTest(); };
  EXPECT_TRUE(Start(ServerSettings(2)).aborted);
  Join();
}

TEST_F(IssueThreadTest, AreGivenBackWhenTheSystemThrows) {
  Register(2);
  sut_.on_issue = [](const std::vector<QuerySample>&) { Break(); };
  EXPECT_THROW(Start(ServerSettings(2)), Broken);
  Join();
  ExpectNextTestWorks();
}

// ---- Systems that break the rules --------------------------------------------------------------

TEST_F(TestRunTest, DoubleCompletionsAreInvalid) {
  TestSettings settings = Settings(TestScenario::SingleStream);
  settings.min_query_count = 100;  // Enough to be VALID.
  EXPECT_TRUE(Run(settings).valid());
  sut_.on_issue = [](const std::vector<QuerySample>& samples) {
    CompleteAll(samples);
    CompleteAll(samples);
  };
  const TestResult result = Run(settings);
  EXPECT_FALSE(result.valid());
  EXPECT_FALSE(result.performance->valid);
  EXPECT_EQ(result.performance->sample_count, 100u);
  EXPECT_TRUE(Contains(result.performance->reasons, "100 double completions"));
  EXPECT_GT(ErrorCount(logs_), 0u);
  EXPECT_GE(result.error_count, ErrorCount(logs_));
}

TEST_F(TestRunTest, CompletionsAfterTheEndAreDroppedAndReportedInTheNextTest) {
  EXPECT_TRUE(Run(Settings(TestScenario::Offline)).warnings.empty());
  CompleteAll(sut_.queries()[0].samples);
  std::thread([&] { CompleteAll(sut_.queries()[0].samples); }).join();
  TestResult result = Run(Settings(TestScenario::Offline));
  EXPECT_TRUE(Contains(result.warnings, "40 completions came between tests"));
  EXPECT_EQ(result.performance->sample_count, 20u);
  result = Run(Settings(TestScenario::Offline));
  EXPECT_TRUE(result.warnings.empty());
}

TEST_F(TestRunTest, IdsOfAnEarlierTestAreInvalid) {
  Run(Settings(TestScenario::Offline));
  const std::vector<QuerySample> earlier = sut_.queries()[0].samples;
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll(earlier);
    CompleteAll(samples);
  };
  const TestResult result = Run(Settings(TestScenario::Offline));
  EXPECT_FALSE(result.performance->valid);
  EXPECT_EQ(result.performance->sample_count, 20u);
  EXPECT_TRUE(Contains(result.performance->reasons, "20 response ids of earlier tests"));
}

// ---- Peak search -------------------------------------------------------------------------------

// A system that serves one query after another, each in 1 ms, whatever is waiting: the 1000 queries
// of a trial wait ever longer above 1000 queries per second.
class PeakTest : public TestRunTest {
 protected:
  PeakTest() {
    sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
      clock_.Advance(1'000'000);
      CompleteAll(samples);
    };
  }
  static TestSettings PeakSettings(double qps) {
    TestSettings settings = Settings(TestScenario::Server, TestMode::FindPeakPerformance);
    settings.server_target_qps = qps;
    settings.server_target_latency_ns = 50'000'000;
    settings.server_find_peak_qps_decimals_of_precision = 0;
    settings.min_query_count = 1000;
    return settings;
  }
};

TEST_F(PeakTest, FindsTheHighestRateThatKeepsTheLatencyBound) {
  const TestResult result = Run(PeakSettings(100));
  ASSERT_TRUE(result.peak);
  EXPECT_TRUE(result.peak->found);
  EXPECT_GT(result.peak->qps, 800) << "far from saturation";
  EXPECT_LT(result.peak->qps, 1100) << "1000 queries of 1 ms in less than 950 ms";
  double lowest_failed = INFINITY;
  for (const PeakTrial& trial : result.peak->trials) {
    EXPECT_EQ(trial.passed, trial.qps <= result.peak->qps) << trial.qps;
    if (!trial.passed) lowest_failed = std::min(lowest_failed, trial.qps);
  }
  EXPECT_LE(std::floor(lowest_failed), std::floor(result.peak->qps) + 1);
  // The doubling, then the bisection.
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(result.peak->trials[i].qps, 100 << i);
  ASSERT_TRUE(result.performance);
  EXPECT_EQ(result.performance->target_qps, result.peak->qps);
  EXPECT_EQ(journal_.Count("flush"), result.peak->trials.size());
  EXPECT_EQ(qsl_.loaded(), qsl_.unloaded());
  EXPECT_TRUE(HasRecord(logs_, "generic_message", "FindPeakPerformance: Found peak performance"));
  ExpectCompleteLogs(logs_);
}

TEST_F(PeakTest, FindsNothingIfTheFirstRateFails) {
  const TestResult result = Run(PeakSettings(5000));
  ASSERT_TRUE(result.peak);
  EXPECT_FALSE(result.peak->found);
  EXPECT_EQ(result.peak->trials.size(), 1u);
  EXPECT_EQ(result.performance->target_qps, 5000);
  EXPECT_TRUE(HasRecord(logs_, "error_runtime",
                        "FindPeakPerformance: Initial lower bound does not satisfy performance "
                        "constraints, msg: Reduce target QPS to improve latency."));
}

TEST_F(PeakTest, MayBeAborted) {
  sut_.on_issue = [&](const std::vector<QuerySample>& samples) {
    CompleteAll(samples);
    if (sut_.queries().size() == 2500) AbortTest();
  };
  const TestResult result = Run(PeakSettings(100));
  EXPECT_TRUE(result.aborted);
  EXPECT_EQ(result.peak->trials.size(), 2u);  // The third is cut off, and says nothing of its rate.
  ExpectCompleteLogs(logs_);
}

TEST_F(PeakTest, IsForServerOnly) {
  TestSettings settings = PeakSettings(100);
  settings.scenario = TestScenario::Offline;
  const TestResult result = Run(settings);
  EXPECT_FALSE(result.performance);
  EXPECT_TRUE(journal_.words().empty());
  EXPECT_TRUE(HasRecord(logs_, "error_invalid_config",
                        "Finding peak performance is only supported in Server scenarios."));
  EXPECT_FALSE(result.valid());
  ExpectCompleteLogs(logs_);
}

// ---- Stops before the first query --------------------------------------------------------------

class StopBeforeTheFirstQuery : public TestRunTest, public testing::WithParamInterface<TestMode> {};

TEST_P(StopBeforeTheFirstQuery, LoadsNothingMore) {
  qsl_.on_name = [] { AbortTest(); };
  const TestResult result = Run(Settings(TestScenario::Offline, GetParam()));
  EXPECT_TRUE(result.aborted);
  EXPECT_TRUE(qsl_.loaded().empty());
  EXPECT_TRUE(sut_.queries().empty());
  ExpectCompleteLogs(logs_);
  ExpectNextTestWorks();
}

TEST_P(StopBeforeTheFirstQuery, UnloadsWhatWasLoaded) {
  qsl_.on_load = [] { AbortTest(); };
  const TestResult result = Run(Settings(TestScenario::Offline, GetParam()));
  EXPECT_TRUE(result.aborted);
  EXPECT_EQ(qsl_.loaded().size(), 1u);
  EXPECT_EQ(qsl_.unloaded(), qsl_.loaded());
  EXPECT_TRUE(sut_.queries().empty());
  ExpectCompleteLogs(logs_);
  ExpectNextTestWorks();
}

INSTANTIATE_TEST_SUITE_P(Modes, StopBeforeTheFirstQuery,
                         testing::Values(TestMode::PerformanceOnly, TestMode::AccuracyOnly,
                                         TestMode::SubmissionRun),
                         [](const auto& mode) { return std::string(ToString(mode.param)); });

}  // namespace
}  // namespace mlperf::loadgen
