// Goal: the decided numbers are the reference's, and settings that no test can be run with are
// refused by name. Method: worked examples measured on the reference or computed by hand; one table
// of refusals, and one of settings that look bad but are not used by the scenario and mode.
#include "plan/run_plan.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace mlperf::loadgen {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr uint64_t kMaxUint64 = std::numeric_limits<uint64_t>::max();
constexpr uint64_t k2To32 = uint64_t{1} << 32;

TestSettings Settings(TestScenario scenario, TestMode mode = TestMode::PerformanceOnly) {
  TestSettings s;
  s.scenario = scenario;
  s.mode = mode;
  s.min_duration_ms = 0;
  return s;
}

RunPlan Plan(const TestSettings& s, uint64_t total = 1024, uint64_t performance = 128) {
  return MakeRunPlan(s, total, performance);
}

// ---- Numbers -----------------------------------------------------------------------------------

TEST(RunPlanTest, SingleStream) {
  TestSettings s = Settings(TestScenario::SingleStream);
  s.single_stream_expected_latency_ns = 300000;
  s.single_stream_target_latency_percentile = 0.95;
  s.min_duration_ms = 10;
  s.max_duration_ms = 20;
  s.min_query_count = 70;
  s.max_query_count = 80;
  s.server_max_async_queries = 5;
  s.server_num_issue_query_threads = 3;
  s.server_coalesce_queries = true;
  const RunPlan plan = Plan(s);
  EXPECT_EQ(plan.scenario, TestScenario::SingleStream);
  EXPECT_EQ(plan.mode, TestMode::PerformanceOnly);
  EXPECT_EQ(plan.shape, LoopShape::kClosedLoop);
  EXPECT_EQ(plan.library_total_count, 1024u);
  EXPECT_EQ(plan.library_performance_count, 128u);
  EXPECT_EQ(plan.samples_per_query, 1u);
  EXPECT_DOUBLE_EQ(plan.target_qps, 10000.0 / 3);
  EXPECT_EQ(plan.target_latency_ns, 0u);
  EXPECT_EQ(plan.target_latency_percentile, 0.95);
  EXPECT_EQ(plan.max_async_queries, 1u);
  EXPECT_EQ(plan.target_duration_ms, 10u);
  EXPECT_EQ(plan.min_duration_ms, 10u);
  EXPECT_EQ(plan.max_duration_ms, 20u);
  EXPECT_EQ(plan.min_query_count, 70u);
  EXPECT_EQ(plan.max_query_count, 80u);
  EXPECT_EQ(plan.min_sample_count, 70u);
  EXPECT_EQ(plan.performance_sample_count, 128u);
  EXPECT_EQ(plan.accuracy_sample_count, 1024u);
  EXPECT_FALSE(plan.coalesce_queries);
  EXPECT_EQ(plan.issue_thread_count, 0u);
  EXPECT_TRUE(plan.remarks.empty());
}

TEST(RunPlanTest, MultiStream) {
  TestSettings s = Settings(TestScenario::MultiStream);
  s.multi_stream_expected_latency_ns = 8e7;
  s.multi_stream_target_latency_percentile = 0.97;
  s.multi_stream_samples_per_query = 4;
  s.min_query_count = 662;
  const RunPlan plan = Plan(s);
  EXPECT_EQ(plan.shape, LoopShape::kClosedLoop);
  EXPECT_EQ(plan.samples_per_query, 4u);
  EXPECT_EQ(plan.target_qps, 12.5);
  EXPECT_EQ(plan.target_latency_percentile, 0.97);
  EXPECT_EQ(plan.min_query_count, 662u);
  EXPECT_EQ(plan.min_sample_count, 2648u);
  EXPECT_EQ(plan.max_async_queries, 1u);
}

TEST(RunPlanTest, Server) {
  TestSettings s = Settings(TestScenario::Server);
  s.server_target_qps = 1000.5;
  s.server_target_latency_ns = 15000000;
  s.server_target_latency_percentile = 0.98;
  s.server_max_async_queries = 4;
  s.server_coalesce_queries = true;
  s.server_num_issue_query_threads = 1024;
  s.server_find_peak_qps_decimals_of_precision = 3;
  s.server_find_peak_qps_boundary_step_size = 0.5;
  s.min_duration_ms = 600000;
  const RunPlan plan = Plan(s);
  EXPECT_EQ(plan.shape, LoopShape::kOpenLoop);
  EXPECT_EQ(plan.arrival_process, "poisson");
  EXPECT_EQ(plan.samples_per_query, 1u);
  EXPECT_EQ(plan.target_qps, 1000.5);
  EXPECT_EQ(plan.target_latency_ns, 15000000u);
  EXPECT_EQ(plan.target_latency_percentile, 0.98);
  EXPECT_EQ(plan.max_async_queries, 4u);
  EXPECT_TRUE(plan.coalesce_queries);
  EXPECT_EQ(plan.issue_thread_count, 1024u);
  EXPECT_EQ(plan.target_duration_ms, 600000u);
  EXPECT_EQ(plan.min_sample_count, 100u);
  EXPECT_EQ(plan.find_peak_decimals, 3);
  EXPECT_EQ(plan.find_peak_step, 0.5);
}

TEST(RunPlanTest, Offline) {
  TestSettings s = Settings(TestScenario::Offline);
  s.offline_expected_qps = 1000.7;
  s.min_duration_ms = 1000;
  s.max_query_count = 5;
  const RunPlan plan = Plan(s);
  EXPECT_EQ(plan.shape, LoopShape::kOneShot);
  EXPECT_EQ(plan.samples_per_query, 1100u);  // 1.1 x 1 s x 1000.7, truncated.
  EXPECT_EQ(plan.target_qps, 1000.7);
  EXPECT_EQ(plan.target_latency_percentile, 0.99);
  EXPECT_EQ(plan.target_duration_ms, 0u);
  EXPECT_EQ(plan.min_duration_ms, 1000u);
  EXPECT_EQ(plan.min_query_count, 1u);
  EXPECT_EQ(plan.min_sample_count, 1100u);
  EXPECT_EQ(plan.max_query_count, 5u);
  EXPECT_EQ(plan.max_async_queries, 1u);
}

TEST(RunPlanTest, OfflineSamplesPerQuery) {
  struct Case {
    uint64_t min_duration_ms;
    double qps;
    uint64_t min_query_count;
    uint64_t expected;
  };
  const std::vector<Case> kCases = {
      {1000, 1000.7, 100, 1100}, {1000, 1000.7, 1101, 1101}, {0, 1e9, 25, 25},
      {600000, 0, 7, 7},         {600000, 1, 100, 660},      {1000, 0.95, 0, 1},
  };
  for (const Case& c : kCases) {
    TestSettings s = Settings(TestScenario::Offline);
    s.min_duration_ms = c.min_duration_ms;
    s.offline_expected_qps = c.qps;
    s.min_query_count = c.min_query_count;
    EXPECT_EQ(Plan(s).samples_per_query, c.expected) << c.min_duration_ms << " " << c.qps;
  }
}

TEST(RunPlanTest, OfflineUniqueIssuesThePerformanceSetOnce) {
  TestSettings s = Settings(TestScenario::Offline);
  s.performance_issue_unique = true;
  s.min_query_count = 1000;
  EXPECT_EQ(Plan(s).samples_per_query, 128u);
  s.performance_sample_count_override = 50;
  EXPECT_EQ(Plan(s).samples_per_query, 50u);
  // No more samples can be loaded than the library has.
  s.performance_sample_count_override = 100;
  const RunPlan plan = Plan(s, 10, 10);
  EXPECT_EQ(plan.samples_per_query, 10u);
  EXPECT_EQ(plan.performance_sample_count, 100u);
}

TEST(RunPlanTest, SingleStreamPermutationRoundsUpByTheLibrarysCount) {
  struct Case {
    uint64_t min_query_count;
    uint64_t min_duration_ms;
    uint64_t performance_count;
    uint64_t expected;
  };
  const std::vector<Case> kCases = {
      {128, 0, 128, 256},  // A multiple gets a full set more.
      {100, 0, 128, 128},      {15, 0, 10, 20},
      {0, 0, 128, 128},        {100, 1000, 128, 2048},  // 2 x 1 s x 1000 queries/s = 2000.
      {2001, 1000, 128, 2048}, {100, 1000, 0, 2000},    // Nothing to round to.
  };
  for (const Case& c : kCases) {
    TestSettings s = Settings(TestScenario::SingleStream);
    s.sample_concatenate_permutation = true;
    s.min_query_count = c.min_query_count;
    s.min_duration_ms = c.min_duration_ms;
    s.performance_sample_count_override = 7;  // Has no part in it.
    const RunPlan plan = Plan(s, 1024, c.performance_count);
    EXPECT_EQ(plan.min_query_count, c.expected) << c.min_query_count;
    EXPECT_EQ(plan.min_sample_count, c.expected);
    EXPECT_TRUE(plan.sample_concatenate_permutation);
  }
  // The other scenarios keep theirs; their traffic is padded later.
  for (const TestScenario scenario : {TestScenario::MultiStream, TestScenario::Server}) {
    TestSettings s = Settings(scenario);
    s.sample_concatenate_permutation = true;
    EXPECT_EQ(Plan(s).min_query_count, 100u);
  }
}

TEST(RunPlanTest, TakesSampleCountsFromOverridesUnclamped) {
  TestSettings s = Settings(TestScenario::SingleStream);
  s.performance_sample_count_override = 5000;
  s.accuracy_sample_count_override = 6000;
  const RunPlan plan = Plan(s, 10, 0);
  EXPECT_EQ(plan.performance_sample_count, 5000u);
  EXPECT_EQ(plan.accuracy_sample_count, 6000u);
}

TEST(RunPlanTest, CopiesWhatNeedsNoDecision) {
  TestSettings s = Settings(TestScenario::SingleStream, TestMode::SubmissionRun);
  s.qsl_rng_seed = 1;
  s.sample_index_rng_seed = 2;
  s.schedule_rng_seed = 3;
  s.accuracy_log_rng_seed = 4;
  s.accuracy_log_probability = 0.25;
  s.print_timestamps = true;
  s.performance_issue_same = true;
  s.performance_issue_same_index = 5;
  s.use_token_latencies = true;
  s.server_ttft_latency = 6;
  s.server_tpot_latency = 7;
  s.infer_token_latencies = true;
  s.token_latency_scaling_factor = 8;
  const RunPlan plan = Plan(s);
  EXPECT_EQ(plan.mode, TestMode::SubmissionRun);
  EXPECT_EQ(plan.qsl_rng_seed, 1u);
  EXPECT_EQ(plan.sample_index_rng_seed, 2u);
  EXPECT_EQ(plan.schedule_rng_seed, 3u);
  EXPECT_EQ(plan.accuracy_log_rng_seed, 4u);
  EXPECT_EQ(plan.accuracy_log_probability, 0.25);
  EXPECT_EQ(plan.accuracy_log_effective_probability, 0.25);
  EXPECT_TRUE(plan.print_timestamps);
  EXPECT_FALSE(plan.performance_issue_unique);
  EXPECT_TRUE(plan.performance_issue_same);
  EXPECT_EQ(plan.performance_issue_same_index, 5u);
  EXPECT_TRUE(plan.use_token_latencies);
  EXPECT_EQ(plan.ttft_latency_ns, 6u);
  EXPECT_EQ(plan.tpot_latency_ns, 7u);
  EXPECT_TRUE(plan.infer_token_latencies);
  EXPECT_EQ(plan.token_latency_scaling_factor, 8u);
}

TEST(RunPlanTest, TokenModeRequiresFirstTokensInEveryScenarioButOffline) {
  for (const TestScenario scenario : {TestScenario::SingleStream, TestScenario::MultiStream,
                                      TestScenario::Server, TestScenario::Offline}) {
    for (const TestMode mode : {TestMode::PerformanceOnly, TestMode::AccuracyOnly}) {
      TestSettings s = Settings(scenario, mode);
      EXPECT_FALSE(Plan(s).RequiresFirstTokens());
      s.use_token_latencies = true;
      EXPECT_EQ(Plan(s).RequiresFirstTokens(), scenario != TestScenario::Offline);
    }
  }
}

TEST(RunPlanTest, TurnsSamplingTargetIntoProbability) {
  struct Case {
    TestScenario scenario;
    uint64_t min_duration_ms;
    uint64_t min_query_count;
    double expected;  // For a target of 50, at 100 queries or samples a second.
  };
  const std::vector<Case> kCases = {
      {TestScenario::SingleStream, 0, 200, 50.0 / 200},
      {TestScenario::SingleStream, 3000, 200, 50.0 / 300},
      {TestScenario::Server, 2995, 200, 50.0 / 299},
      {TestScenario::MultiStream, 0, 200, 50.0 / 800},
      {TestScenario::MultiStream, 3000, 200, 50.0 / 1200},
      {TestScenario::Offline, 0, 200, 50.0 / 200},
      {TestScenario::Offline, 3000, 200, 50.0 / 330},
  };
  for (const Case& c : kCases) {
    TestSettings s = Settings(c.scenario);
    s.single_stream_expected_latency_ns = 1e7;
    s.multi_stream_expected_latency_ns = 1e7;
    s.multi_stream_samples_per_query = 4;
    s.server_target_qps = 100;
    s.offline_expected_qps = 100;
    s.min_duration_ms = c.min_duration_ms;
    s.min_query_count = c.min_query_count;
    s.accuracy_log_probability = kNan;  // Replaced by the target, hence not refused.
    s.accuracy_log_sampling_target = 50;
    EXPECT_EQ(Plan(s).accuracy_log_effective_probability, c.expected) << c.expected;
  }
}

TEST(RunPlanTest, LogsEverythingIfNothingIsExpected) {
  TestSettings s = Settings(TestScenario::SingleStream);
  s.performance_issue_unique = true;
  s.min_query_count = 0;
  s.accuracy_log_sampling_target = 50;
  EXPECT_EQ(Plan(s).accuracy_log_effective_probability, 1);
}

TEST(RunPlanTest, CountsDoNotOverflow) {
  TestSettings s = Settings(TestScenario::MultiStream, TestMode::AccuracyOnly);
  s.min_query_count = kMaxUint64;
  EXPECT_EQ(Plan(s).min_sample_count, kMaxUint64);
  s = Settings(TestScenario::SingleStream, TestMode::AccuracyOnly);
  s.sample_concatenate_permutation = true;
  s.single_stream_expected_latency_ns = 1e-300;
  s.min_duration_ms = 1000;
  EXPECT_EQ(Plan(s, 10, 10).min_query_count, kMaxUint64);
}

// ---- Remarks -----------------------------------------------------------------------------------

TEST(RunPlanTest, RemarksThatUniqueAndSameExcludeEachOther) {
  TestSettings s = Settings(TestScenario::Server);
  s.performance_issue_unique = true;
  s.performance_issue_same = true;
  const RunPlan plan = Plan(s);
  ASSERT_EQ(plan.remarks.size(), 1u);
  EXPECT_EQ(plan.remarks[0].key, "error_invalid_test_settings");
  EXPECT_EQ(plan.remarks[0].text,
            "Performance_issue_unique and performance_issue_same, both cannot be true at the same "
            "time. performance_issue_unique: 1 performance_issue_same: 1");
  EXPECT_TRUE(plan.remarks[0].is_error);
}

TEST(RunPlanTest, RemarksOnACountThatTheLibraryDoesNotHave) {
  const auto remarks = [](const TestSettings& settings) {
    std::string text;
    for (const PlanRemark& remark : MakeRunPlan(settings, 100, 50).remarks) {
      EXPECT_EQ(remark.key, "warning_generic_message");
      EXPECT_FALSE(remark.is_error);
      text += remark.text + "\n";
    }
    return text;
  };
  TestSettings s = Settings(TestScenario::Offline, TestMode::SubmissionRun);
  s.performance_sample_count_override = s.accuracy_sample_count_override = 100;
  EXPECT_EQ(remarks(s), "");
  s.performance_sample_count_override = s.accuracy_sample_count_override = 101;
  const std::string rest =
      " is 101, and the library has 100 samples: it counts as 100; set it to at most that\n";
  const std::string accuracy = "accuracy_sample_count_override" + rest;
  const std::string performance = "performance_sample_count_override" + rest;
  EXPECT_EQ(remarks(s), performance + accuracy);
  s.mode = TestMode::AccuracyOnly;
  EXPECT_EQ(remarks(s), accuracy);
  s.mode = TestMode::PerformanceOnly;
  EXPECT_EQ(remarks(s), performance);
  s.config_origins["performance_sample_count_override"] = "user.conf:1";
  EXPECT_EQ(remarks(s), "") << "a file may be for libraries of several sizes";
}

TEST(RunPlanTest, LeavesAPeakSearchOfOtherScenariosToTheTest) {
  TestSettings s = Settings(TestScenario::Offline, TestMode::FindPeakPerformance);
  s.server_find_peak_qps_boundary_step_size = 0;
  EXPECT_NO_THROW(Plan(s));
}

// ---- Refusals ----------------------------------------------------------------------------------

using Change = std::function<void(TestSettings*)>;

struct Refusal {
  TestScenario scenario;
  Change change;
  std::string message_begin;  // The setting and its value.
  uint64_t total = 1024;
  uint64_t performance = 128;
};

void ExpectRefused(const Refusal& c) {
  TestSettings s = Settings(c.scenario);
  c.change(&s);
  try {
    Plan(s, c.total, c.performance);
    ADD_FAILURE() << "not refused: " << c.message_begin;
  } catch (const SettingsError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with(c.message_begin + ": ")) << message;
    EXPECT_GT(message.size(), c.message_begin.size() + 15) << "no fix: " << message;
  }
}

constexpr auto kSingle = TestScenario::SingleStream;
constexpr auto kMulti = TestScenario::MultiStream;
constexpr auto kServer = TestScenario::Server;
constexpr auto kOffline = TestScenario::Offline;

TEST(RunPlanTest, RefusesLibrariesAndCounts) {
  const Change nothing = [](TestSettings*) {};
  const std::vector<Refusal> kCases = {
      {kSingle, nothing, "the library's total sample count is 0", 0, 128},
      {kSingle, nothing, "the library's total sample count is 4294967296", k2To32, 1},
      {kSingle, nothing, "the library's performance sample count is 0", 10, 0},
      {kSingle, [](TestSettings* s) { s->mode = TestMode::SubmissionRun; },
       "the library's performance sample count is 0", 10, 0},
      {kSingle, nothing, "the library's performance sample count is 4294967296", 10, k2To32},
      {kSingle, [](TestSettings* s) { s->performance_sample_count_override = k2To32; },
       "performance_sample_count_override is 4294967296"},
      {kSingle, [](TestSettings* s) { s->scenario = static_cast<TestScenario>(9); },
       "scenario is 9"},
      {kSingle, [](TestSettings* s) { s->mode = static_cast<TestMode>(-1); }, "mode is -1"},
      {kSingle, [](TestSettings* s) { s->min_query_count = 0; }, "min_query_count is 0"},
      {kMulti, [](TestSettings* s) { s->min_query_count = 0; }, "min_query_count is 0"},
      {kServer, [](TestSettings* s) { s->min_query_count = 0; }, "min_query_count is 0"},
      {kOffline, [](TestSettings* s) { s->min_query_count = 0; }, "min_query_count is 0"},
      {kOffline,
       [](TestSettings* s) {
         s->min_query_count = 0;
         s->min_duration_ms = 600000;
         s->offline_expected_qps = 0;
       },
       "min_query_count is 0"},
      {kMulti,
       [](TestSettings* s) {
         s->min_query_count = 0;
         s->sample_concatenate_permutation = true;
       },
       "min_query_count is 0"},
      {kServer, [](TestSettings* s) { s->min_query_count = kMaxUint64; },
       "min_query_count is 18446744073709551615"},
      {kOffline, [](TestSettings* s) { s->min_query_count = k2To32; },
       "samples_per_query is 4294967296"},
      {kOffline,
       [](TestSettings* s) {
         s->min_duration_ms = 600000;
         s->offline_expected_qps = 1e300;
       },
       "samples_per_query is 18446744073709551615"},
      {kSingle,
       [](TestSettings* s) {
         s->sample_concatenate_permutation = true;
         s->min_duration_ms = 600000;
         s->single_stream_expected_latency_ns = 1e-6;
       },
       "single_stream_expected_latency_ns is 1e-06"},
      {kMulti, [](TestSettings* s) { s->multi_stream_samples_per_query = 0; },
       "multi_stream_samples_per_query is 0"},
      {kMulti, [](TestSettings* s) { s->multi_stream_samples_per_query = 2147483649; },
       "multi_stream_samples_per_query is 2147483649"},
      {kServer, [](TestSettings* s) { s->server_num_issue_query_threads = 1025; },
       "server_num_issue_query_threads is 1025"},
  };
  for (const Refusal& c : kCases) ExpectRefused(c);
}

TEST(RunPlanTest, RefusesPercentilesOutsideZeroToOne) {
  for (const auto& [value, text] : std::vector<std::pair<double, std::string>>{
           {0, "0"}, {1, "1"}, {99, "99"}, {-0.5, "-0.5"}, {kNan, "nan"}, {kInf, "inf"}}) {
    const double v = value;
    ExpectRefused({kSingle,
                   [v](TestSettings* s) { s->single_stream_target_latency_percentile = v; },
                   "single_stream_target_latency_percentile is " + text});
    ExpectRefused({kMulti, [v](TestSettings* s) { s->multi_stream_target_latency_percentile = v; },
                   "multi_stream_target_latency_percentile is " + text});
    ExpectRefused({kServer, [v](TestSettings* s) { s->server_target_latency_percentile = v; },
                   "server_target_latency_percentile is " + text});
  }
}

// 36 years are the longest that a test may last.
TEST(RunPlanTest, RefusesRatesAtWhichNoTestCanEnd) {
  const Change tiny = [](TestSettings* s) { s->server_target_qps = 1e-300; };
  const Change tiny_accuracy = [](TestSettings* s) {
    s->server_target_qps = 1e-300;
    s->mode = TestMode::AccuracyOnly;
  };
  ExpectRefused({kServer, tiny, "server_target_qps is 1e-300"});
  ExpectRefused({kServer, tiny_accuracy, "server_target_qps is 1e-300"});
  TestSettings settings;
  settings.scenario = TestScenario::Server;
  settings.server_target_qps = 1e-300;
  settings.max_duration_ms = 500;
  EXPECT_EQ(MakeRunPlan(settings, 10, 10).target_qps, 1e-300);  // It ends by that.
  settings.max_duration_ms = 0;
  settings.mode = TestMode::FindPeakPerformance;
  settings.server_find_peak_strategy = PeakStrategy::Estimate;
  EXPECT_NO_THROW(MakeRunPlan(settings, 10, 10));  // Which does not begin there.
}

TEST(RunPlanTest, RefusesRatesAndLatenciesThatAreNone) {
  for (const auto& [value, text] : std::vector<std::pair<double, std::string>>{
           {0, "0"}, {-5, "-5"}, {kNan, "nan"}, {kInf, "inf"}, {-kInf, "-inf"}}) {
    const double v = value;
    ExpectRefused({kSingle, [v](TestSettings* s) { s->single_stream_expected_latency_ns = v; },
                   "single_stream_expected_latency_ns is " + text});
    ExpectRefused({kMulti, [v](TestSettings* s) { s->multi_stream_expected_latency_ns = v; },
                   "multi_stream_expected_latency_ns is " + text});
    ExpectRefused({kServer, [v](TestSettings* s) { s->server_target_qps = v; },
                   "server_target_qps is " + text});
    ExpectRefused({kServer,
                   [v](TestSettings* s) {
                     s->mode = TestMode::FindPeakPerformance;
                     s->server_find_peak_qps_boundary_step_size = v;
                   },
                   "server_find_peak_qps_boundary_step_size is " + text});
    if (v == 0) continue;
    ExpectRefused({kOffline, [v](TestSettings* s) { s->offline_expected_qps = v; },
                   "offline_expected_qps is " + text});
  }
  ExpectRefused({kServer, [](TestSettings* s) { s->server_target_qps = 1e300; },
                 "server_target_qps is 1e+300"});
}

TEST(RunPlanTest, RefusesPeakSearchPrecision) {
  for (const int decimals : {-1, 16}) {
    ExpectRefused({kServer,
                   [=](TestSettings* s) {
                     s->mode = TestMode::FindPeakPerformance;
                     s->server_find_peak_qps_decimals_of_precision = decimals;
                   },
                   "server_find_peak_qps_decimals_of_precision is " + std::to_string(decimals)});
  }
}

TEST(RunPlanTest, RefusesProbabilitiesOutsideZeroToOne) {
  for (const auto& [value, text] :
       std::vector<std::pair<double, std::string>>{{-0.1, "-0.1"}, {1.5, "1.5"}, {kNan, "nan"}}) {
    const double v = value;
    ExpectRefused({kServer, [v](TestSettings* s) { s->accuracy_log_probability = v; },
                   "accuracy_log_probability is " + text});
  }
}

TEST(RunPlanTest, RefusesDurationsThatNanosecondsCannotHold) {
  const Change minimum = [](TestSettings* s) { s->min_duration_ms = 1152921504607; };
  const Change maximum = [](TestSettings* s) { s->max_duration_ms = kMaxUint64; };
  for (const TestMode mode : {TestMode::PerformanceOnly, TestMode::AccuracyOnly}) {
    const auto in_mode = [mode](const Change& change) {
      return [=](TestSettings* s) {
        s->mode = mode;
        change(s);
      };
    };
    ExpectRefused({kServer, in_mode(minimum), "min_duration_ms is 1152921504607"});
    ExpectRefused({kServer, in_mode(maximum), "max_duration_ms is 18446744073709551615"});
  }
}

TEST(RunPlanTest, RefusesToRepeatASampleThatIsNotLoaded) {
  const auto same = [](uint64_t index, uint64_t override_count = 0,
                       TestMode mode = TestMode::PerformanceOnly) {
    return [=](TestSettings* s) {
      s->mode = mode;
      s->performance_issue_same = true;
      s->performance_issue_same_index = index;
      s->performance_sample_count_override = override_count;
    };
  };
  const std::string kName = "performance_issue_same_index is ";
  ExpectRefused({kSingle, same(50), kName + "50", 10, 10});
  ExpectRefused({kSingle, same(10), kName + "10", 20, 10});
  ExpectRefused({kOffline, same(10, 100), kName + "10", 10, 10});
  ExpectRefused({kServer, same(1000000000000), kName + "1000000000000", 10, 10});
  // 10 samples in sets of 4: the last set has 2.
  ExpectRefused({kSingle, same(2, 4, TestMode::AccuracyOnly), kName + "2", 10, 10});
  ExpectRefused({kSingle, same(2, 4, TestMode::SubmissionRun), kName + "2", 10, 10});
  for (const auto& [change, performance] :
       std::vector<std::pair<Change, uint64_t>>{{same(9), 10},
                                                {same(3, 4), 10},
                                                {same(1, 4, TestMode::SubmissionRun), 10},
                                                {same(4, 5, TestMode::AccuracyOnly), 10},
                                                {same(9, 0, TestMode::AccuracyOnly), 0}}) {
    TestSettings s = Settings(kSingle);
    change(&s);
    EXPECT_NO_THROW(Plan(s, 10, performance));
  }
}

// ---- What is not refused -----------------------------------------------------------------------

// Makes every setting bad that scenarios other than `used` have for themselves.
void SpoilOtherScenarios(TestScenario used, TestSettings* s) {
  if (used != kSingle) {
    s->single_stream_expected_latency_ns = kNan;
    s->single_stream_target_latency_percentile = 99;
  }
  if (used != kMulti) {
    s->multi_stream_expected_latency_ns = 0;
    s->multi_stream_target_latency_percentile = kNan;
    s->multi_stream_samples_per_query = 0;
  }
  if (used != kServer) {
    s->server_target_qps = -5;
    s->server_target_latency_percentile = 0;
    s->server_num_issue_query_threads = kMaxUint64;
  }
  if (used != kOffline) s->offline_expected_qps = kInf;
  // Of the peak search, which is not the mode.
  s->server_find_peak_qps_boundary_step_size = 0;
  s->server_find_peak_qps_decimals_of_precision = -1;
  // Of performance_issue_same, which is off.
  s->performance_issue_same_index = kMaxUint64;
}

TEST(RunPlanTest, ChecksOnlyWhatTheScenarioUses) {
  for (const TestScenario scenario : {kSingle, kMulti, kServer, kOffline}) {
    for (const TestMode mode :
         {TestMode::PerformanceOnly, TestMode::AccuracyOnly, TestMode::SubmissionRun}) {
      TestSettings s = Settings(scenario, mode);
      SpoilOtherScenarios(scenario, &s);
      EXPECT_NO_THROW(Plan(s));
    }
  }
}

TEST(RunPlanTest, ChecksOnlyWhatAccuracyUses) {
  for (const TestScenario scenario : {kSingle, kMulti, kServer, kOffline}) {
    TestSettings s = Settings(scenario, TestMode::AccuracyOnly);
    s.single_stream_target_latency_percentile = 99;
    s.multi_stream_target_latency_percentile = 99;
    s.server_target_latency_percentile = 99;
    s.accuracy_log_probability = kNan;
    for (const uint64_t min_query_count : {uint64_t{0}, kMaxUint64}) {
      s.min_query_count = min_query_count;
      EXPECT_EQ(Plan(s, 10, 0).performance_sample_count, 0u);
    }
  }
}

TEST(RunPlanTest, AllowsNoMinimumWhereSomethingElseMakesQueries) {
  for (const TestScenario scenario : {kSingle, kMulti, kServer, kOffline}) {
    TestSettings unique = Settings(scenario);
    unique.min_query_count = 0;
    unique.performance_issue_unique = true;
    EXPECT_NO_THROW(Plan(unique));
    TestSettings timed = Settings(scenario);
    timed.min_query_count = 0;
    timed.min_duration_ms = 1000;
    EXPECT_NO_THROW(Plan(timed));
  }
}

TEST(RunPlanTest, AllowsTheLimitsThemselves) {
  TestSettings s = Settings(kServer, TestMode::FindPeakPerformance);
  s.min_duration_ms = 1152921504606;
  s.max_duration_ms = 1152921504606;
  s.server_target_qps = 1e9;
  s.server_find_peak_qps_decimals_of_precision = 15;
  s.accuracy_log_probability = 1;
  s.min_query_count = uint64_t{1} << 36;
  EXPECT_NO_THROW(Plan(s, k2To32 - 1, k2To32 - 1));
  s = Settings(kMulti);
  s.multi_stream_samples_per_query = uint64_t{1} << 31;
  EXPECT_EQ(Plan(s).min_sample_count, 100 * (uint64_t{1} << 31));
  s = Settings(kOffline);
  s.min_query_count = k2To32 - 1;
  EXPECT_EQ(Plan(s).samples_per_query, k2To32 - 1);
}

// ---- Settings without an effect ----------------------------------------------------------------

TEST(UnusedSettingsTest, AreThoseOfOtherScenariosThatTheProgramHasSet) {
  TestSettings s = Settings(TestScenario::Offline);
  EXPECT_TRUE(UnusedSettings(s).empty()) << "defaults";
  s.server_target_qps = 500;
  s.server_pacing = Pacing::Spin;
  s.server_ttft_latency = 7;
  s.offline_expected_qps = 9;
  EXPECT_EQ(UnusedSettings(s),
            (std::vector<std::string>{
                "server_target_qps = 500 is not used: it belongs to Server, and the scenario is "
                "Offline; change that, or leave it at its default",
                "ttft_latency = 7 is not used: it belongs to Server, and the scenario is Offline; "
                "change that, or leave it at its default",
                "server_pacing = Spin is not used: it belongs to Server, and the scenario is "
                "Offline; change that, or leave it at its default"}));
  s.scenario = TestScenario::Server;
  s.offline_expected_qps = 1;
  EXPECT_EQ(UnusedSettings(s),
            std::vector<std::string>{"ttft_latency = 7 is not used: it belongs to "
                                     "use_token_latencies, which is off; change that, or leave it "
                                     "at its default"});
}

TEST(UnusedSettingsTest, AreThoseOfOtherModesUnlessTheyAskForNothing) {
  TestSettings s = Settings(TestScenario::SingleStream, TestMode::AccuracyOnly);
  s.min_duration_ms = 0;  // There is no minimum anyway.
  s.warmup_query_count = 10;
  EXPECT_EQ(UnusedSettings(s),
            std::vector<std::string>{
                "warmup_query_count = 10 is not used: it belongs to performance runs, and the mode "
                "is AccuracyOnly; change that, or leave it at its default"});
}

TEST(UnusedSettingsTest, AreNoneThatAConfigFileHasSet) {
  TestSettings s = Settings(TestScenario::Offline);
  s.FromConfig("", "resnet50", "Offline", 0);
  EXPECT_NE(s.server_target_latency_ns, TestSettings().server_target_latency_ns);
  EXPECT_TRUE(UnusedSettings(s).empty());
}

// ---- The Offline probe -------------------------------------------------------------------------

TEST(OfflineProbeTest, IsOfPerformancePhasesWhoseQueryHasASizeToChoose) {
  TestSettings s = Settings(TestScenario::Offline, TestMode::SubmissionRun);
  s.offline_probe_duration_ms = 70;
  EXPECT_EQ(Plan(s).offline_probe_duration_ms, 70u);
  s.performance_issue_unique = true;
  EXPECT_EQ(Plan(s).offline_probe_duration_ms, 0u);
  s.performance_issue_unique = false;
  s.mode = TestMode::AccuracyOnly;
  EXPECT_EQ(Plan(s).offline_probe_duration_ms, 0u);
}

TEST(OfflineProbeTest, HasSamplesOfItsOwn) {
  TestSettings s = Settings(TestScenario::Offline);
  s.warmup_query_count = 5;
  const RunPlan plan = Plan(s);
  const RunPlan probe = OfflineProbePlan(plan, 64);
  EXPECT_EQ(probe.samples_per_query, 64u);
  EXPECT_NE(probe.sample_index_rng_seed, plan.sample_index_rng_seed);
  EXPECT_NE(probe.sample_index_rng_seed, WarmUpPlan(plan).sample_index_rng_seed);
}

TEST(OfflineProbeTest, MakesTheQueryAThirdLongerThanItMustBe) {
  EXPECT_EQ(OfflineQpsFor(1000, 600000), 1200);
  EXPECT_EQ(OfflineQpsFor(1234.5, 600000), 1490);
  EXPECT_DOUBLE_EQ(OfflineQpsFor(0.123, 600000), 0.148);
  // No more than one query holds.
  const double most = OfflineQpsFor(1e9, 600000);
  EXPECT_LE(1.1 * 600 * most, 4294967295.0);
  EXPECT_GT(1.1 * 600 * most, 4294960000.0);
}

TEST(RunPlanTest, OnlyOfflineWithTheDefaultTimeoutGoesByThePaceOfTheSystem) {
  TestSettings settings;
  for (const TestScenario scenario : {TestScenario::SingleStream, TestScenario::MultiStream,
                                      TestScenario::Server, TestScenario::Offline}) {
    settings.scenario = scenario;
    settings.stall_timeout_ms = TestSettings().stall_timeout_ms;
    EXPECT_EQ(MakeRunPlan(settings, 10, 10).stall_counts_from_issue,
              scenario != TestScenario::Offline);
    settings.stall_timeout_ms = 7'200'000;
    EXPECT_TRUE(MakeRunPlan(settings, 10, 10).stall_counts_from_issue);
    TestSettings from_file = settings;
    from_file.stall_timeout_ms = TestSettings().stall_timeout_ms;
    from_file.config_origins["stall_timeout_ms"] = "user.conf:1";
    EXPECT_TRUE(MakeRunPlan(from_file, 10, 10).stall_counts_from_issue);
  }
}

}  // namespace
}  // namespace mlperf::loadgen
