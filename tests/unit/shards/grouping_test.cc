// Goal: members become fields of samples, and fields that come twice and keys that return are seen.
// Method: names in order, and what each is to be.
#include "grouping.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mlperf::shards {
namespace {

std::string UpperIsLower(std::string_view) { return "not ascii"; }

Grouping::Place Take(Grouping* grouping, const std::string& name) {
  return grouping->Take(SplitName(name));
}

TEST(Grouping, FieldsOfSamples) {
  Grouping grouping(UpperIsLower);
  const std::vector<std::string> names = {"a.cls", "a.jpg", "b.CLS", "b.JPG", "b.png"};
  std::vector<uint32_t> fields;
  std::vector<bool> begins;
  for (const std::string& name : names) {
    const Grouping::Place place = Take(&grouping, name);
    EXPECT_EQ(place.error, ErrorKind::kNone) << name;
    fields.push_back(place.field);
    begins.push_back(place.begins_sample);
  }
  EXPECT_EQ(fields, (std::vector<uint32_t>{0, 1, 0, 1, 2}));
  EXPECT_EQ(begins, (std::vector<bool>{true, false, true, false, false}));
  ASSERT_EQ(grouping.keys().size(), 2u);
  EXPECT_EQ(grouping.keys()[1], "b");
  EXPECT_EQ(grouping.fields()[2], "png");
}

TEST(Grouping, Faults) {
  Grouping grouping(UpperIsLower);
  EXPECT_EQ(Take(&grouping, "a.jpg").error, ErrorKind::kNone);
  EXPECT_EQ(Take(&grouping, "a.JPG").error, ErrorKind::kDuplicate);
  EXPECT_EQ(Take(&grouping, "b.jpg").error, ErrorKind::kNone);
  EXPECT_EQ(Take(&grouping, "b.__Key__").error, ErrorKind::kReserved);
  const Grouping::Place place = Take(&grouping, "a.png");
  EXPECT_TRUE(place.begins_sample);
  EXPECT_TRUE(place.has_returned);
}

TEST(Grouping, ASampleEndsWhereAnArchiveDoes) {
  Grouping grouping(UpperIsLower);
  Take(&grouping, "a.jpg");
  grouping.EndSample();
  const Grouping::Place place = Take(&grouping, "a.png");
  EXPECT_TRUE(place.begins_sample);
  EXPECT_TRUE(place.has_returned);
}

TEST(Grouping, OthersLowerWhatIsNotAscii) {
  Grouping grouping(UpperIsLower);
  Take(&grouping, "a.\xc3\x84");
  EXPECT_EQ(grouping.fields()[0], "not ascii");
  EXPECT_EQ(Take(&grouping, "a.\xc3\xa4").error, ErrorKind::kDuplicate);
}

TEST(Grouping, ManyKeysAndFieldsAreFoundAgain) {
  constexpr int kCount = 10'000;
  Grouping grouping(UpperIsLower);
  for (int i = 0; i < kCount; ++i) {
    const Grouping::Place place = Take(&grouping, std::to_string(i) + ".f" + std::to_string(i));
    EXPECT_FALSE(place.has_returned);
    EXPECT_EQ(place.field, static_cast<uint32_t>(i));
  }
  for (int i = 0; i < kCount; i += 7) {
    const Grouping::Place place = Take(&grouping, std::to_string(i) + ".f" + std::to_string(i));
    EXPECT_TRUE(place.has_returned);
    EXPECT_EQ(place.field, static_cast<uint32_t>(i));
  }
}

}  // namespace
}  // namespace mlperf::shards
