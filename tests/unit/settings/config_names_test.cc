// Goal: names that nothing reads, and models and scenarios that nothing is known of, are reported
// with what may be meant; names that are right elsewhere are not. Method: tables of texts.
#include "settings/config_names.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "helpers/config_texts.h"

namespace mlperf::loadgen {
namespace {

TEST(ApplyConfigTest, WarnsOfKeysThatNothingReads) {
  const std::vector<std::tuple<std::string, std::string>> kCases = {
      {"*.*.min_durations", "there is no key 'min_durations'"},
      {"*.Server.target_duration", "there is no key 'target_duration'"},
      {"*.*.scenario", "there is no key 'scenario'"},
      {"*.*.", "there is no key ''"},
      {"min_duration", "a key has three parts"},
      {"*.min_duration", "a key has three parts"},
      {".x", "a key has three parts"},
      {"m.server.min_duration", "there is no scenario 'server'"},
      {"*.Offline.target_latency_percentile",
       "it has no effect under 'Offline'; write SingleStream or MultiStream or Server"},
      {"*.Offline.target_latency",
       "it has no effect under 'Offline'; write SingleStream or MultiStream or Server"},
  };
  for (const auto& [key, message] : kCases) {
    const TestSettings s = Apply("\n\n" + key + " = 1");
    ASSERT_EQ(s.config_diagnostics.size(), 1u) << key << "\n" << ToText(s.config_diagnostics);
    EXPECT_EQ(s.config_diagnostics[0].line, 3u);
    EXPECT_TRUE(s.config_diagnostics[0].message.starts_with("'" + key + "' is ignored: " + message))
        << s.config_diagnostics[0].message;
    EXPECT_TRUE(Apply(key + " = 1", "m", "Server", 0).config_diagnostics.empty()) << key;
  }
}

TEST(ApplyConfigTest, IsSilentAboutKeysForOtherTests) {
  EXPECT_EQ(ToText(Apply("other.*.min_duration = 1\n*.Offline.min_duration = 1\n"
                         "a.b.c.Server.target_qps = 1\n#*.*.min_durations = 1\n"
                         "*.*.target_latency = 1\n")
                       .config_diagnostics),
            "");
  EXPECT_EQ(ToText(Apply("*.Mine.min_duration = 1", "m", "Mine").config_diagnostics), "");
}

// As the audit files of the compliance tests are read: for any model, after the program has
// configured the model that it runs, or has not.
TEST(ApplyConfigTest, IsSilentAboutWhatAuditFilesHaveForTheTestsScriptsAndForOtherModels) {
  TestSettings before;
  for (const std::string model : {"", "resnet50"}) {
    before.config_models = model.empty() ? std::vector<std::string>() : std::vector{model};
    EXPECT_EQ(
        ToText(Apply("*.*.mode = 2\n*.*.accuracy_log_rng_seed = 720381539243781796\n"
                     "*.*.accuracy_log_sampling_target = 128\n"
                     "*.*.performance_issue_same = 1\n*.*.test07_accuracy_threshold = 0.9\n"
                     "gpt-oss-120b.*.test09_min_output_tokens = 100.5\n"
                     "*.Offline.test09_max_output_tokens = 1\nbert.Offline.min_query_count = 5\n"
                     "dlrm-v2.*.accuracy_log_sampling_target = 10\n",
                     "*", "Server", 2, before)
                   .config_diagnostics),
        "");
  }
}

TEST(ApplyConfigTest, WarnsOfMistakesInAuditFiles) {
  TestSettings before;
  before.config_models = {"bert"};
  const TestSettings s = Apply(
      "*.*.test05_qsl_rng_sed = 1\n*.*.test5_x = 1\n*.*.test05 = 1\n"
      "*.*.min_duraton = 1\n",
      "*", "Server", 2, before);
  EXPECT_EQ(s.config_diagnostics.size(), 4u) << ToText(s.config_diagnostics);
  const TestSettings keys = Apply(
      "*.*.test07_accuracy_treshold = 1\n*.*.test99_x = 1\n*.*.test09_max_output = 2\n"
      "*.Server.target_qpss = 1\n",
      "*", "Server", 2, before);
  EXPECT_EQ(ToText(keys.config_diagnostics),
            "warning user.conf:1: '*.*.test07_accuracy_treshold' is ignored: there is no key "
            "'test07_accuracy_treshold'; check its spelling: did you mean "
            "test07_accuracy_threshold?\n"
            "warning user.conf:2: '*.*.test99_x' is ignored: there is no key 'test99_x'; check its "
            "spelling\n"
            "warning user.conf:3: '*.*.test09_max_output' is ignored: there is no key "
            "'test09_max_output'; check its spelling: did you mean test09_max_output_tokens?\n"
            "warning user.conf:4: '*.Server.target_qpss' is ignored: there is no key "
            "'target_qpss'; check its spelling: did you mean target_qps?\n");
  // A user's file is read for one model, and has no keys for scripts.
  EXPECT_EQ(Apply("*.*.test07_accuracy_threshold = 1").config_diagnostics.size(), 1u);
}

TEST(ApplyConfigTest, WarnsOfTheModelThatIsRunInAFileForAnyModel) {
  TestSettings before;
  before.config_models = {"resnet50"};
  const TestSettings s =
      Apply("*.*.mode = 2\nresnet50.*.mode = 1\nbert.*.mode = 1\n", "*", "Server", 1, before);
  EXPECT_EQ(s.mode, TestMode::PerformanceOnly);
  EXPECT_EQ(ToText(s.config_diagnostics),
            "warning user.conf:2: 'resnet50.*.mode' is ignored: only keys for any model count in "
            "this file; write * for the model\n");
}

// What FromConfig says of a file that is read for (model, scenario).
std::string Said(const std::string& text, const std::string& model, const std::string& scenario) {
  TestSettings s;
  EXPECT_EQ(s.FromConfig(WriteFile("names.conf", text), model, scenario), 0);
  std::string said;
  for (const ConfigDiagnostic& d : s.config_diagnostics) said += d.message + "\n";
  return said;
}

TEST(FromConfigTest, WarnsOfAModelThatNothingIsKnownOf) {
  const std::string text = "*.*.min_duration = 5\nmine.Server.target_qps = 6\n";
  const std::string unknown =
      "only entries for any model count, because neither this file nor the built-in mlperf.conf "
      "has "
      "one for model ";
  EXPECT_EQ(Said(text, "resnet5", "Server"), unknown + "'resnet5': did you mean resnet50?\n");
  EXPECT_EQ(Said(text, "llama2-70b-interactve", "Server"),
            unknown + "'llama2-70b-interactve': did you mean llama2-70b-interactive?\n");
  EXPECT_EQ(Said(text, "bert-99", "Server"), unknown + "'bert-99': did you mean bert?\n");
  EXPECT_EQ(Said(text, "mime", "Server"), unknown + "'mime': did you mean mine?\n");
  EXPECT_EQ(Said(text, "xyz", "Server"), unknown + "'xyz'; write * for the model\n");
  for (const char* known : {"resnet50", "mine"}) EXPECT_EQ(Said(text, known, "Server"), "");
  EXPECT_EQ(Said("*.*.min_duration = 5\n", "*", "Server"), "");
}

TEST(FromConfigTest, KnowsTheModelsOfEarlierFilesOfTheSameSettings) {
  const std::string path = WriteFile("models.conf", "mine.*.min_duration = 5\n");
  const std::string other = WriteFile("other.conf", "*.*.min_query_count = 5\n");
  TestSettings s;
  EXPECT_EQ(s.FromConfig(path, "mine", "Server"), 0);
  EXPECT_EQ(s.FromConfig(other, "mine", "Server"), 0);
  ASSERT_EQ(s.config_diagnostics.size(), 1u);
  EXPECT_TRUE(s.config_diagnostics[0].message.starts_with("Multiple conf files"));
  EXPECT_EQ(s.config_models, std::vector<std::string>{"mine"});
}

TEST(FromConfigTest, WarnsOfAScenarioThatThereIsNoneOf) {
  const std::string text = "*.*.min_duration = 5\n";
  EXPECT_EQ(Said(text, "*", "Sever"), "there is no scenario 'Sever': did you mean Server?\n");
  EXPECT_EQ(Said(text, "*", "offline"), "there is no scenario 'offline': did you mean Offline?\n");
  EXPECT_EQ(Said(text, "*", ""),
            "there is no scenario ''; write SingleStream, MultiStream, Server or Offline\n");
  for (const char* known : {"SingleStream", "MultiStream", "Server", "Offline", "*"}) {
    EXPECT_EQ(Said(text, "*", known), "");
  }
}

TEST(FromConfigTest, WarnsOfEntriesForAMisspelledModel) {
  EXPECT_EQ(Said("resnet5.Server.target_qps = 6\n", "resnet50", "Server"),
            "'resnet5.Server.target_qps' is ignored: the model is 'resnet50': did you mean "
            "resnet50?\n");
  // Entries of models that are known, or beside those of the model itself, are for other tests.
  EXPECT_EQ(Said("llama2-70b.*.min_duration = 6\n", "llama2-70b-interactive", "Server"), "");
  EXPECT_EQ(Said("mine1.*.min_duration = 6\nmine2.*.min_duration = 6\n", "mine1", "Server"), "");
}

}  // namespace
}  // namespace mlperf::loadgen
