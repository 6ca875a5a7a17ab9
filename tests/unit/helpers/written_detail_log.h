// A detail log that a test writes to a file, and its records read back by a strict parser.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_WRITTEN_DETAIL_LOG_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_WRITTEN_DETAIL_LOG_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "helpers/json_check.h"
#include "helpers/test_file.h"
#include "write/detail_log.h"

namespace mlperf::loadgen {

using Strings = std::vector<std::string>;

inline constexpr TestScenario kScenarios[] = {TestScenario::SingleStream, TestScenario::MultiStream,
                                              TestScenario::Server, TestScenario::Offline};
constexpr int64_t kOrigin = 1'000'000;
constexpr int64_t kNow = kOrigin + 2'500'000;

// Words of a text, each behind a prefix.
inline Strings Words(const std::string& text, const std::string& prefix = "") {
  std::istringstream stream(text);
  Strings words;
  for (std::string word; stream >> word;) words.push_back(prefix + word);
  return words;
}

inline Strings operator+(Strings a, const Strings& b) {
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

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_WRITTEN_DETAIL_LOG_H_
