// Goal: of each config file those entries are applied that the reference applies, in its order of
// precedence and of files. Method: a case for every key; files are written to the test's temporary
// directory.
#include "settings/config_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "helpers/config_texts.h"
#include "settings/settings_table.h"

namespace mlperf::loadgen {
namespace {

// ---- Keys --------------------------------------------------------------------------------------

struct KeyCase {
  std::string key;  // Under "*.<scenario>."
  std::string scenario;
  std::string value;
  std::string setting;
  double expected;
};

double ValueOf(const TestSettings& settings, const std::string& name) {
  const Setting* setting = FindSetting(name);
  if (setting == nullptr) return -1;
  return std::visit([&](auto member) { return static_cast<double>(settings.*member); },
                    setting->member);
}

const std::vector<KeyCase> kKeyCases = {
    {"mode", "*", "0", "mode", 0},
    {"mode", "*", "1", "mode", 1},
    {"mode", "*", "2", "mode", 2},
    {"mode", "*", "3", "mode", 3},
    {"use_token_latencies", "*", "1", "use_token_latencies", 1},
    {"use_token_latencies", "*", "2", "use_token_latencies", 0},
    {"allow_short_answers", "*", "1", "allow_short_answers", 1},
    {"infer_token_latencies", "*", "1", "infer_token_latencies", 1},
    {"infer_token_latencies", "*", "2", "infer_token_latencies", 0},
    {"target_latency_percentile", "SingleStream", "99.9", "single_stream_target_latency_percentile",
     0.9990000000000001},
    {"target_latency_percentile", "MultiStream", "90", "multi_stream_target_latency_percentile",
     0.9},
    {"samples_per_query", "MultiStream", "4", "multi_stream_samples_per_query", 4},
    {"target_latency_percentile", "Server", "97", "server_target_latency_percentile", 0.97},
    {"target_latency", "Server", "12.7", "server_target_latency_ns", 12000000},
    {"performance_issue_unique", "*", "2", "performance_issue_unique", 1},
    {"performance_issue_same", "*", "-1", "performance_issue_same", 1},
    {"performance_issue_same", "*", "0", "performance_issue_same", 0},
    {"performance_issue_same_index", "*", "3", "performance_issue_same_index", 3},
    {"sample_concatenate_permutation", "*", "1", "sample_concatenate_permutation", 1},
    {"sample_concatenate_permutation", "*", "2", "sample_concatenate_permutation", 0},
    {"coalesce_queries", "Server", "2", "server_coalesce_queries", 1},
    {"max_async_queries", "Server", "7", "server_max_async_queries", 7},
    {"max_async_queries", "Server", "4294967297", "server_max_async_queries", 1},
    {"max_async_queries", "Server", "2147483648", "server_max_async_queries",
     18446744071562067968.0},
    {"min_duration", "*", "5", "min_duration_ms", 5},
    {"max_duration", "*", "6", "max_duration_ms", 6},
    {"stall_timeout", "*", "6", "stall_timeout_ms", 6},
    {"warmup_query_count", "*", "6", "warmup_query_count", 6},
    {"enable_sample_log", "*", "0", "enable_sample_log", 0},
    {"min_query_count", "*", "1e3", "min_query_count", 1},
    {"max_query_count", "*", "010", "max_query_count", 8},
    {"performance_sample_count_override", "*", "11", "performance_sample_count_override", 11},
    {"accuracy_sample_count_override", "*", "12", "accuracy_sample_count_override", 12},
    {"target_latency", "SingleStream", "0.5", "single_stream_expected_latency_ns", 500000},
    {"target_latency", "MultiStream", "2.25", "multi_stream_expected_latency_ns", 2250000},
    {"target_qps", "Server", "1000.7", "server_target_qps", 1000.7},
    {"target_qps", "Offline", "1e6", "offline_expected_qps", 1e6},
    {"probe_duration", "Offline", "250", "offline_probe_duration_ms", 250},
    {"print_timestamps", "*", "5", "print_timestamps", 1},
    {"accuracy_log_rng_seed", "*", "13", "accuracy_log_rng_seed", 13},
    {"accuracy_log_sampling_target", "*", "14", "accuracy_log_sampling_target", 14},
};

TEST(ApplyConfigTest, ReadsEveryKeyWithItsScale) {
  for (const KeyCase& c : kKeyCases) {
    for (const int conf_type : {0, 1, 2, 7}) {
      const TestSettings s =
          Apply("*." + c.scenario + "." + c.key + " = " + c.value, "m", "Offline", conf_type);
      EXPECT_EQ(ValueOf(s, c.setting), c.expected) << c.key << " " << c.value;
    }
  }
}

TEST(ApplyConfigTest, HasACaseForEveryKeyThatAnyFileMaySet) {
  for (const Setting& setting : AllSettings()) {
    if (setting.key.name.empty() || setting.key.rule != KeyRule::kAlways) continue;
    EXPECT_TRUE(std::ranges::any_of(kKeyCases, [&](const KeyCase& c) {
      return c.setting == setting.name;
    })) << setting.name;
  }
}

TEST(ApplyConfigTest, LeavesSeedsAndTest05ToTheBuiltInFile) {
  const std::vector<KeyCase> kCases = {
      {"qsl_rng_seed", "*", "5", "qsl_rng_seed", 5},
      {"sample_index_rng_seed", "*", "6", "sample_index_rng_seed", 6},
      {"schedule_rng_seed", "*", "7", "schedule_rng_seed", 7},
      {"accuracy_log_probability", "*", "25", "accuracy_log_probability", 0.25},
      {"test05", "*", "1", "test05", 1},
      {"test05_qsl_rng_seed", "*", "8", "test05_qsl_rng_seed", 8},
      {"test05_sample_index_rng_seed", "*", "9", "test05_sample_index_rng_seed", 9},
      {"test05_schedule_rng_seed", "*", "10", "test05_schedule_rng_seed", 10},
  };
  for (const KeyCase& c : kCases) {
    const std::string text = "*.*." + c.key + " = " + c.value;
    EXPECT_EQ(ValueOf(Apply(text, "m", "Server", 0), c.setting), c.expected) << c.key;
    for (const int conf_type : {1, 2}) {
      const TestSettings s = Apply(text, "m", "Server", conf_type);
      EXPECT_EQ(ValueOf(s, c.setting), 0) << c.key;
      ASSERT_EQ(s.config_diagnostics.size(), 1u) << c.key;
      EXPECT_NE(s.config_diagnostics[0].message.find("only the built-in mlperf.conf may set it"),
                std::string::npos);
    }
  }
  EXPECT_FALSE(Apply("*.*.test05 = 2", "m", "Server", 0).test05);
}

TEST(ApplyConfigTest, ReadsTokenBoundsOnlyWhereTokenLatenciesAreOn) {
  const std::string bounds = "*.Server.ttft_latency = 2.9\n*.Server.tpot_latency = 3\n";
  const TestSettings off = Apply(bounds);
  EXPECT_EQ(off.server_ttft_latency, 100000000u);
  EXPECT_EQ(off.server_tpot_latency, 100000000u);
  EXPECT_EQ(ToText(off.config_diagnostics),
            "warning user.conf:1: '*.Server.ttft_latency' = '2.9': ignored, because "
            "use_token_latencies is off; set that to 1 as well\n"
            "warning user.conf:2: '*.Server.tpot_latency' = '3': ignored, because "
            "use_token_latencies is off; set that to 1 as well\n");
  // The order of lines does not matter, nor who switched it on.
  const TestSettings on = Apply(bounds + "*.*.use_token_latencies = 1");
  EXPECT_EQ(on.server_ttft_latency, 2000000u);
  EXPECT_EQ(on.server_tpot_latency, 3000000u);
  TestSettings before;
  before.use_token_latencies = true;
  EXPECT_EQ(Apply(bounds, "m", "SingleStream", 2, before).server_tpot_latency, 3000000u);
}

TEST(ApplyConfigTest, ReadsTheOtherBoundsOfTokensLikewise) {
  const std::string bounds =
      "*.Server.itl_latency = 40\n*.Server.e2e_latency = 9000\n*.Server.goodput_share = 0.99\n";
  EXPECT_EQ(Apply(bounds).server_itl_latency, 0u);
  EXPECT_EQ(Apply(bounds).config_diagnostics.size(), 3u);
  const TestSettings on = Apply("*.*.use_token_latencies = 1\n" + bounds);
  EXPECT_EQ(on.server_itl_latency, 40'000'000u);
  EXPECT_EQ(on.server_e2e_latency, 9'000'000'000u);
  EXPECT_EQ(on.server_goodput_share, 0.99);
}

TEST(ApplyConfigTest, ReadsScalingFactorOnlyWhereTokensAreInferred) {
  const std::string factor = "*.*.token_latency_scaling_factor = 69\n";
  EXPECT_EQ(Apply(factor).token_latency_scaling_factor, 0u);
  EXPECT_EQ(Apply(factor + "*.*.infer_token_latencies = 1").token_latency_scaling_factor, 69u);
}

// ---- Precedence --------------------------------------------------------------------------------

TEST(ApplyConfigTest, PrefersExactScenarioOverExactModel) {
  const std::vector<std::string> kLines = {"m.1.Server.min_duration = 1\n",
                                           "*.Server.min_duration = 2\n",
                                           "m.1.*.min_duration = 3\n", "*.*.min_duration = 4\n"};
  for (size_t first = 0; first < kLines.size(); ++first) {
    std::string text;  // Least precedence first, so that the order of lines cannot decide.
    for (size_t i = kLines.size(); i-- > first;) text += kLines[i];
    EXPECT_EQ(Apply(text, "m.1").min_duration_ms, first + 1);
  }
  EXPECT_EQ(Apply(kLines[0] + kLines[2], "other").min_duration_ms, 10000u);
  EXPECT_EQ(Apply(kLines[1] + kLines[3], "*").min_duration_ms, 2u);
}

TEST(ApplyConfigTest, ReadsScenarioSettingsForEveryScenarioArgument) {
  const std::string text =
      "*.SingleStream.target_latency = 1\n*.MultiStream.target_latency = 2\n"
      "*.Server.target_latency = 3\n*.Offline.target_qps = 4\n*.Server.min_duration = 5\n";
  const TestSettings s = Apply(text, "m", "no such scenario");
  EXPECT_EQ(s.single_stream_expected_latency_ns, 1e6);
  EXPECT_EQ(s.multi_stream_expected_latency_ns, 2e6);
  EXPECT_EQ(s.server_target_latency_ns, 3000000u);
  EXPECT_EQ(s.offline_expected_qps, 4);
  EXPECT_EQ(s.min_duration_ms, 10000u);
}

TEST(ApplyConfigTest, IgnoredValuesThatWouldChangeNothingAreNoMistake) {
  TestSettings before;
  before.qsl_rng_seed = 0x5;
  before.test05 = true;
  EXPECT_EQ(ToText(Apply("*.*.qsl_rng_seed = 0x5\n*.*.test05 = 1\n", "*", "Server", 2, before)
                       .config_diagnostics),
            "");
}

TEST(ApplyConfigTest, ListsDiagnosticsByLine) {
  const TestSettings s =
      Apply("*.*.zzz = 1\n*.*.min_query_count = 2.9\n*.*.aaa = 1\n*.*.min_duration = 1e6\n");
  ASSERT_EQ(s.config_diagnostics.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(s.config_diagnostics[i].line, i + 1);
}

// ---- The built-in file -------------------------------------------------------------------------

// Sets what mlperf.conf says of every model, over the defaults.
TestSettings ExpectedOfAnyModel(const std::string& scenario) {
  TestSettings s;
  s.min_duration_ms = 600000;
  s.qsl_rng_seed = 2085463073848966840;
  s.sample_index_rng_seed = 2747215439041700203;
  s.schedule_rng_seed = 16159082839903944936u;
  s.test05_qsl_rng_seed = 7975553102935885558;
  s.test05_sample_index_rng_seed = 11403566307062068064u;
  s.test05_schedule_rng_seed = 15816800565822761601u;
  s.single_stream_expected_latency_ns = 1e7;
  s.multi_stream_expected_latency_ns = 8e7;
  s.server_target_latency_ns = 10000000;
  if (scenario == "MultiStream") s.min_query_count = 662;
  return s;
}

void ExpectEqual(const TestSettings& got, const TestSettings& expected, const std::string& what) {
  for (const Setting& setting : AllSettings()) {
    std::visit([&](auto m) { EXPECT_TRUE(got.*m == expected.*m) << what << " " << setting.name; },
               setting.member);
  }
}

TEST(BuiltInConfigTest, SetsTheEffectiveFieldsOfTheReference) {
  using Change = std::function<void(TestSettings*, bool is_offline)>;
  const std::vector<std::tuple<std::string, Change>> kModels = {
      {"no such model", [](TestSettings*, bool) {}},
      {"*", [](TestSettings*, bool) {}},
      {"resnet50",
       [](TestSettings* s, bool is_offline) {
         s->performance_sample_count_override = 1024;
         s->server_target_latency_ns = 15000000;
         if (is_offline) s->min_query_count = 24576;
       }},
      {"gptj",
       [](TestSettings* s, bool is_offline) {
         s->performance_sample_count_override = 13368;
         s->sample_concatenate_permutation = true;
         s->infer_token_latencies = true;
         s->token_latency_scaling_factor = 69;
         s->server_target_latency_ns = 20000000000;
         if (is_offline) s->min_query_count = 13368;
       }},
      {"llama2-70b",
       [](TestSettings* s, bool is_offline) {
         s->performance_sample_count_override = 24576;
         s->sample_concatenate_permutation = true;
         s->use_token_latencies = true;
         s->server_target_latency_ns = 0;
         s->server_ttft_latency = 2000000000;
         s->server_tpot_latency = 200000000;
         if (is_offline) s->min_query_count = 24576;
       }},
  };
  for (const std::string scenario : {"SingleStream", "MultiStream", "Server", "Offline"}) {
    for (const auto& [model, change] : kModels) {
      TestSettings got;
      EXPECT_EQ(got.FromConfig("ignored", model, scenario, 0), 0);
      TestSettings expected = ExpectedOfAnyModel(scenario);
      change(&expected, scenario == "Offline");
      ExpectEqual(got, expected, model + " " + scenario);
      EXPECT_EQ(got.config_diagnostics.empty(), model != "no such model");
      EXPECT_EQ(got.config_user_file_count, 0u);
    }
  }
}

// ---- FromConfig --------------------------------------------------------------------------------

TEST(FromConfigTest, LoadsTheBuiltInFileBeforeTheFirstUserFile) {
  const std::string path = WriteFile("user.conf", "*.Server.target_qps = 42\n");
  TestSettings s;
  EXPECT_EQ(s.FromConfig(path, "resnet50", "Server"), 0);
  TestSettings expected = ExpectedOfAnyModel("Server");
  expected.performance_sample_count_override = 1024;
  expected.server_target_latency_ns = 15000000;
  expected.server_target_qps = 42;
  ExpectEqual(s, expected, "first");
  EXPECT_EQ(ToText(s.config_diagnostics), "");

  // Each object counts for itself.
  TestSettings other;
  EXPECT_EQ(other.FromConfig(path, "resnet50", "Server"), 0);
  ExpectEqual(other, expected, "other object");
}

TEST(FromConfigTest, ACopyOfTheBuiltInFileIsNoMistakeAndValuesThatDifferAre) {
  std::string text(EmbeddedMlperfConf());
  for (const std::string model : {"resnet50", "llama2-70b"}) {
    for (const std::string scenario : {"SingleStream", "MultiStream", "Server", "Offline"}) {
      TestSettings s;
      EXPECT_EQ(s.FromConfig(WriteFile("mlperf.conf", text), model, scenario), 0);
      EXPECT_EQ(ToText(s.config_diagnostics), "") << model << " " << scenario;
    }
  }
  const std::string seed = "*.*.qsl_rng_seed = ";
  const std::string duration = "*.Server.target_duration = ";
  text.replace(text.find(seed), seed.size() + 1, seed + "7");
  text.replace(text.find(duration), duration.size() + 1, duration + "7");
  TestSettings s;
  EXPECT_EQ(s.FromConfig(WriteFile("mlperf.conf", text), "resnet50", "Server"), 0);
  EXPECT_EQ(s.config_diagnostics.size(), 2u) << ToText(s.config_diagnostics);
}

TEST(FromConfigTest, AppliesFurtherUserFilesAloneAndSaysSo) {
  const std::string path = WriteFile("first.conf", "*.*.min_duration = 5\n");
  const std::string second = WriteFile("second.conf", "*.*.min_query_count = 6\n");
  TestSettings s;
  EXPECT_EQ(s.FromConfig(path, "*", "Server"), 0);
  EXPECT_EQ(s.FromConfig(second, "*", "Server"), 0);
  EXPECT_EQ(s.min_duration_ms, 5u);
  EXPECT_EQ(s.min_query_count, 6u);
  EXPECT_EQ(s.config_user_file_count, 2u);
  EXPECT_EQ(ToText(s.config_diagnostics),
            "error " + second +
                ":0: Multiple conf files are used. This is not valid for official submission.\n");
}

TEST(FromConfigTest, LoadsNothingElseForAnAuditFile) {
  const std::string path = WriteFile("audit.config", "*.*.mode = 1\n*.*.qsl_rng_seed = 5\n");
  TestSettings s;
  EXPECT_EQ(s.FromConfig(path, "*", "Server", 2), 0);
  TestSettings expected;
  expected.mode = TestMode::AccuracyOnly;
  ExpectEqual(s, expected, "audit");
  EXPECT_EQ(s.config_user_file_count, 0u);
  EXPECT_EQ(s.config_diagnostics.size(), 1u);
}

TEST(FromConfigTest, ReportsMissingFileAndKeepsTheBuiltInValues) {
  const std::string path = PathOf("no_such_file");
  TestSettings s;
  EXPECT_EQ(s.FromConfig(path, "m", "Server"), -2);
  ExpectEqual(s, ExpectedOfAnyModel("Server"), "missing");
  EXPECT_EQ(ToText(s.config_diagnostics), "error " + path + ":0: can't open file " + path + "\n");
  EXPECT_EQ(s.config_user_file_count, 1u);
}

TEST(FromConfigTest, RefusesDirectoriesAndHugeFiles) {
  TestSettings s;
  EXPECT_EQ(s.FromConfig(testing::TempDir(), "m", "Server", 2), -2);
  ASSERT_EQ(s.config_diagnostics.size(), 1u);
  EXPECT_NE(s.config_diagnostics[0].message.find(": it is a directory;"), std::string::npos);
  // Endless, and read no further than the limit.
  EXPECT_EQ(s.FromConfig("/dev/zero", "m", "Server", 2), -2);
  ASSERT_EQ(s.config_diagnostics.size(), 2u);
  EXPECT_NE(s.config_diagnostics[1].message.find(": it is larger than 4 MiB;"), std::string::npos);
}

TEST(FromConfigTest, AppliesNothingOfAMalformedFile) {
  const std::string path =
      WriteFile("bad.conf", "*.*.min_duration = 5\n*.*.mode = 1 # note\nk=1\n");
  TestSettings s;
  EXPECT_EQ(s.FromConfig(path, "m", "Server"), -22);
  ExpectEqual(s, ExpectedOfAnyModel("Server"), "malformed");
  ASSERT_EQ(s.config_diagnostics.size(), 2u);
  EXPECT_EQ(s.config_diagnostics[0].severity, ConfigDiagnostic::Severity::kError);
  EXPECT_EQ(s.config_diagnostics[0].line, 2u);
  EXPECT_EQ(
      s.config_diagnostics[0].message,
      "value needs to be integer or double, line=2; nothing of this file was applied: correct the "
      "line");
  EXPECT_EQ(s.config_diagnostics[1].severity, ConfigDiagnostic::Severity::kWarning);
  EXPECT_EQ(s.config_diagnostics[1].line, 3u);
}

TEST(FromConfigTest, NotesWhereEachValueCameFrom) {
  const std::string path =
      WriteFile("origins.conf", "\n*.Server.target_qps = 6\n*.*.qsl_rng_seed = 5\n*.*.mode = 9\n");
  TestSettings s;
  EXPECT_EQ(s.FromConfig(path, "*", "Server"), 0);
  EXPECT_EQ(s.config_origins.at("server_target_qps"), path + ":2");
  EXPECT_EQ(s.config_origins.at("qsl_rng_seed"), "built-in mlperf.conf");
  EXPECT_FALSE(s.config_origins.contains("mode"));
}

}  // namespace
}  // namespace mlperf::loadgen
