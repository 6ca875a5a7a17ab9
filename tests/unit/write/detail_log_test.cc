// Goal: the detail log has the reference's keys in the reference's order with the right values, in
// every scenario and mode, and says how issuing ended and which promises were broken.
// Method: key lists typed from the log format; records parsed back from the written lines with a
// strict parser, and their values compared with what was put in.
#include "write/detail_log.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "helpers/json_check.h"
#include "helpers/record_builder.h"
#include "helpers/test_file.h"
#include "write/version.h"

namespace mlperf::loadgen {
namespace {

using Strings = std::vector<std::string>;

constexpr TestScenario kScenarios[] = {TestScenario::SingleStream, TestScenario::MultiStream,
                                       TestScenario::Server, TestScenario::Offline};
constexpr int64_t kOrigin = 1'000'000;
constexpr int64_t kNow = kOrigin + 2'500'000;

// Words of a text, each behind a prefix.
Strings Words(const std::string& text, const std::string& prefix = "") {
  std::istringstream stream(text);
  Strings words;
  for (std::string word; stream >> word;) words.push_back(prefix + word);
  return words;
}

Strings operator+(Strings a, const Strings& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class DetailLogTest : public testing::Test {
 protected:
  std::vector<Json> Records() {
    file_.Flush();
    return ParseMlLog(path_.Read());
  }
  Strings Keys() {
    Strings keys;
    for (const Json& record : Records()) keys.push_back(record["key"].text);
    return keys;
  }
  // The value of the record `key`; "none" if there is none.
  std::string Value(const std::string& key) {
    for (const Json& record : Records()) {
      if (record["key"].text == key) return record["value"].text;
    }
    return "none";
  }
  // "E " or "W " and the text of each error or warning.
  Strings Complaints() {
    Strings texts;
    for (const Json& record : Records()) {
      const Json& metadata = record["metadata"];
      if (metadata["is_error"].text == "true") texts.push_back("E " + record["value"].text);
      if (metadata["is_warning"].text == "true") texts.push_back("W " + record["value"].text);
    }
    return texts;
  }
  void ExpectValues(const std::map<std::string, std::string>& expected) {
    for (const auto& [key, value] : expected) EXPECT_EQ(Value(key), value) << key;
  }

  TestFile path_;
  OutputFile file_{path_.path()};
  MlLog log_{&file_, kOrigin, false};
  DetailLog detail_{&log_};
};

// ---- The start of a test ----

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

// ---- Sets ----

const char kSetStart[] =
    "generated_query_count generated_samples_per_query generated_query_duration";
const char kSetEnd[] =
    "logger_swap_request_slots_retry_count logger_swap_request_slots_retry_retry_count "
    "logger_swap_request_slots_retry_reencounter_count logger_start_reading_entries_retry_count "
    "logger_tls_total_log_cas_fail_count logger_tls_total_swap_buffers_slot_retry_count "
    "power_begin power_end";

// A set without any fault, of one query that takes 250 ms.
RunRecord CleanSet(StopReason reason) {
  RunRecord record = RecordBuilder().Query(0, 0, {{250'000'000, kNever, 0}}).Build();
  record.issue_ends = {{.reason = reason, .queries_issued = 1}};
  return record;
}

TEST_F(DetailLogTest, CleanSets) {
  detail_.WriteSet(CleanSet(StopReason::kMinimumsMet), kNow);
  detail_.WriteSet(CleanSet(StopReason::kScheduleEnd), kNow);
  EXPECT_EQ(Keys(), Words(kSetStart) + Words("generic_message") + Words(kSetEnd) +
                        Words(kSetStart) + Words(kSetEnd));
  EXPECT_EQ(Complaints(), Strings{});
  ExpectValues({{"generic_message", "Ending naturally: Minimum query count and test duration met."},
                {"logger_swap_request_slots_retry_count", "0"}});
}

TEST_F(DetailLogTest, SetValues) {
  RunRecord record = CleanSet(StopReason::kScheduleEnd);
  record.generated = {100, 8, -5};
  record.system_start_ns = 1'795'143'064'893'931'750;  // 2026-11-20 02:51:04.893 UTC.
  detail_.WriteLoadedSet(std::vector<uint64_t>{3, 1, 2}, kNow);
  detail_.WriteSet(record, kNow);
  ExpectValues({{"generated_query_count", "100"},
                {"generated_samples_per_query", "8"},
                {"generated_query_duration", "-5"},
                {"power_begin", "11-20-2026 02:51:04.893"},
                {"power_end", "11-20-2026 02:51:05.143"}});
  file_.Flush();
  EXPECT_NE(path_.Read().find("\"loaded_qsl_set\", \"value\": [3,1,2], "), std::string::npos);
}

TEST_F(DetailLogTest, EmptySetBeginsAndEndsAtOnce) {
  detail_.WriteSet(RunRecord{}, kNow);
  EXPECT_EQ(Value("power_begin"), "01-01-1970 00:00:00.000");
  EXPECT_EQ(Value("power_end"), "01-01-1970 00:00:00.000");
  EXPECT_EQ(Complaints(), Strings{});
}

struct EndCase {
  IssueEnd end;
  std::string text;
};

TEST_F(DetailLogTest, EarlyEnds) {
  const std::vector<EndCase> cases = {
      {{StopReason::kMaxQueryCount, 5, 1, 7},
       "E IssueQueryThread 0 Ending early: Max query count reached. query_count 5"},
      {{StopReason::kMaxDuration, 5, 1, 50678646},
       "E IssueQueryThread 0 Ending early: Max test duration reached. duration_ns 50678646"},
      {{StopReason::kTooManyOutstanding, 5, 6, 7},
       "E IssueQueryThread 0 Ending early: Too many outstanding queries. issued 5 outstanding 6"},
      {{StopReason::kSamplesExhausted, 5, 1, 7},
       "E Ending early: Ran out of generated queries to issue before the minimum query count and "
       "test duration were reached."},
      {{StopReason::kAborted, 5, 1, 7}, "E Ending early: the test was aborted."}};
  for (const EndCase& c : cases) {
    RunRecord record = CleanSet(StopReason::kNone);
    record.issue_ends = {c.end};
    const size_t before = Complaints().size();
    detail_.WriteSet(record, kNow);
    const Strings complaints = Complaints();
    ASSERT_EQ(complaints.size(), before + 1) << c.text;
    EXPECT_EQ(complaints.back().substr(0, c.text.size()), c.text);
  }
  EXPECT_EQ(log_.error_count(), cases.size());
}

TEST_F(DetailLogTest, EachIssueThreadSaysHowItEnded) {
  RunRecord record = CleanSet(StopReason::kNone);
  record.issue_ends = {{StopReason::kMaxQueryCount, 5, 0, 0},
                       {StopReason::kScheduleEnd, 4, 0, 0},
                       {StopReason::kMaxQueryCount, 6, 0, 0}};
  detail_.WriteSet(record, kNow);
  EXPECT_EQ(Complaints(),
            (Strings{"E IssueQueryThread 0 Ending early: Max query count reached. query_count 5",
                     "E IssueQueryThread 2 Ending early: Max query count reached. query_count 6"}));
}

TEST_F(DetailLogTest, AnAbortIsSaidOnceAlsoIfIssuingHadEnded) {
  RunRecord record = CleanSet(StopReason::kAborted);
  record.issue_ends.push_back(record.issue_ends[0]);
  detail_.WriteSet(record, kNow);
  EXPECT_EQ(Complaints(), Strings{"E Ending early: the test was aborted."});
  record.issue_ends = {{StopReason::kScheduleEnd, 1, 0, 0}};
  record.aborted = true;
  detail_.WriteSet(record, kNow);
  EXPECT_EQ(Complaints().size(), 2u);
}

TEST(ViolationText, UsesTheReferencesWords) {
  const std::vector<std::pair<Violation, std::string>> cases = {
      {Violation::kDoubleCompletion, "Attempted to complete a sample twice."},
      {Violation::kDoubleFirstToken, "Attempted to complete a sample twice."},
      {Violation::kMissingFirstToken,
       "Attempted to record a sample latency before it's first token latency"},
      {Violation::kLateFirstToken, "Attempted to record token latency after sample was completed"},
      {Violation::kMissingTokenCount,
       "n_tokens argument missing or attempted to record 0 as number of tokens"},
      {Violation::kNegativeTokenCount, "Attempted to record a negative number of tokens"},
      {Violation::kTooFewTokens, "Number of tokens need to be greater than 1"}};
  for (const auto& [kind, text] : cases) EXPECT_TRUE(ViolationText(kind).starts_with(text)) << text;
  std::map<std::string_view, int> texts;
  for (size_t kind = 0; kind < kViolationKinds; ++kind) {
    ++texts[ViolationText(static_cast<Violation>(kind))];
  }
  EXPECT_EQ(texts.size(), kViolationKinds) << "each kind has a text of its own";
}

TEST_F(DetailLogTest, Violations) {
  RunRecord record = CleanSet(StopReason::kScheduleEnd);
  record.violations.first = {{Violation::kDoubleCompletion, 77, 3, 24, kOrigin + 1'000'000},
                             {Violation::kUnknownId, 12345, 0, 0, kOrigin + 2'000'000},
                             {Violation::kDoubleCompletion, 0, 0, 0, kOrigin + 3'000'000}};
  record.violations.counts[static_cast<size_t>(Violation::kDoubleCompletion)] = 7;
  record.violations.counts[static_cast<size_t>(Violation::kUnknownId)] = 1;
  detail_.WriteSet(record, kNow);
  const std::string unknown(ViolationText(Violation::kUnknownId));
  EXPECT_EQ(
      Complaints(),
      (Strings{"E Attempted to complete a sample twice. (query 3, sample 24, response id 77)",
               "E " + unknown + " (response id 12345)", "E Attempted to complete a sample twice.",
               "E Attempted to complete a sample twice. ... and 5 more."}));
  Strings times;
  for (const Json& error : Records()) {
    if (error["key"].text == "error_runtime") times.push_back(error["time_ms"].text);
  }
  EXPECT_EQ(times, (Strings{"1.000000", "2.000000", "3.000000", "2.500000"}));
}

TEST_F(DetailLogTest, IncompleteSamples) {
  RecordBuilder builder(2);
  builder.Query(0, 0, {{10, kNever, 0}, {}}).Gap();
  for (int i = 0; i < 3; ++i) builder.Query(20, 20, {{}, {}});
  RunRecord record = builder.Build();
  record.first_query = 100;
  record.first_sample = 200;
  record.drained_ns = record.start_ns + 50'000'020;
  detail_.WriteSet(record, kNow);
  EXPECT_EQ(
      Complaints(),
      Strings{"E 7 of 8 issued samples (of 4 queries) were never completed, the oldest issued "
              "0.05 s before the end. Complete each sample exactly once with "
              "QuerySamplesComplete. The first of them: sample 201 (query 100, 0.05 s), "
              "sample 204 (query 102, 0.05 s), sample 205 (query 102, 0.05 s), sample 206 "
              "(query 103, 0.05 s), sample 207 (query 103, 0.05 s), sample 208 (query 104, "
              "0.05 s), sample 209 (query 104, 0.05 s)."});
}

TEST_F(DetailLogTest, AStall) {
  RunRecord record = CleanSet(StopReason::kAborted);
  record.stalled_for_ns = 1'500'000'000;
  detail_.WriteSet(record, kNow);
  EXPECT_EQ(Complaints(), Strings{"E Ending early: no sample was completed for 1500 ms while some "
                                  "were outstanding (stall_timeout_ms)."});
}

struct ClockCase {
  Phase phase;
  int64_t run_ns;
  int64_t system_ns;
  std::string severity;
  std::string ratio;
};

TEST_F(DetailLogTest, ClockSanity) {
  constexpr int64_t kMs = 1'000'000;
  const std::vector<ClockCase> cases = {
      {Phase::kPerformance, 1000 * kMs, 1000 * kMs, "", ""},
      {Phase::kPerformance, 10'009 * kMs, 10'000 * kMs, "", ""},
      {Phase::kPerformance, 10'011 * kMs, 10'000 * kMs, "W", "ratio 1.0011,"},
      {Phase::kPerformance, 9'980 * kMs, 10'000 * kMs, "W", "ratio 0.998,"},
      {Phase::kPerformance, 10'101 * kMs, 10'000 * kMs, "E", "ratio 1.0101,"},
      {Phase::kPerformance, 980 * kMs, 1000 * kMs, "E", "ratio 0.98,"},
      {Phase::kPerformance, 1000 * kMs, -5 * kMs, "E", "ratio -200,"},  // Set back.
      {Phase::kPerformance, 1000 * kMs, 0, "E", "ratio inf,"},
      {Phase::kPerformance, 90 * kMs, 99 * kMs, "", ""},  // Too short to tell.
      {Phase::kAccuracy, 980 * kMs, 1000 * kMs, "", ""}};
  for (const ClockCase& c : cases) {
    RunRecord record = CleanSet(StopReason::kScheduleEnd);
    record.phase = c.phase;
    record.drained_ns = record.start_ns + c.run_ns;
    record.system_start_ns = 1'795'143'064'893'931'750;
    record.system_drained_ns = record.system_start_ns + c.system_ns;
    const size_t before = Complaints().size();
    detail_.WriteSet(record, kNow);
    const Strings complaints = Complaints();
    ASSERT_EQ(complaints.size(), before + (c.severity.empty() ? 0 : 1)) << c.run_ns;
    if (c.severity.empty()) continue;
    EXPECT_EQ(complaints.back().substr(0, 1), c.severity);
    EXPECT_NE(complaints.back().find(c.ratio), std::string::npos) << complaints.back();
  }
}

// ---- Results ----

const char kPercentiles[] = "50.00 90.00 95.00 97.00 99.00 99.90";

Strings Percentiles(const std::string& before, const std::string& after) {
  Strings keys = Words(kPercentiles, before);
  for (std::string& key : keys) key += after;
  return keys;
}

// result_validity up to early_stopping_met.
Strings VerdictKeys(TestScenario scenario) {
  if (scenario == TestScenario::Server) {
    return Words(
        "result_validity result_perf_constraints_met result_min_duration_met "
        "result_min_queries_met early_stopping_met");
  }
  return Words("result_validity result_min_duration_met result_min_queries_met early_stopping_met");
}

Strings MetricKeys(TestScenario scenario) {
  switch (scenario) {
    case TestScenario::SingleStream:
      return Words(
          "result_qps_with_loadgen_overhead result_qps_without_loadgen_overhead "
          "early_stopping_latency_ss early_stopping_latency_ms");
    case TestScenario::MultiStream:
      return Words(
                 "result_min_query_latency_ns result_max_query_latency_ns "
                 "result_mean_query_latency_ns") +
             Percentiles("result_", "_percentile_per_query_latency_ns") +
             Words("early_stopping_latency_ms");
    case TestScenario::Server:
      return Words(
          "result_overlatency_query_count result_scheduled_samples_per_sec "
          "result_completed_samples_per_sec");
    case TestScenario::Offline:
      return Words("result_samples_per_second");
  }
  return {};
}

Strings TokenKeys(TestScenario scenario) {
  if (scenario == TestScenario::Offline) return Words("result_tokens_per_second");
  return Words(
             "result_first_token_min_latency_ns result_first_token_max_latency_ns "
             "result_first_token_mean_latency_ns") +
         Percentiles("result_first_token_", "_percentile_latency_ns") +
         Words("result_token_throughput_with_loadgen_overhead result_token_throughput") +
         Percentiles("result_time_per_output_token_", "_percentile_ns") +
         Words(
             "result_time_to_output_token_min result_time_to_output_token_max "
             "result_time_to_output_token_mean result_completed_tokens_per_second");
}

const std::map<TestScenario, Strings> kInferredKeys = {
    {TestScenario::SingleStream, {}},
    {TestScenario::MultiStream, {}},
    {TestScenario::Server, {"result_inferred_completed_tokens_per_second"}},
    {TestScenario::Offline, {"result_inferred_tokens_per_second"}}};

class ResultTest : public DetailLogTest,
                   public testing::WithParamInterface<std::tuple<TestScenario, bool, bool, bool>> {
};

TEST_P(ResultTest, KeysAndOrder) {
  const auto [scenario, valid, tokens, inferred] = GetParam();
  RunPlan plan;
  plan.scenario = scenario;
  plan.infer_token_latencies = inferred;
  PerformanceResult result;
  result.valid = valid;
  if (tokens) result.tokens.emplace();
  detail_.WriteResult(plan, result, kNow);

  Strings expected = VerdictKeys(scenario);
  if (!valid) expected = expected + Words("result_invalid_reason");
  expected = expected + (tokens ? Words("early_stopping_ttft_result early_stopping_tpot_result")
                                : Words("early_stopping_result"));
  expected = expected + Words("result_query_count") + MetricKeys(scenario) +
             Words("result_min_latency_ns result_max_latency_ns result_mean_latency_ns") +
             Percentiles("result_", "_percentile_latency_ns");
  if (tokens) expected = expected + TokenKeys(scenario);
  if (inferred) expected = expected + kInferredKeys.at(scenario);
  if (scenario == TestScenario::Server) {
    expected = expected + Words(
                              "result_lateness_p50_ns result_lateness_p90_ns "
                              "result_lateness_p99_ns result_lateness_p99.9_ns "
                              "result_lateness_max_ns result_queries_held_up_by_sut "
                              "result_lateness_held_up_p50_ns result_lateness_held_up_p99_ns "
                              "result_lateness_others_p50_ns result_lateness_others_p99_ns "
                              "result_pacing result_spin_s");
  }
  EXPECT_EQ(Keys(), expected + Words("result_failed_sample_count num_errors"));
}

INSTANTIATE_TEST_SUITE_P(All, ResultTest,
                         testing::Combine(testing::ValuesIn(kScenarios), testing::Bool(),
                                          testing::Bool(), testing::Bool()));

// Numbers that differ in every place.
LatencyStats Stats(int64_t base) {
  return {.count = 9,
          .min_ns = base + 1,
          .max_ns = base + 2,
          .mean_ns = base + 3,
          .percentiles_ns = {base + 50, base + 90, base + 95, base + 97, base + 99, base + 999},
          .target_percentile_ns = base + 4};
}

TEST_F(DetailLogTest, ServerResultValues) {
  RunPlan plan;
  plan.scenario = TestScenario::Server;
  plan.infer_token_latencies = true;
  PerformanceResult result;
  result.perf_constraints_met = false;
  result.min_duration_met = true;
  result.invalid_reason = "First.\n * Second. ";
  result.early_stopping.text = " * Run unsuccessful.\n * Processed 298 queries.";
  result.query_count = 298;
  result.overlatency_query_count = 17;
  result.scheduled_samples_per_second = -std::numeric_limits<double>::quiet_NaN();
  result.completed_samples_per_second = 1723.7812;
  result.inferred_tokens_per_second = 5e6;
  result.sample_latency = Stats(1000);
  result.lateness = {10, 11, 12, 13, 14, 15, 16};
  result.lateness_held_up.p50_ns = 21;
  result.lateness_held_up.p99_ns = 23;
  result.lateness_others.p50_ns = 31;
  result.lateness_others.p99_ns = 33;
  result.pacing = Pacing::Sleep;
  result.spin_s = 0.125;
  detail_.Error("error_runtime", "one", kNow);
  detail_.WriteResult(plan, result, kNow);
  ExpectValues({{"result_validity", "INVALID"},
                {"result_perf_constraints_met", "false"},
                {"result_min_duration_met", "true"},
                {"result_min_queries_met", "false"},
                {"early_stopping_met", "false"},
                {"result_invalid_reason", "First.  * Second. "},
                {"early_stopping_result", " * Run unsuccessful.  * Processed 298 queries."},
                {"result_query_count", "298"},
                {"result_overlatency_query_count", "17"},
                {"result_scheduled_samples_per_sec", "null"},
                {"result_completed_samples_per_sec", "1723.78"},
                {"result_min_latency_ns", "1001"},
                {"result_max_latency_ns", "1002"},
                {"result_mean_latency_ns", "1003"},
                {"result_50.00_percentile_latency_ns", "1050"},
                {"result_99.00_percentile_latency_ns", "1099"},
                {"result_99.90_percentile_latency_ns", "1999"},
                {"result_inferred_completed_tokens_per_second", "5e+06"},
                {"result_lateness_p50_ns", "11"},
                {"result_lateness_p90_ns", "12"},
                {"result_lateness_p99_ns", "13"},
                {"result_lateness_p99.9_ns", "14"},
                {"result_lateness_max_ns", "15"},
                {"result_queries_held_up_by_sut", "16"},
                {"result_lateness_held_up_p50_ns", "21"},
                {"result_lateness_held_up_p99_ns", "23"},
                {"result_lateness_others_p50_ns", "31"},
                {"result_lateness_others_p99_ns", "33"},
                {"result_pacing", "Sleep"},
                {"result_spin_s", "0.125"},
                {"num_errors", "1"}});
}

TEST_F(DetailLogTest, MultiStreamResultValues) {
  RunPlan plan;
  plan.scenario = TestScenario::MultiStream;
  PerformanceResult result;
  result.valid = true;
  result.query_latency = Stats(1000);
  result.sample_latency = Stats(5000);
  result.early_stopping.estimate_ns = 77;
  detail_.WriteResult(plan, result, kNow);
  ExpectValues({{"result_validity", "VALID"},
                {"result_min_query_latency_ns", "1001"},
                {"result_max_query_latency_ns", "1002"},
                {"result_mean_query_latency_ns", "1003"},
                {"result_97.00_percentile_per_query_latency_ns", "1097"},
                {"early_stopping_latency_ms", "77"},
                {"result_min_latency_ns", "5001"},
                {"result_97.00_percentile_latency_ns", "5097"}});
}

TEST_F(DetailLogTest, OfflineResultValues) {
  RunPlan plan;
  plan.scenario = TestScenario::Offline;
  plan.infer_token_latencies = true;
  PerformanceResult result;
  result.samples_per_second = 3046341;
  result.inferred_tokens_per_second = 12;
  result.tokens.emplace().per_second = 34.5;
  detail_.WriteResult(plan, result, kNow);
  ExpectValues({{"result_samples_per_second", "3.04634e+06"},
                {"result_tokens_per_second", "34.5"},
                {"result_inferred_tokens_per_second", "12"},
                {"early_stopping_ttft_result", ""}});
}

TEST_F(DetailLogTest, TokenResultValues) {
  RunPlan plan;
  plan.scenario = TestScenario::SingleStream;
  PerformanceResult result;
  result.qps_with_overhead = 99.5;
  result.qps_without_overhead = 101.25;
  result.sample_latency = Stats(1000);
  TokenMetrics& tokens = result.tokens.emplace();
  tokens.first_token = Stats(2000);
  tokens.time_per_token = Stats(3000);
  tokens.throughput_with_overhead = 8737.41;
  tokens.throughput = 8634.73;
  tokens.completed_per_second = 4103.94;
  tokens.early_stopping_ttft = {
      .met = true, .text = " * a\n b", .estimate_ns = 5, .estimate_p99_ns = 6};
  tokens.early_stopping_tpot = {
      .met = true, .text = " * c", .estimate_ns = 7, .estimate_p99_ns = 8};
  detail_.WriteResult(plan, result, kNow);
  ExpectValues({{"early_stopping_ttft_result", " * a  b"},
                {"early_stopping_tpot_result", " * c"},
                {"result_qps_with_loadgen_overhead", "99.5"},
                {"result_qps_without_loadgen_overhead", "101.25"},
                {"early_stopping_latency_ss", "5"},
                {"early_stopping_latency_ms", "6"},
                {"result_first_token_min_latency_ns", "2001"},
                {"result_first_token_max_latency_ns", "2002"},
                {"result_first_token_mean_latency_ns", "2003"},
                {"result_first_token_90.00_percentile_latency_ns", "2090"},
                {"result_token_throughput_with_loadgen_overhead", "8737.41"},
                {"result_token_throughput", "8634.73"},
                {"result_time_per_output_token_95.00_percentile_ns", "3095"},
                {"result_time_to_output_token_min", "3001"},
                {"result_time_to_output_token_max", "3002"},
                {"result_time_to_output_token_mean", "3003"},
                {"result_completed_tokens_per_second", "4103.94"}});
}

TEST_F(DetailLogTest, EstimatesStayThoseOfTheTokenTimesIfFirstTokensWereNotTested) {
  RunPlan plan;
  PerformanceResult result;
  result.tokens.emplace().early_stopping_tpot = {
      .met = false, .text = " * c", .estimate_ns = 7, .estimate_p99_ns = 8};
  detail_.WriteResult(plan, result, kNow);
  ExpectValues({{"early_stopping_latency_ss", "7"}, {"early_stopping_latency_ms", "8"}});
}

// ---- Single records ----

TEST_F(DetailLogTest, SingleRecords) {
  detail_.Message("Starting performance mode", kNow);
  detail_.Warning("odd", kNow);
  detail_.Error("error_invalid_config", "bad", kNow);
  EXPECT_EQ(Keys(), Words("generic_message warning_generic_message error_invalid_config"));
  EXPECT_EQ(Complaints(), (Strings{"W odd", "E bad"}));
}

}  // namespace
}  // namespace mlperf::loadgen
