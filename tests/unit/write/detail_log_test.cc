// Goal: the detail log begins with the reference's keys in the reference's order: of the test, of
// what was asked for and of what was decided.
// Method: key lists typed from the log format; records parsed back from the written lines with a
// strict parser, and their values compared with what was put in.
#include "write/detail_log.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "helpers/written_detail_log.h"
#include "write/version.h"

namespace mlperf::loadgen {
namespace {

TEST_F(DetailLogTest, Header) {
  detail_.WriteHeader({"a \"SUT\"", 57, "QDL\n", 20, 10}, "2026-11-20T02:55:54Z", kNow);
  Strings expected = Words(
      "loadgen_version loadgen_build_date_local loadgen_build_date_utc loadgen_git_commit_date "
      "loadgen_git_log_message loadgen_git_status_message");
  const bool dirty = !GitStatusMessage().empty() && GitStatusMessage() != "NA";
  if (dirty) expected.push_back("error_uncommitted_loadgen_changes");
  expected = expected + Words(
                            "loadgen_file_sha1 test_datetime sut_name get_sut_name_duration_ns "
                            "qsl_name qsl_reported_total_count qsl_reported_performance_count");
  EXPECT_EQ(Keys(), expected);
  EXPECT_EQ(Complaints().size(), dirty ? 1u : 0u);
  ExpectValues({{"loadgen_version", std::string(Version())},
                {"loadgen_git_log_message", std::string(GitLogMessage())},
                {"test_datetime", "2026-11-20T02:55:54Z"},
                {"sut_name", "a \"SUT\""},
                {"get_sut_name_duration_ns", "57"},
                {"qsl_name", "QDL\n"},
                {"qsl_reported_total_count", "20"},
                {"qsl_reported_performance_count", "10"}});
  for (const Json& record : Records()) {
    EXPECT_EQ(record["time_ms"].text, "2.500000");
    if (record["key"].text != "loadgen_file_sha1") continue;
    EXPECT_EQ(record["value"].kind, Json::Kind::kObject);
    EXPECT_EQ(record["value"].keys.size(), FileSha1s().size());
  }
}

TEST_F(DetailLogTest, ConfigDiagnostics) {
  using Severity = ConfigDiagnostic::Severity;
  const std::vector<ConfigDiagnostic> diagnostics = {
      {Severity::kError, "user.conf", 0, "can't open file user.conf"},
      {Severity::kError, "user.conf", 3, "expected 'key=value', line=3"},
      {Severity::kError, "user.conf", 4, "Invalid value passed to Mode key in config."},
      {Severity::kWarning, "user.conf", 0, "odd file"}};
  detail_.WriteConfigDiagnostics(diagnostics, kNow);
  EXPECT_EQ(Keys(), Words("error_invalid_config error_invalid_config error_invalid_config "
                          "warning_generic_message"));
  EXPECT_EQ(Complaints(),
            (Strings{"E can't open file user.conf", "E expected 'key=value', line=3 (user.conf)",
                     "E Invalid value passed to Mode key in config. (user.conf, line 4)",
                     "W odd file (user.conf)"}));
}

const std::map<TestScenario, std::string> kRequestedOfScenario = {
    {TestScenario::SingleStream,
     "single_stream_expected_latency_ns single_stream_target_latency_percentile"},
    {TestScenario::MultiStream,
     "multi_stream_expected_latency_ns multi_stream_target_latency_percentile "
     "multi_stream_samples_per_query"},
    {TestScenario::Server,
     "server_target_qps server_target_latency_ns server_target_latency_percentile "
     "server_coalesce_queries server_find_peak_qps_decimals_of_precision "
     "server_find_peak_qps_boundary_step_size server_max_async_queries "
     "server_num_issue_query_threads"},
    {TestScenario::Offline, "offline_expected_qps"}};

const char kRequestedOfAll[] =
    "min_duration_ms max_duration_ms min_query_count max_query_count qsl_rng_seed "
    "sample_index_rng_seed schedule_rng_seed accuracy_log_rng_seed accuracy_log_probability "
    "accuracy_log_sampling_target print_timestamps performance_issue_unique "
    "performance_issue_same performance_issue_same_index performance_sample_count_override "
    "accuracy_sample_count_override sample_concatenate_permutation";

class RequestedTest : public DetailLogTest,
                      public testing::WithParamInterface<std::tuple<TestScenario, bool>> {};

TEST_P(RequestedTest, KeysAndOrder) {
  const auto [scenario, tokens] = GetParam();
  TestSettings settings;
  settings.scenario = scenario;
  settings.use_token_latencies = tokens;
  settings.infer_token_latencies = true;
  settings.test05 = true;
  detail_.WriteRequestedSettings(settings, kNow);
  std::string expected =
      "scenario test_mode " + kRequestedOfScenario.at(scenario) + " " + kRequestedOfAll;
  if (tokens) expected += " use_token_latencies";
  if (tokens && scenario != TestScenario::Offline) {
    expected += " server_ttft_latency server_tpot_latency";
  }
  EXPECT_EQ(Keys(), Words(expected, "requested_"));
}

INSTANTIATE_TEST_SUITE_P(All, RequestedTest,
                         testing::Combine(testing::ValuesIn(kScenarios), testing::Bool()));

TEST_F(DetailLogTest, RequestedValuesOfEveryType) {
  TestSettings settings;
  settings.scenario = TestScenario::Server;
  settings.mode = TestMode::FindPeakPerformance;
  settings.server_target_qps = 1e6;
  settings.server_find_peak_qps_decimals_of_precision = -1;
  settings.qsl_rng_seed = UINT64_MAX;
  settings.performance_issue_same = true;
  detail_.WriteRequestedSettings(settings, kNow);
  ExpectValues({{"requested_scenario", "Server"},
                {"requested_test_mode", "FindPeakPerformance"},
                {"requested_server_target_qps", "1e+06"},
                {"requested_server_target_latency_percentile", "0.99"},
                {"requested_server_find_peak_qps_decimals_of_precision", "-1"},
                {"requested_qsl_rng_seed", "18446744073709551615"},
                {"requested_performance_issue_same", "true"},
                {"requested_performance_issue_unique", "false"}});
}

TEST_F(DetailLogTest, EffectiveSettings) {
  RunPlan plan;
  plan.scenario = TestScenario::Offline;
  plan.mode = TestMode::AccuracyOnly;
  plan.target_qps = 1000.7;
  plan.samples_per_query = 11007;
  plan.min_sample_count = 12;
  plan.target_duration_ms = 0;
  plan.min_duration_ms = 10000;
  plan.remarks = {{"error_invalid_test_settings", "Invalid value", true},
                  {"warning_generic_message", "odd", false}};
  detail_.WriteRemarks(plan, kNow);
  detail_.WriteEffectiveSettings(plan, kNow);
  EXPECT_EQ(Keys(),
            (Strings{"error_invalid_test_settings", "warning_generic_message"} +
             Words("scenario test_mode samples_per_query target_qps target_latency_ns "
                   "target_latency_percentile max_async_queries target_duration_ms min_duration_ms "
                   "max_duration_ms min_query_count max_query_count min_sample_count qsl_rng_seed "
                   "sample_index_rng_seed schedule_rng_seed accuracy_log_rng_seed "
                   "accuracy_log_probability accuracy_log_sampling_target print_timestamps "
                   "performance_issue_unique performance_issue_same performance_issue_same_index "
                   "performance_sample_count accuracy_sample_count sample_concatenate_permutation",
                   "effective_")));
  EXPECT_EQ(Complaints(), (Strings{"E Invalid value", "W odd"}));
  ExpectValues({{"effective_scenario", "Offline"},
                {"effective_test_mode", "AccuracyOnly"},
                {"effective_target_qps", "1000.7"},
                {"effective_samples_per_query", "11007"},
                {"effective_min_sample_count", "12"},
                {"effective_target_duration_ms", "0"},
                {"effective_min_duration_ms", "10000"}});
}

TEST_F(DetailLogTest, SingleRecords) {
  detail_.Message("Starting performance mode", kNow);
  detail_.Warning("odd", kNow);
  detail_.Error("error_invalid_config", "bad", kNow);
  EXPECT_EQ(Keys(), Words("generic_message warning_generic_message error_invalid_config"));
  EXPECT_EQ(Complaints(), (Strings{"W odd", "E bad"}));
}

}  // namespace
}  // namespace mlperf::loadgen
