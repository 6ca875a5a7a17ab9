// Goal: the mlperf.conf that is built into the library is the one of the repository.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "settings/config_text.h"

namespace mlperf::loadgen {
namespace {

TEST(EmbeddedConfTest, IsTheFileOfTheRepository) {
  std::ifstream file(LOADGEN_SOURCE_DIR "/mlperf.conf", std::ios::binary);
  ASSERT_TRUE(file);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_EQ(EmbeddedMlperfConf(), text);
}

}  // namespace
}  // namespace mlperf::loadgen
