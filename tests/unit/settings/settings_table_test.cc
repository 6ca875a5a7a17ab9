// Goal: the table of settings is complete, consistent, and in the order that logs and config files
// need. Method: count the members of TestSettings with the compiler and compare them with the
// rows; compare names, order and keys with independent lists of the log format and config format.
#include "settings/settings_table.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mlperf::loadgen {
namespace {

// ---- Counting the members of an aggregate ----

struct Anything {
  template <typename T>
  operator T() const;  // Never defined: only used in unevaluated contexts.
};

template <typename T, size_t... I>
constexpr bool TakesMembers(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), Anything{})...}; };
}

template <typename T, size_t kCount = 0>
constexpr size_t MemberCount() {
  if constexpr (TakesMembers<T>(std::make_index_sequence<kCount + 1>())) {
    return MemberCount<T, kCount + 1>();
  } else {
    return kCount;
  }
}

// Four members, what FromConfig met and did, are no settings.
static_assert(MemberCount<TestSettings>() == 55 + 4);

TEST(SettingsTable, HasOneRowForEachMember) {
  EXPECT_EQ(AllSettings().size(), 55u);
  std::set<std::string_view> names;
  const TestSettings settings;
  std::set<const void*> members;
  for (const Setting& setting : AllSettings()) {
    names.insert(setting.name);
    members.insert(
        std::visit([&](auto member) { return static_cast<const void*>(&(settings.*member)); },
                   setting.member));
  }
  EXPECT_EQ(names.size(), 55u);
  EXPECT_EQ(members.size(), 55u);
}

TEST(SettingsTable, FollowsTheOrderOfTheDetailLog) {
  const std::vector<std::string> kExpected = {
      "scenario",
      "test_mode",
      "single_stream_expected_latency_ns",
      "single_stream_target_latency_percentile",
      "multi_stream_expected_latency_ns",
      "multi_stream_target_latency_percentile",
      "multi_stream_samples_per_query",
      "server_target_qps",
      "server_target_latency_ns",
      "server_target_latency_percentile",
      "server_coalesce_queries",
      "server_find_peak_qps_decimals_of_precision",
      "server_find_peak_qps_boundary_step_size",
      "server_max_async_queries",
      "server_num_issue_query_threads",
      "offline_expected_qps",
      "min_duration_ms",
      "max_duration_ms",
      "min_query_count",
      "max_query_count",
      "qsl_rng_seed",
      "sample_index_rng_seed",
      "schedule_rng_seed",
      "accuracy_log_rng_seed",
      "accuracy_log_probability",
      "accuracy_log_sampling_target",
      "print_timestamps",
      "performance_issue_unique",
      "performance_issue_same",
      "performance_issue_same_index",
      "performance_sample_count_override",
      "accuracy_sample_count_override",
      "sample_concatenate_permutation",
      "use_token_latencies",
      "server_ttft_latency",
      "server_tpot_latency",
  };
  std::vector<std::string> logged;
  for (const Setting& setting : AllSettings()) {
    if (!setting.log_name.empty()) logged.emplace_back(setting.log_name);
  }
  EXPECT_EQ(logged, kExpected);
}

TEST(SettingsTable, NamesScenarioOfScenarioSettings) {
  const std::map<std::string, AppliesTo> kByPrefix = {{"single_stream_", AppliesTo::kSingleStream},
                                                      {"multi_stream_", AppliesTo::kMultiStream},
                                                      {"server_", AppliesTo::kServer},
                                                      {"offline_", AppliesTo::kOffline}};
  for (const Setting& setting : AllSettings()) {
    AppliesTo expected = AppliesTo::kAll;
    for (const auto& [prefix, applies_to] : kByPrefix) {
      if (setting.name.starts_with(prefix)) expected = applies_to;
    }
    static const std::set<std::string_view> kOfTokens = {"use_token_latencies",
                                                         "allow_short_answers", "token_log"};
    static const std::set<std::string_view> kBounds = {
        "ttft_latency", "tpot_latency", "itl_latency", "e2e_latency", "goodput_share"};
    if (kOfTokens.contains(setting.name)) expected = AppliesTo::kTokens;
    if (kBounds.contains(setting.name)) expected = AppliesTo::kServerTokens;
    if (setting.name == "infer_token_latencies" || setting.name == "token_latency_scaling_factor") {
      expected = AppliesTo::kServerAndOffline;
    }
    EXPECT_EQ(setting.applies_to, expected) << setting.name;
  }
}

TEST(SettingsTable, NamesTheUnitThatTheNameEndsWith) {
  for (const Setting& setting : AllSettings()) {
    if (setting.name.ends_with("_ns")) {
      EXPECT_EQ(setting.unit, "ns") << setting.name;
    } else if (setting.name.ends_with("_ms")) {
      EXPECT_EQ(setting.unit, "ms") << setting.name;
    } else if (setting.name.ends_with("_percentile") || setting.name.ends_with("_probability")) {
      EXPECT_EQ(setting.unit, "fraction") << setting.name;
    }
    EXPECT_TRUE(setting.doc.ends_with('.')) << setting.name;
  }
}

TEST(SettingsTable, ReadsEachKeyIntoAMemberOfItsType) {
  for (const Setting& setting : AllSettings()) {
    if (setting.key.name.empty()) continue;
    bool fits = false;
    switch (setting.key.form) {
      case ValueForm::kInteger:
      case ValueForm::kSigned32:
        fits = std::holds_alternative<uint64_t TestSettings::*>(setting.member);
        break;
      case ValueForm::kFloat:
        fits = std::holds_alternative<double TestSettings::*>(setting.member);
        break;
      case ValueForm::kTrueIfOne:
      case ValueForm::kTrueIfNonZero:
        fits = std::holds_alternative<bool TestSettings::*>(setting.member);
        break;
      case ValueForm::kMode:
        fits = std::holds_alternative<TestMode TestSettings::*>(setting.member);
        break;
    }
    EXPECT_TRUE(fits) << setting.name;
    EXPECT_NE(setting.key.scope, KeyScope::kNone) << setting.name;
  }
}

TEST(SettingsTable, ListsWhatNoConfigFileCanSet) {
  std::set<std::string_view> without_key;
  for (const Setting& setting : AllSettings()) {
    if (setting.key.name.empty()) without_key.insert(setting.name);
  }
  const std::set<std::string_view> kExpected = {"scenario",
                                                "server_find_peak_qps_decimals_of_precision",
                                                "server_find_peak_qps_boundary_step_size",
                                                "server_num_issue_query_threads",
                                                "server_find_peak_strategy",
                                                "server_find_peak_max_qps",
                                                "server_pacing",
                                                "token_clock",
                                                "token_log"};
  EXPECT_EQ(without_key, kExpected);
}

TEST(SettingsTable, PutsKeysAfterThoseTheyDependOn) {
  EXPECT_LT(FindSetting("use_token_latencies"), FindSetting("ttft_latency"));
  EXPECT_LT(FindSetting("use_token_latencies"), FindSetting("tpot_latency"));
  for (const char* name : {"itl_latency", "e2e_latency", "goodput_share"}) {
    EXPECT_LT(FindSetting("use_token_latencies"), FindSetting(name));
  }
  EXPECT_LT(FindSetting("infer_token_latencies"), FindSetting("token_latency_scaling_factor"));
}

TEST(SettingsTable, FindsByPythonName) {
  const Setting* ttft = FindSetting("ttft_latency");
  ASSERT_NE(ttft, nullptr);
  EXPECT_EQ(ttft->log_name, "server_ttft_latency");
  EXPECT_EQ(std::get<uint64_t TestSettings::*>(ttft->member), &TestSettings::server_ttft_latency);
  EXPECT_EQ(FindSetting("server_ttft_latency"), nullptr);
  EXPECT_EQ(FindSetting(""), nullptr);
}

TEST(ToStringTest, NamesEnumValues) {
  EXPECT_EQ(ToString(TestScenario::SingleStream), "SingleStream");
  EXPECT_EQ(ToString(TestScenario::MultiStream), "MultiStream");
  EXPECT_EQ(ToString(TestScenario::Server), "Server");
  EXPECT_EQ(ToString(TestScenario::Offline), "Offline");
  EXPECT_EQ(ToString(static_cast<TestScenario>(9)), "Unknown");
  EXPECT_EQ(ToString(TestMode::SubmissionRun), "SubmissionRun");
  EXPECT_EQ(ToString(TestMode::AccuracyOnly), "AccuracyOnly");
  EXPECT_EQ(ToString(TestMode::PerformanceOnly), "PerformanceOnly");
  EXPECT_EQ(ToString(TestMode::FindPeakPerformance), "FindPeakPerformance");
  EXPECT_EQ(ToString(static_cast<TestMode>(-1)), "Unknown");
}

TEST(WhyUnused, NamesWhatASettingBelongsTo) {
  TestSettings settings;
  const auto why = [&](std::string_view name) { return WhyUnused(*FindSetting(name), settings); };
  EXPECT_EQ(why("server_target_qps"), "it belongs to Server, and the scenario is SingleStream");
  EXPECT_EQ(why("single_stream_expected_latency_ns"), "");
  EXPECT_EQ(why("min_duration_ms"), "");
  EXPECT_EQ(why("use_token_latencies"), "");
  settings.scenario = TestScenario::Server;
  EXPECT_EQ(why("server_target_qps"), "");
  EXPECT_EQ(why("offline_probe_duration_ms"), "it belongs to Offline, and the scenario is Server");
  EXPECT_EQ(why("ttft_latency"), "it belongs to use_token_latencies, which is off");
  EXPECT_EQ(why("token_latency_scaling_factor"),
            "it belongs to infer_token_latencies, which is off");
  settings.use_token_latencies = settings.infer_token_latencies = true;
  EXPECT_EQ(why("ttft_latency"), "");
  EXPECT_EQ(why("token_latency_scaling_factor"), "");
  settings.scenario = TestScenario::Offline;
  EXPECT_EQ(why("ttft_latency"), "it belongs to Server, and the scenario is Offline");
  settings.scenario = TestScenario::MultiStream;
  EXPECT_EQ(why("infer_token_latencies"),
            "it belongs to Server and Offline, and the scenario is MultiStream");
}

TEST(WhyUnused, NamesTheModeThatASettingBelongsTo) {
  TestSettings settings;
  settings.scenario = TestScenario::Server;
  const auto why = [&](std::string_view name) { return WhyUnused(*FindSetting(name), settings); };
  const std::string kAccuracy = "it belongs to accuracy runs, and the mode is ";
  const std::string kPerformance = "it belongs to performance runs, and the mode is ";
  const std::string kSearch = "it belongs to FindPeakPerformance, and the mode is ";
  EXPECT_EQ(why("accuracy_sample_count_override"), kAccuracy + "PerformanceOnly");
  EXPECT_EQ(why("server_find_peak_max_qps"), kSearch + "PerformanceOnly");
  for (const std::string_view name :
       {"min_duration_ms", "max_duration_ms", "min_query_count", "max_query_count",
        "server_target_latency_ns", "server_max_async_queries", "warmup_query_count",
        "accuracy_log_sampling_target", "print_timestamps"}) {
    settings.mode = TestMode::AccuracyOnly;
    EXPECT_EQ(why(name), kPerformance + "AccuracyOnly") << name;
    for (const TestMode mode :
         {TestMode::SubmissionRun, TestMode::PerformanceOnly, TestMode::FindPeakPerformance}) {
      settings.mode = mode;
      EXPECT_EQ(why(name), "") << name;
    }
  }
  // These make the traffic of accuracy runs, too.
  settings.mode = TestMode::AccuracyOnly;
  for (const std::string_view name :
       {"server_target_qps", "performance_issue_same", "performance_sample_count_override",
        "schedule_rng_seed", "stall_timeout_ms", "accuracy_sample_count_override"}) {
    EXPECT_EQ(why(name), "") << name;
  }
  EXPECT_EQ(why("server_find_peak_strategy"), kSearch + "AccuracyOnly");
  settings.mode = TestMode::SubmissionRun;
  EXPECT_EQ(why("accuracy_sample_count_override"), "");
  settings.mode = TestMode::FindPeakPerformance;
  EXPECT_EQ(why("accuracy_sample_count_override"), kAccuracy + "FindPeakPerformance");
  EXPECT_EQ(why("server_find_peak_strategy"), "");
  settings.mode = TestMode::AccuracyOnly;
  settings.test05 = true;  // It is a performance run whatever the mode.
  EXPECT_EQ(why("min_duration_ms"), "");
}

TEST(WhyUnused, NamesWhatASettingDoesNotCountBesideOrWithout) {
  TestSettings settings;
  settings.scenario = TestScenario::Offline;
  const auto why = [&](std::string_view name) { return WhyUnused(*FindSetting(name), settings); };
  EXPECT_EQ(why("performance_issue_same_index"),
            "it belongs to performance_issue_same, which is off");
  EXPECT_EQ(why("test05_qsl_rng_seed"), "it belongs to test05, which is off");
  EXPECT_EQ(why("offline_expected_qps"), "");
  settings.offline_probe_duration_ms = 500;
  settings.accuracy_log_sampling_target = 5;
  settings.performance_issue_same = settings.test05 = true;
  EXPECT_EQ(why("offline_expected_qps"),
            "it does not count beside offline_probe_duration_ms = 500");
  EXPECT_EQ(why("accuracy_log_probability"),
            "it does not count beside accuracy_log_sampling_target = 5");
  EXPECT_EQ(why("performance_issue_same_index"), "");
  EXPECT_EQ(why("test05_qsl_rng_seed"), "");
  EXPECT_EQ(why("mode"), "");  // A performance run is what it is.
  for (const TestMode mode : {TestMode::SubmissionRun, TestMode::AccuracyOnly}) {
    settings.mode = mode;
    settings.test05 = true;
    EXPECT_EQ(why("mode"), "it does not count beside test05 = true");
    settings.test05 = false;
    EXPECT_EQ(why("mode"), "");
  }
  settings = {};
  settings.scenario = TestScenario::Server;
  settings.mode = TestMode::FindPeakPerformance;
  EXPECT_EQ(why("server_find_peak_qps_decimals_of_precision"), "");
  settings.server_find_peak_strategy = PeakStrategy::Estimate;
  EXPECT_EQ(why("server_find_peak_qps_decimals_of_precision"),
            "it does not count beside server_find_peak_strategy = Estimate");
}

TEST(SettingsTable, CompanionsAreSettings) {
  for (const Setting& setting : AllSettings()) {
    if (setting.companion.name.empty()) continue;
    EXPECT_NE(FindSetting(setting.companion.name), nullptr) << setting.name;
    EXPECT_NE(setting.companion.name, setting.name);
  }
}

}  // namespace
}  // namespace mlperf::loadgen
