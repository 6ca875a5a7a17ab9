// Goal: every record is one line of strict JSON with the fields that log readers expect, and errors
// and warnings are counted and remembered.
// Method: one line compared byte for byte; JSON values against literals; hostile strings parsed
// back with a strict parser.
#include "write/mllog.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "helpers/json_check.h"
#include "helpers/test_file.h"

namespace mlperf::loadgen {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(StreamDouble, PrintsSixSignificantDigitsAsStreamsDo) {
  const std::map<std::string, double> cases = {{"1723.78", 1723.7812},
                                               {"1e+06", 1e6},
                                               {"0.99", 0.99},
                                               {"3.04634e+06", 3046341.0},
                                               {"0", 0.0},
                                               {"-0", -0.0},
                                               {"100000", 100000},
                                               {"1e-05", 0.00001},
                                               {"0.0001", 0.0001},
                                               {"3333.33", 1e4 / 3},
                                               {"1", 0.99999999},
                                               {"-2.5", -2.5},
                                               {"1.79769e+308", std::numeric_limits<double>::max()},
                                               {"nan", kNan},
                                               {"-nan", -kNan},
                                               {"inf", kInfinity},
                                               {"-inf", -kInfinity}};
  for (const auto& [text, value] : cases) EXPECT_EQ(StreamDouble(value), text);
}

TEST(ToJson, WritesEachType) {
  EXPECT_EQ(ToJson(std::numeric_limits<int64_t>::min()).text, "-9223372036854775808");
  EXPECT_EQ(ToJson(std::numeric_limits<uint64_t>::max()).text, "18446744073709551615");
  EXPECT_EQ(ToJson(true).text, "true");
  EXPECT_EQ(ToJson(false).text, "false");
  EXPECT_EQ(ToJson(1e6).text, "1e+06");
  EXPECT_EQ(ToJson(kNan).text, "null");
  EXPECT_EQ(ToJson(-kInfinity).text, "null");
  EXPECT_EQ(ToJson("text").text, "\"text\"") << "a literal is no bool";
  EXPECT_EQ(ToJson(std::vector<uint64_t>{}).text, "[]");
  EXPECT_EQ(ToJson(std::vector<uint64_t>{1, 2, 3}).text, "[1,2,3]");
  EXPECT_EQ(ToJson(std::map<std::string, std::string>{}).text, "{}");
  EXPECT_EQ(ToJson(std::map<std::string, std::string>{{"/b", "2"}, {"/a", "1\""}}).text,
            R"({"/a":"1\"","/b":"2"})");
}

TEST(ToJson, EscapesStrings) {
  EXPECT_EQ(ToJson("a\"b\\c\nd\re\tf\x01g\x1fh\x7f/").text,
            "\"a\\\"b\\\\c\\nd\\re\\tf\\u0001g\\u001fh\x7f/\"");
  EXPECT_EQ(ToJson(std::string_view("a\0b", 3)).text, "\"a\\u0000b\"");
}

TEST(ToJson, KeepsValidUtf8AndReplacesTheRest) {
  const std::string replaced = "\xEF\xBF\xBD";
  const std::vector<std::string> valid = {"\xC2\x80",         "\xC3\xA9",        "\xDF\xBF",
                                          "\xE0\xA0\x80",     "\xE2\x82\xAC",    "\xED\x9F\xBF",
                                          "\xEE\x80\x80",     "\xEF\xBF\xBF",    "\xF0\x90\x80\x80",
                                          "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"};
  for (const std::string& text : valid) EXPECT_EQ(ToJson(text).text, '"' + text + '"');

  struct Case {
    std::string bytes;
    size_t replacements;
  };
  const std::vector<Case> invalid = {
      {"\x80", 1},              // A continuation byte alone.
      {"\xC3", 1},              // Cut off.
      {"\xE2\x82", 2},          //
      {"\xF0\x9F\x98", 3},      //
      {"\xC0\xAF", 2},          // Overlong.
      {"\xE0\x9F\xBF", 3},      //
      {"\xF0\x8F\xBF\xBF", 4},  //
      {"\xED\xA0\x80", 3},      // A surrogate.
      {"\xF4\x90\x80\x80", 4},  // Beyond U+10FFFF.
      {"\xF5\x80\x80\x80", 4},  //
      {"\xFF", 1},
  };
  for (const Case& c : invalid) {
    std::string expected = "\"<";
    for (size_t i = 0; i < c.replacements; ++i) expected += replaced;
    EXPECT_EQ(ToJson("<" + c.bytes + ">").text, expected + ">\"");
  }
  EXPECT_EQ(ToJson("\xC3(").text, '"' + replaced + "(\"") << "what follows is kept";
}

class MlLogTest : public testing::Test {
 protected:
  std::vector<Json> Records() {
    file_.Flush();
    return ParseMlLog(path_.Read());
  }

  TestFile path_;
  OutputFile file_{path_.path()};
};

TEST_F(MlLogTest, LineHasTheFieldsInTheReferencesOrder) {
  MlLog log(&file_, 1'000'000'000, false);
  const auto where = std::source_location::current();
  log.Record("result_validity", ToJson("VALID"), 1'061'482'618, MlLogLevel::kInfo, where);
  file_.Flush();
  EXPECT_EQ(path_.Read(),
            ":::MLLOG {\"key\": \"result_validity\", \"value\": \"VALID\", \"time_ms\": 61.482618, "
            "\"namespace\": \"mlperf::logging\", \"event_type\": \"POINT_IN_TIME\", \"metadata\": "
            "{\"is_error\": false, \"is_warning\": false, \"file\": \"mllog_test.cc\", "
            "\"line_no\": " +
                std::to_string(where.line()) + ", \"pid\": " + std::to_string(getpid()) +
                ", \"tid\": " + std::to_string(gettid()) + "}}\n");
}

TEST_F(MlLogTest, TimeBeforeTheOriginIsNegative) {
  constexpr int64_t kOrigin = 5'000'000;
  MlLog log(&file_, kOrigin, false);
  const std::vector<std::pair<int64_t, std::string>> cases = {
      {0, "0.000000"},          {1, "0.000001"},           {999'999, "0.999999"},
      {-1, "-0.000001"},        {-1'000'000, "-1.000000"}, {-2'500'000, "-2.500000"},
      {12'000'034, "12.000034"}};
  for (const auto& [since_origin, text] : cases) {
    log.Record("key", ToJson(true), kOrigin + since_origin);
  }
  const std::vector<Json> records = Records();
  ASSERT_EQ(records.size(), cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(records[i]["time_ms"].text, cases[i].second);
  }
}

TEST_F(MlLogTest, HostileNamesStayOneStrictLine) {
  MlLog log(&file_, 0, false);
  const std::string name = "a \"quoted\"\nname with \\ and \t and \x02";
  log.Record("qsl_name", ToJson(name), 0);
  const std::vector<Json> records = Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["value"].text, name);
}

TEST_F(MlLogTest, CountsAndRemembersErrorsAndWarnings) {
  MlLog log(&file_, 0, false);
  log.Record("a", ToJson("fine"), 0);
  log.Record("b", ToJson("a \"bad\" thing"), 0, MlLogLevel::kError);
  EXPECT_EQ(path_.Read(), "") << "still in the buffer";
  log.Flush();
  EXPECT_EQ(ParseMlLog(path_.Read()).size(), 2u);
  for (int i = 0; i < 12; ++i) {
    log.Record("c", ToJson("odd " + std::to_string(i)), 0, MlLogLevel::kWarning);
  }
  EXPECT_EQ(log.error_count(), 1u);
  EXPECT_EQ(log.warning_count(), 12u);
  EXPECT_EQ(log.errors(), std::vector<std::string>{"a \"bad\" thing"});
  ASSERT_EQ(log.warnings().size(), 10u);
  EXPECT_EQ(log.warnings().back(), "odd 9");

  const std::vector<Json> records = Records();
  ASSERT_EQ(records.size(), 14u);
  const auto flags = [&](size_t i) {
    const Json& metadata = records[i]["metadata"];
    return metadata["is_error"].text + " " + metadata["is_warning"].text;
  };
  EXPECT_EQ(flags(0), "false false");
  EXPECT_EQ(flags(1), "true false");
  EXPECT_EQ(flags(2), "false true");
}

TEST_F(MlLogTest, CopiesToStandardOutput) {
  MlLog log(&file_, 0, true);
  testing::internal::CaptureStdout();
  log.Record("key", ToJson(uint64_t{7}), 0);
  const std::string printed = testing::internal::GetCapturedStdout();
  file_.Flush();
  EXPECT_EQ(printed, path_.Read());
  EXPECT_EQ(ParseMlLog(printed).size(), 1u);
}

TEST_F(MlLogTest, ListsBeyondTheFileBufferArriveWhole) {
  MlLog log(&file_, 0, false);
  log.Record("loaded_qsl_set", ToJson(std::vector<uint64_t>(400'000, 12345)), 0);
  log.Record("next", ToJson(true), 0);
  const std::vector<Json> records = Records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["value"].items.size(), 400'000u);
}

}  // namespace
}  // namespace mlperf::loadgen
