// Goal: a C++ program has its samples from shards, and the bytes of loaded fields.
// Method: a shard that is put together byte by byte, and the class by itself.
#include "shard_sample_library.h"

#include <gtest/gtest.h>

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "helpers/tar_bytes.h"
#include "helpers/test_file.h"

namespace mlperf::shards {
namespace {

constexpr size_t kSamples = 30;

std::string BodyOf(size_t sample) { return "body " + std::to_string(100 + sample); }

class ShardSampleLibraryTest : public testing::Test {
 protected:
  ShardSampleLibraryTest() {
    std::string bytes;
    for (size_t i = 0; i < kSamples; ++i) {
      bytes += TarMember("k" + std::to_string(i) + ".bin", BodyOf(i));
    }
    bytes += TarMember("large.bin", std::string(5000, 'x')) + TarEnd();
    std::ofstream(file_.path(), std::ios::binary) << bytes;
  }

  loadgen::TestFile file_;
};

TEST_F(ShardSampleLibraryTest, FieldsOfLoadedSamples) {
  ShardSampleLibrary library({file_.path()});
  EXPECT_EQ(library.TotalSampleCount(), kSamples + 1);
  EXPECT_EQ(library.PerformanceSampleCount(), kSamples + 1);
  library.set_memory_bytes(6'000);
  EXPECT_GT(library.PerformanceSampleCount(), 5u);
  EXPECT_LT(library.PerformanceSampleCount(), kSamples);
  const std::vector<QuerySampleIndex> wanted = {7, 3, 7, kSamples};
  library.LoadSamplesToRam(wanted);
  EXPECT_EQ(library.Field(7, "bin"), BodyOf(7));
  EXPECT_THROW(library.Field(7, "jpg"), std::out_of_range);
  EXPECT_THROW(library.Field(8, "bin"), std::out_of_range);
  library.UnloadSamplesFromRam(wanted);
  EXPECT_THROW(library.Field(7, "bin"), std::out_of_range);
  EXPECT_THROW(library.UnloadSamplesFromRam(wanted), std::out_of_range);
}

TEST_F(ShardSampleLibraryTest, ABlockOfEqualSizes) {
  ShardSampleLibrary library({file_.path()});
  library.LoadSamplesToRam({2, 1, kSamples});
  const size_t size = BodyOf(1).size();
  std::string block(2 * size, '\0');
  library.CopyField({2, 1}, "bin", size, block.data());
  EXPECT_EQ(block, BodyOf(2) + BodyOf(1));
  EXPECT_THROW(library.CopyField({kSamples}, "bin", size, block.data()), std::length_error);
}

TEST_F(ShardSampleLibraryTest, FaultsNameTheShardAndTheFix) {
  std::ofstream(file_.path(), std::ios::binary) << "<html>";
  try {
    ShardSampleLibrary library({file_.path()});
    FAIL() << "it was opened";
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find(file_.path()), text.npos) << text;
    EXPECT_NE(text.find("at byte 0"), text.npos) << text;
  }
  EXPECT_THROW(ShardSampleLibrary({"/no/such.tar"}), std::runtime_error);
  std::ofstream(file_.path(), std::ios::binary) << "\x1f\x8b rest";
  EXPECT_THROW(ShardSampleLibrary({file_.path()}), std::runtime_error);
}

}  // namespace
}  // namespace mlperf::shards
