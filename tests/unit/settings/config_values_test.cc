// Goal: a value is read as its setting asks, and what is read differently than it is written is
// reported. Method: tables of texts with the outcome measured on the reference.
#include "settings/config_values.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "helpers/config_texts.h"

namespace mlperf::loadgen {
namespace {

TEST(ApplyConfigTest, KeepsModeThatNoNumberNames) {
  TestSettings before;
  before.mode = TestMode::AccuracyOnly;
  for (const std::string value : {"4", "-1", "18446744073709551615"}) {
    const TestSettings s = Apply("\n*.*.mode = " + value, "m", "Server", 2, before);
    EXPECT_EQ(s.mode, TestMode::AccuracyOnly);
    EXPECT_NE(ToText(s.config_diagnostics)
                  .find("error user.conf:2: Invalid value passed to Mode key in config.\n"),
              std::string::npos);
  }
}

TEST(ApplyConfigTest, ResetsBooleansThatAreNamedAndKeepsTheRest) {
  TestSettings before;
  before.sample_concatenate_permutation = true;
  before.print_timestamps = true;
  before.min_duration_ms = 77;
  const TestSettings s = Apply("*.*.sample_concatenate_permutation = 0", "m", "Server", 2, before);
  EXPECT_FALSE(s.sample_concatenate_permutation);
  EXPECT_TRUE(s.print_timestamps);
  EXPECT_EQ(s.min_duration_ms, 77u);
}

TEST(ApplyConfigTest, WarnsOfWhatIsReadDifferentlyThanWritten) {
  const std::vector<std::tuple<std::string, std::string>> kCases = {
      {"*.*.min_duration = 010", "the leading 0 makes it octal, 8 was taken"},
      {"*.*.min_duration = 089", "only whole numbers written in digits can be read, 0 was taken"},
      {"*.*.min_duration = 1e6", "only whole numbers written in digits can be read, 1 was taken"},
      {"*.*.min_duration = 2.9", "only whole numbers written in digits can be read, 2 was taken"},
      {"*.*.min_duration = nan", "only whole numbers written in digits can be read, 0 was taken"},
      {"*.*.min_duration = -1", "a negative number wraps around, 18446744073709551615 was taken"},
      {"*.*.min_duration = 18446744073709551616", "it does not fit into 64 bits"},
      {"*.Server.target_latency = 18446744073710", "times 1000000 it does not fit into 64 bits"},
      {"*.Server.max_async_queries = 2147483648", "it does not fit into 31 bits"},
      {"*.Server.target_latency_percentile = 101", "it is a percentage"},
      {"*.Server.target_latency_percentile = nan", "it is a percentage"},
      {"*.Server.target_qps = 1e400", "it does not fit into a double, infinity was taken"},
      {"*.Server.target_qps = 1e-400", "it does not fit into a double, 0 was taken"},
      {"*.*.use_token_latencies = 2", "only 1 turns it on"},
      {"*.*.target_latency_percentile = 101", "it is a percentage"},  // Three settings, once.
  };
  for (const auto& [line, message] : kCases) {
    const TestSettings s = Apply("\n" + line);
    ASSERT_EQ(s.config_diagnostics.size(), 1u) << line << "\n" << ToText(s.config_diagnostics);
    const ConfigDiagnostic& d = s.config_diagnostics[0];
    EXPECT_EQ(d.severity, ConfigDiagnostic::Severity::kWarning);
    EXPECT_EQ(d.file, "user.conf");
    EXPECT_EQ(d.line, 2u);
    EXPECT_TRUE(d.message.starts_with("'" + line.substr(0, line.find(' ')) + "' = '")) << d.message;
    EXPECT_NE(d.message.find(message), std::string::npos) << d.message;
    EXPECT_NE(d.message.find("; write "), std::string::npos) << d.message;
  }
}

TEST(ApplyConfigTest, IsSilentAboutValuesReadAsWritten) {
  for (const std::string value : {"0", "00", "007", "0x10", "+5", "-0", "5.0", "1e0"}) {
    const TestSettings s = Apply("*.*.min_duration = " + value);
    EXPECT_EQ(ToText(s.config_diagnostics), "") << value;
  }
  EXPECT_EQ(ToText(Apply("*.Server.target_qps = 010").config_diagnostics), "");
  EXPECT_EQ(
      ToText(Apply("*.*.qsl_rng_seed = 16159082839903944936", "m", "Server", 0).config_diagnostics),
      "");
}

TEST(ApplyConfigTest, WarnsOfAPercentileThatIsWrittenAsAFraction) {
  for (const char* scenario : {"SingleStream", "MultiStream", "Server"}) {
    const std::string key = std::string("*.") + scenario + ".target_latency_percentile";
    const auto said = [&](const std::string& value) {
      return ToText(Apply("\n" + key + " = " + value).config_diagnostics);
    };
    const std::string start = "warning user.conf:2: '" + key + "' = ";
    EXPECT_EQ(said("0.99"),
              start + "'0.99': it is a percentage and means 0.99 %; write 99 for 99 %\n");
    EXPECT_EQ(said("0.999"),
              start + "'0.999': it is a percentage and means 0.999 %; write 99.9 for 99.9 %\n");
    EXPECT_EQ(said("1"), start + "'1': it is a percentage and means 1 %; write 99 for 99 %\n");
    EXPECT_EQ(said("1.5"), "");
    EXPECT_EQ(said("99"), "");
  }
}

TEST(ApplyConfigTest, WarnsOfALatencyThatIsWrittenInNanoseconds) {
  for (const char* scenario : {"SingleStream", "MultiStream", "Server"}) {
    const std::string key = std::string("*.") + scenario + ".target_latency";
    EXPECT_EQ(ToText(Apply(key + " = 15000000").config_diagnostics),
              "warning user.conf:1: '" + key +
                  "' = '15000000': it is in milliseconds and means 15000 s; write 15 for 15000000 "
                  "ns\n");
    EXPECT_EQ(ToText(Apply(key + " = 20000").config_diagnostics), "");
  }
}

}  // namespace
}  // namespace mlperf::loadgen
