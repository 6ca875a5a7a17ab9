// Goal: a misspelled name is answered with the names that may be meant, and with no others.
// Method: names as people misspell them, against the models of MLPerf and the scenarios.
#include "settings/near_names.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace mlperf::loadgen {
namespace {

TEST(DidYouMean, NamesTheNearest) {
  const std::vector<std::string_view> known = {
      "resnet50", "retinanet", "bert", "llama2-70b", "llama2-70b-interactive", "Server", "Offline"};
  const std::vector<std::tuple<std::string, std::string>> cases = {
      {"resnet5", ": did you mean resnet50?"},    // A character is missing.
      {"resnet500", ": did you mean resnet50?"},  // One too many.
      {"resnat50", ": did you mean resnet50?"},   // A wrong one.
      {"RESNET50", ": did you mean resnet50?"},   // The case alone.
      {"llama2-70b-interactve", ": did you mean llama2-70b-interactive?"},
      {"bert-99.9", ": did you mean bert?"},  // The name is how the word begins.
      {"llama2", ": did you mean llama2-70b or llama2-70b-interactive?"},  // And the other way.
      {"sever", ": did you mean Server?"},
      {"xyz", ""},
      {"", ""},
      {"re", ""},
      {std::string(100000, 'r'), ""},
  };
  for (const auto& [word, text] : cases) EXPECT_EQ(DidYouMean(word, known), text) << word;
  EXPECT_EQ(DidYouMean("resnet5", {}), "");
  const std::vector<std::string_view> repeated = {"target_qps", "target_latency", "target_qps"};
  EXPECT_EQ(DidYouMean("target_qpss", repeated), ": did you mean target_qps?");
}

}  // namespace
}  // namespace mlperf::loadgen
