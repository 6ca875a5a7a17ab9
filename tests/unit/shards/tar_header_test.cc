// Goal: the fields of a header mean what the format says, and nothing else is taken for a number.
// Method: blocks put together byte by byte; numbers against a table by the specification.
#include "tar_header.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "helpers/tar_bytes.h"

namespace mlperf::shards {
namespace {

using Number = std::optional<uint64_t>;

TEST(TarHeader, Numbers) {
  const std::string nul(1, '\0');
  struct Case {
    std::string field;
    Number value;
  };
  const std::vector<Case> cases = {
      {"00000001234" + nul, 01234},
      {"777777777777", 0777777777777},
      {"       1234 ", 01234},
      {"1234" + nul + "garbage", 01234},
      {std::string(12, '\0'), 0},
      {std::string(12, ' '), 0},
      {"\x80" + std::string(10, '\0') + "\x07", 7},
      {"\x80" + std::string(3, '\0') + "\x7f" + std::string(7, '\xff'), INT64_MAX},
      {"\x80" + std::string(3, '\0') + "\x80" + std::string(7, '\0'), std::nullopt},
      {"\x80" + std::string(11, '\xff'), std::nullopt},
      {std::string(12, '\xff'), std::nullopt},
      {"\x81" + std::string(11, '\0'), std::nullopt},
      {"-0000001000" + nul, std::nullopt},
      {"+0000001000" + nul, std::nullopt},
      {"00000000890" + nul, std::nullopt},
      {"0o1130     " + nul, std::nullopt},
      {"000001_130 " + nul, std::nullopt},
      {"12 34      " + nul, std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(ReadNumber(c.field), c.value) << c.field;
}

TEST(TarHeader, Checksums) {
  std::string block = TarBlock("a.jpg", 7);
  EXPECT_TRUE(HasRightChecksum(block.data()));
  ++block[0];
  EXPECT_FALSE(HasRightChecksum(block.data()));
  block.replace(148, 8, 8, '\0');
  EXPECT_FALSE(HasRightChecksum(block.data()));
  EXPECT_FALSE(HasRightChecksum(std::string(512, '\0').data()));
  EXPECT_FALSE(HasRightChecksum(std::string(512, ' ').data()));
}

TEST(TarHeader, ChecksumsOverSignedBytesAreRightAsWell) {
  std::string block = TarBlock("\xc3\xa9.jpg", 7);
  ASSERT_TRUE(HasRightChecksum(block.data()));
  uint64_t sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  for (size_t i = 148; i < 156; ++i) sum += ' ' - static_cast<uint64_t>(block[i]);
  block.replace(148, 8, Octal(sum - 2 * 256, 6) + std::string("\0 ", 2));
  EXPECT_TRUE(HasRightChecksum(block.data()));
  block.replace(148, 8, Octal(sum - 256, 6) + std::string("\0 ", 2));
  EXPECT_FALSE(HasRightChecksum(block.data()));
}

TEST(TarHeader, OnlyPosixHasAPrefix) {
  const std::string posix = TarBlock("a", 0, {.prefix = "dir"});
  EXPECT_EQ(TarHeader(posix.data()).prefix, "dir");
  const std::string gnu = TarBlock("a", 0, {.magic = std::string("ustar  \0", 8), .prefix = "123"});
  EXPECT_EQ(TarHeader(gnu.data()).prefix, "");
  const std::string v7 = TarBlock("a", 0, {.magic = std::string(8, '\0'), .prefix = "123"});
  EXPECT_EQ(TarHeader(v7.data()).prefix, "");
}

TEST(TarHeader, NamesThatFillTheirFieldsHaveNoNul) {
  const std::string block =
      TarBlock(std::string(100, 'n'), 0,
               {.prefix = std::string(155, 'p'), .link_name = std::string(100, 'l')});
  const TarHeader header(block.data());
  EXPECT_EQ(header.name, std::string(100, 'n'));
  EXPECT_EQ(header.link_name, std::string(100, 'l'));
  EXPECT_EQ(header.prefix, std::string(155, 'p'));
}

TEST(TarHeader, TheHashSeesEachByte) {
  const std::string block = TarBlock("a.jpg", 7);
  const uint32_t hash = HashOfBlock(block.data());
  for (size_t i = 0; i < block.size(); ++i) {
    std::string other = block;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_NE(HashOfBlock(other.data()), hash) << i;
  }
}

}  // namespace
}  // namespace mlperf::shards
