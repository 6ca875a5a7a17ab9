// Goal: the text of a config file becomes the entries that the reference reads, and whatever it
// passes over in silence is reported. Method: tables of texts with the outcome measured on the
// reference; texts of numbers are also compared with strtoull and strtod of the C library on random
// tokens.
#include "settings/config_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/config_texts.h"

namespace mlperf::loadgen {
namespace {

const std::string kRefused = "; nothing of this file was applied: correct the line\n";
constexpr char kKey[] = "*.*.min_query_count";

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
      {"k = 1\nk = 2\n", false, "2", "warning f:2: 'k' is set twice: '2' replaces '1' of line 1"},
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

TEST(ParseConfigTest, WarnsOfAKeyThatIsSetTwiceToDifferentValues) {
  const ConfigFile file = ParseConfig("k = 5\nother = 5\n\nk = 6\nk = 6\n#k = 1\n#k = 2\n", "f");
  EXPECT_EQ(ToText(file.diagnostics),
            "warning f:4: 'k' is set twice: '6' replaces '5' of line 1; remove one of the lines\n");
  EXPECT_EQ(file.entries.at("k").value, "6");
  EXPECT_FALSE(file.malformed);
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

}  // namespace
}  // namespace mlperf::loadgen
