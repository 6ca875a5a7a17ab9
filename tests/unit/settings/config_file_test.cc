// Goal: config files are read exactly as the reference reads them, and whatever it passes over in
// silence is reported. Method: tables of texts with the outcome measured on the reference; texts of
// numbers are also compared with strtoull and strtod of the C library on random tokens; files are
// written to the test's temporary directory.
#include "settings/config_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "settings/settings_table.h"

namespace mlperf::loadgen {
namespace {

using Severity = ConfigDiagnostic::Severity;

const std::string kRefused = "; nothing of this file was applied: correct the line\n";
constexpr char kKey[] = "*.*.min_query_count";

std::string ToText(const std::vector<ConfigDiagnostic>& diagnostics) {
  std::string text;
  for (const ConfigDiagnostic& d : diagnostics) {
    text += (d.severity == Severity::kError ? "error " : "warning ") + d.file + ":" +
            std::to_string(d.line) + ": " + d.message + "\n";
  }
  return text;
}

// A path of this process alone, since ctest runs tests in processes side by side; removed at its
// end.
std::string PathOf(const std::string& name) {
  static struct Used {
    ~Used() {
      for (const std::string& path : paths) std::remove(path.c_str());
    }
    std::set<std::string> paths;
  } used;
  const std::string file = "config_file_test_" + std::to_string(getpid()) + "_" + name;
  return *used.paths.insert(testing::TempDir() + file).first;
}

std::string WriteFile(const std::string& name, const std::string& text) {
  const std::string path = PathOf(name);
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

// Settings after `text` was applied as a file of `conf_type`.
TestSettings Apply(const std::string& text, const std::string& model = "m",
                   const std::string& scenario = "Server", int conf_type = 2,
                   TestSettings settings = {}) {
  const ConfigFile file = ParseConfig(text, "user.conf");
  EXPECT_FALSE(file.malformed) << text;
  ApplyConfig(file, "user.conf", model, scenario, conf_type, &settings);
  return settings;
}

// ---- Grammar -----------------------------------------------------------------------------------

struct GrammarCase {
  std::string text;
  bool malformed;
  std::string value;        // Of the entry `k`; empty: there is none.
  std::string diagnostics;  // Exact for errors, the beginning for warnings.
};

TEST(ParseConfigTest, FollowsTheGrammarOfTheReference) {
  const std::string kValueError =
      "error f:1: value needs to be integer or double, line=1" + kRefused;
  const std::string kKeyError = "error f:1: expected 'key=value', line=1" + kRefused;
  const std::vector<GrammarCase> kCases = {
      {"k = 5", false, "5", ""},
      {"  k\t=\t5  ", false, "5", ""},
      {"k = 5\r\n", false, "5", ""},
      {"k\v=\f5", false, "5", ""},
      {"k\r=\r5", false, "5", ""},
      {"", false, "", ""},
      {"\n\n", false, "", ""},
      {"# k = 5", false, "", ""},
      {"k # = 5", false, "", "warning f:1: 'k' is ignored: it has no value"},
      {"k = 5 # note", true, "", kValueError},
      {"k = # note", true, "", kValueError},
      {"k = 5 6", false, "6", "warning f:1: 'k' has several values: '6' replaces '5'"},
      {"k = 5 6 7", false, "7", "warning f:1: 'k' has several values: '7' replaces '6'"},
      {"k = 5 x", true, "", kValueError},
      {"#nospace", false, "", ""},
      {"#nospace word", true, "", kKeyError},
      {"k=5", false, "", "warning f:1: 'k=5' is ignored: write spaces around the ="},
      {"k= 5", true, "", kKeyError},
      {"k =5", true, "", kKeyError},
      {"k == 5", true, "", kKeyError},
      {"k =", false, "", "warning f:1: 'k' is ignored: it has no value"},
      {"k", false, "", "warning f:1: 'k' is ignored: it has no value"},
      {"=", false, "", "warning f:1: '=' is ignored: it has no value"},
      {"= = 5", false, "", ""},
      {"k = five", true, "", kValueError},
      {"k = 1,5", true, "", kValueError},
      {"k = \"5\"", true, "", kValueError},
      {"k = 1\nk = 2\n", false, "2", ""},
      {std::string("k = 5\0", 6), true, "", kValueError},
  };
  for (const GrammarCase& c : kCases) {
    const ConfigFile file = ParseConfig(c.text, "f");
    EXPECT_EQ(file.malformed, c.malformed) << c.text;
    const auto found = file.entries.find("k");
    const std::string value = found == file.entries.end() ? "" : found->second.value;
    EXPECT_EQ(value, c.value) << c.text;
    const std::string diagnostics = ToText(file.diagnostics);
    if (c.malformed || c.diagnostics.empty()) {
      EXPECT_EQ(diagnostics, c.diagnostics) << c.text;
    } else {
      EXPECT_TRUE(diagnostics.starts_with(c.diagnostics)) << c.text << "\n" << diagnostics;
      EXPECT_EQ(file.diagnostics.size(), 1u) << c.text;
    }
  }
}

TEST(ParseConfigTest, CountsLinesFromOneAndGoesOnAfterABadOne) {
  const ConfigFile file = ParseConfig("\nbad line\r\n# fine\nk = 7\nk = oops\nlast = 1", "f");
  EXPECT_TRUE(file.malformed);
  EXPECT_EQ(ToText(file.diagnostics), "error f:2: expected 'key=value', line=2" + kRefused +
                                          "error f:5: value needs to be integer or double, line=5" +
                                          kRefused);
  EXPECT_EQ(file.entries.at("k").line, 4u);
  EXPECT_EQ(file.entries.at("last").line, 6u);
}

struct NumberCase {
  std::string text;
  bool accepted;
  uint64_t integer = 0;
  double real = 0;
};

TEST(ParseConfigTest, ReadsNumbersAsTheCLibraryDoes) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  const std::vector<NumberCase> kCases = {
      {"0", true, 0, 0},
      {"+5", true, 5, 5},
      {"-1", true, kMax, -1},
      {"0x10", true, 16, 16},
      {"0XfF", true, 255, 255},
      {"-0x2", true, kMax - 1, -2},
      {"010", true, 8, 10},
      {"089", true, 0, 89},
      {"1e3", true, 1, 1000},
      {"1E+3", true, 1, 1000},
      {"2.9", true, 2, 2.9},
      {".5", true, 0, 0.5},
      {"5.", true, 5, 5},
      {"0x1p4", true, 1, 16},
      {"0x1.8", true, 1, 1.5},
      {"0x.8p1", true, 0, 1},
      {"inf", true, 0, kInf},
      {"-Infinity", true, 0, -kInf},
      {"nan", true, 0, kNan},
      {"NaN(12)", true, 0, kNan},
      {"18446744073709551615", true, kMax, 18446744073709551615.0},
      {"18446744073709551616", true, kMax, 18446744073709551616.0},
      {"-18446744073709551616", true, kMax, -18446744073709551616.0},
      {"1e400", true, 1, kInf},
      {"-1e400", true, kMax, -kInf},
      {"1e309", true, 1, kInf},
      {"1e-400", true, 1, 0},
      {"0.0001e99999999999999999999", true, 0, kInf},
      {"1e-99999999999999999999", true, 1, 0},
      {"0x1p-9999", true, 1, 0},
      {"0x1p9999", true, 1, kInf},
      {"", false},
      {"0x", false},
      {"0xg", false},
      {"0xinf", false},
      {"1e", false},
      {"1e+", false},
      {"0x1p", false},
      {".", false},
      {"+", false},
      {"+-5", false},
      {"--5", false},
      {"5ms", false},
      {"1_000", false},
      {"infin", false},
      {"nan(", false},
      {"true", false},
  };
  for (const NumberCase& c : kCases) {
    if (!c.accepted) {
      EXPECT_EQ(ParseConfig("k = 1 " + c.text, "f").malformed, !c.text.empty()) << c.text;
      continue;
    }
    const TestSettings s =
        Apply(std::string(kKey) + " = " + c.text + "\n*.Server.target_qps = " + c.text);
    EXPECT_EQ(s.min_query_count, c.integer) << c.text;
    if (std::isnan(c.real)) {
      EXPECT_TRUE(std::isnan(s.server_target_qps)) << c.text;
    } else {
      EXPECT_EQ(s.server_target_qps, c.real) << c.text;
    }
  }
}

// No 'b': newer C libraries also read binary literals, the reference's does not.
TEST(ParseConfigTest, AgreesWithTheCLibraryOnRandomTokens) {
  constexpr char kAlphabet[] = "0011789..++--eExXpPaAFiInNftTyY()_";
  std::mt19937 engine(1);
  for (int i = 0; i < 100000; ++i) {
    std::string token;
    for (size_t length = 1 + engine() % 8; token.size() < length;) {
      token += kAlphabet[engine() % (sizeof(kAlphabet) - 1)];
    }
    char* integer_end = nullptr;
    char* real_end = nullptr;
    const uint64_t integer = std::strtoull(token.c_str(), &integer_end, 0);
    const double real = std::strtod(token.c_str(), &real_end);
    const bool accepted = *integer_end == '\0' || *real_end == '\0';
    const ConfigFile file =
        ParseConfig(std::string(kKey) + " = " + token + "\n*.Server.target_qps = " + token, "f");
    ASSERT_EQ(!file.malformed, accepted) << token;
    if (!accepted) continue;
    TestSettings s;
    ApplyConfig(file, "f", "m", "Server", 2, &s);
    ASSERT_EQ(s.min_query_count, integer) << token;
    ASSERT_TRUE(s.server_target_qps == real ||
                (std::isnan(real) && std::isnan(s.server_target_qps)))
        << token;
  }
}

TEST(ParseConfigTest, SurvivesBinaryText) {
  std::mt19937 engine(2);
  std::string text(1 << 16, '\0');
  for (char& c : text) c = static_cast<char>(engine());
  const ConfigFile file = ParseConfig(text, "f");
  for (const ConfigDiagnostic& d : file.diagnostics) {
    for (const char c : d.message) EXPECT_TRUE(c >= 0x20 && c < 0x7F) << d.message;
  }
}

TEST(ParseConfigTest, ShowsOddTextsShortAndPrintable) {
  const ConfigFile file = ParseConfig("k\x01\xFF=1\n" + std::string(100000, 'k'), "f");
  ASSERT_EQ(file.diagnostics.size(), 2u);
  EXPECT_TRUE(file.diagnostics[0].message.starts_with("'k\\x01\\xFF=1' is ignored"));
  EXPECT_LT(file.diagnostics[1].message.size(), 200u);
}

TEST(ParseConfigTest, BoundsTheNumberOfDiagnostics) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "bad line\n";
  const ConfigFile file = ParseConfig(text, "f");
  EXPECT_TRUE(file.malformed);
  ASSERT_EQ(file.diagnostics.size(), 1001u);
  EXPECT_EQ(file.diagnostics.back().message, "4000 more problems of this file are not listed");
}

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

TEST(ApplyConfigTest, ReadsScalingFactorOnlyWhereTokensAreInferred) {
  const std::string factor = "*.*.token_latency_scaling_factor = 69\n";
  EXPECT_EQ(Apply(factor).token_latency_scaling_factor, 0u);
  EXPECT_EQ(Apply(factor + "*.*.infer_token_latencies = 1").token_latency_scaling_factor, 69u);
}

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

// ---- Warnings of values ------------------------------------------------------------------------

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
    EXPECT_EQ(d.severity, Severity::kWarning);
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
    EXPECT_EQ(ToText(Apply("*.*.mode = 2\n*.*.accuracy_log_rng_seed = 720381539243781796\n"
                           "*.*.accuracy_log_sampling_target = 128\n"
                           "*.*.performance_issue_same = 1\n*.*.test07_accuracy_threshold = 0.9\n"
                           "gpt-oss-120b.*.test07_max_samples = 990\n"
                           "gpt-oss-120b.*.test09_min_output_tokens = 100.5\n"
                           "*.Offline.test08_x = 1\nbert.Offline.min_query_count = 5\n"
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
  // A user's file is read for one model, and has no keys for scripts.
  EXPECT_EQ(Apply("*.*.test07_accuracy_threshold = 1").config_diagnostics.size(), 1u);
}

TEST(ApplyConfigTest, IgnoredValuesThatWouldChangeNothingAreNoMistake) {
  TestSettings before;
  before.qsl_rng_seed = 0x5;
  before.test05 = true;
  EXPECT_EQ(ToText(Apply("*.*.qsl_rng_seed = 0x5\n*.*.test05 = 1\n", "*", "Server", 2, before)
                       .config_diagnostics),
            "");
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

TEST(ApplyConfigTest, ListsDiagnosticsByLine) {
  const TestSettings s =
      Apply("*.*.zzz = 1\n*.*.min_query_count = 2.9\n*.*.aaa = 1\n*.*.min_duration = 1e6\n");
  ASSERT_EQ(s.config_diagnostics.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(s.config_diagnostics[i].line, i + 1);
}

// ---- The built-in file -------------------------------------------------------------------------

TEST(BuiltInConfigTest, Has148EntriesAndNothingOdd) {
  const ConfigFile file = ParseConfig(EmbeddedMlperfConf(), "mlperf.conf");
  EXPECT_EQ(file.entries.size(), 148u);
  EXPECT_FALSE(file.malformed);
  EXPECT_EQ(ToText(file.diagnostics), "");
  EXPECT_EQ(file.entries.at("*.Server.target_duration").value, "0");
  EXPECT_EQ(file.entries.at("pointpainting.SingleStream.target_latency_percentile").value, "99.9");
  // Every key is there once: as many lines with an entry as entries.
  size_t lines_with_entry = 0;
  const std::string_view text = EmbeddedMlperfConf();
  for (size_t at = text.find(" = "); at != text.npos; at = text.find(" = ", at + 1)) {
    const size_t begin = text.rfind('\n', at) + 1;
    if (text[begin] != '#') ++lines_with_entry;
  }
  EXPECT_EQ(lines_with_entry, 148u);
}

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
  EXPECT_EQ(s.config_diagnostics[0].severity, Severity::kError);
  EXPECT_EQ(s.config_diagnostics[0].line, 2u);
  EXPECT_EQ(
      s.config_diagnostics[0].message,
      "value needs to be integer or double, line=2; nothing of this file was applied: correct the "
      "line");
  EXPECT_EQ(s.config_diagnostics[1].severity, Severity::kWarning);
  EXPECT_EQ(s.config_diagnostics[1].line, 3u);
}

// ---- Names
// ---------------------------------------------------------------------------------------

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

TEST(FromConfigTest, NotesWhereEachValueCameFrom) {
  const std::string path =
      WriteFile("origins.conf", "\n*.Server.target_qps = 6\n*.*.qsl_rng_seed = 5\n*.*.mode = 9\n");
  TestSettings s;
  EXPECT_EQ(s.FromConfig(path, "*", "Server"), 0);
  EXPECT_EQ(s.config_origins.at("server_target_qps"), path + ":2");
  EXPECT_EQ(s.config_origins.at("qsl_rng_seed"), "built-in mlperf.conf");
  EXPECT_FALSE(s.config_origins.contains("mode"));
}

// ---- Units
// ---------------------------------------------------------------------------------------

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

// ---- Encodings
// -----------------------------------------------------------------------------------

TEST(ParseConfigTest, SkipsTheMarkOfUtf8) {
  const ConfigFile file = ParseConfig("\xEF\xBB\xBF*.*.mode = 1\n", "f");
  EXPECT_EQ(ToText(file.diagnostics), "");
  EXPECT_TRUE(file.entries.contains("*.*.mode"));
  EXPECT_FALSE(ParseConfig("\xEF\xBB\xBF# a comment\n", "f").malformed);
}

TEST(ParseConfigTest, RefusesUtf16) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {"\xFF\xFE*\0.\0"sv, "\xFE\xFF\0*\0."sv, "*\0.\0"sv, "\0*\0."sv}) {
    const ConfigFile file = ParseConfig(text, "f");
    EXPECT_TRUE(file.malformed);
    EXPECT_EQ(ToText(file.diagnostics),
              "error f:1: the text is in UTF-16 or UTF-32; save the file as UTF-8; nothing of this "
              "file was applied: correct the line\n");
  }
}

}  // namespace
}  // namespace mlperf::loadgen
