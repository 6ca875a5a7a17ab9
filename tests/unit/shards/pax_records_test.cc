// Goal: records of extended headers are read by their lengths, and any fault is seen.
// Method: tables of bodies, good and bad.
#include "pax_records.h"

#include <gtest/gtest.h>

#include <string>

namespace mlperf::shards {
namespace {

TEST(PaxRecords, ValuesMayHoldAnything) {
  PaxValues values;
  ASSERT_EQ(
      ReadPaxRecords("17 note=a\nb = c\n\n14 path=d/e=f\n12 size=123\n16 linkpath=a/b\n", &values),
      nullptr);
  EXPECT_EQ(values.path, "d/e=f");
  EXPECT_EQ(values.size, 123u);
  EXPECT_EQ(values.link_path, "a/b");
  EXPECT_FALSE(values.is_sparse);
}

TEST(PaxRecords, TheLargestSize) {
  PaxValues values;
  ASSERT_EQ(ReadPaxRecords("28 size=9223372036854775807\n", &values), nullptr);
  EXPECT_EQ(values.size, uint64_t{INT64_MAX});
  EXPECT_NE(ReadPaxRecords("28 size=9223372036854775808\n", &values), nullptr);
}

TEST(PaxRecords, AnEmptyPathIsNone) {
  PaxValues values;
  ASSERT_EQ(ReadPaxRecords("10 path=a\n8 path=\n", &values), nullptr);
  EXPECT_FALSE(values.path);
}

TEST(PaxRecords, SparseFilesAreSeen) {
  PaxValues values;
  ASSERT_EQ(ReadPaxRecords("22 GNU.sparse.major=1\n", &values), nullptr);
  EXPECT_TRUE(values.is_sparse);
}

TEST(PaxRecords, Faults) {
  for (const std::string& body :
       {std::string("10 path=longer.jpg\n"), std::string("99 path=x.jpg\n"), std::string("0 a=b\n"),
        std::string("18446744073709551630 path=x.jpg\n"), std::string("11 pathx.jpg\n"),
        std::string("xx path=x.jpg\n"), std::string("12 size=12x\n"), std::string("11 size=-1\n"),
        std::string("9 size=\n"), std::string("5 =b\n"), std::string("3 \n"), std::string("1 "),
        std::string("12 path=a\0b\n", 12), std::string("9 path=ab"), std::string("9path=ab\n"),
        std::string("10 path=a\n\0", 11)}) {
    PaxValues values;
    EXPECT_NE(ReadPaxRecords(body, &values), nullptr) << body;
  }
}

}  // namespace
}  // namespace mlperf::shards
