// Goal: a number of things reads as people say it. Method: texts typed in.
#include "settings/count_text.h"

#include <gtest/gtest.h>

namespace mlperf::loadgen {
namespace {

TEST(CountTextTest, TheNounIsThatOfTheNumber) {
  EXPECT_EQ(Counted(0, "sample"), "0 samples");
  EXPECT_EQ(Counted(1, "sample"), "1 sample");
  EXPECT_EQ(Counted(2, "sample"), "2 samples");
  EXPECT_EQ(Counted(0, "query", "queries"), "0 queries");
  EXPECT_EQ(Counted(1, "query", "queries"), "1 query");
  EXPECT_EQ(Counted(1'000'000, "query", "queries"), "1000000 queries");
}

}  // namespace
}  // namespace mlperf::loadgen
