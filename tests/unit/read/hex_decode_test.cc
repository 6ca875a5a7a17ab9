// Goal: hexadecimal digits become their bytes and anything else is refused, at every length, with
// and without the processor's vector instructions.
// Method: all pairs of characters, digits in every lane of a vector, and every length around the
// multiples of a block, against values worked out digit by digit from an alphabet.
#include "read/hex_decode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace mlperf::loadgen {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kMaxBytes = 200;  // Three blocks of 64, and some.
constexpr uint8_t kUntouched = 0x5A;

// 16 and more if `c` is no digit.
size_t DigitValue(char c) {
  const size_t lower = std::string_view("0123456789abcdef").find(c);
  return std::min(lower, std::string_view("0123456789ABCDEF").find(c));
}

struct Variant {
  const char* name;
  bool (*decode)(const char* digits, size_t byte_count, uint8_t* bytes);
};

class HexDecode : public ::testing::TestWithParam<Variant> {
 protected:
  // What is decoded from `digits`; also checks that no byte behind is written.
  static bool Decode(std::string_view digits, Bytes* bytes) {
    const size_t byte_count = digits.size() / 2;
    bytes->assign(byte_count + 64, kUntouched);
    const bool valid = GetParam().decode(digits.data(), byte_count, bytes->data());
    EXPECT_EQ(std::count(bytes->begin() + static_cast<std::ptrdiff_t>(byte_count), bytes->end(),
                         kUntouched),
              64);
    bytes->resize(byte_count);
    return valid;
  }
};

INSTANTIATE_TEST_SUITE_P(Variants, HexDecode,
                         ::testing::Values(Variant{"Best", DecodeHex},
                                           Variant{"Portable", DecodeHexPortably}),
                         [](const auto& test) { return std::string(test.param.name); });

// In the first block, which is whole, and in the second, which is not.
TEST_P(HexDecode, EveryPairOfCharacters) {
  for (const size_t at : {size_t{6}, size_t{132}}) {
    std::string digits(140, '0');
    Bytes bytes;
    for (unsigned code = 0; code < 65536; ++code) {
      digits[at] = static_cast<char>(code >> 8);
      digits[at + 1] = static_cast<char>(code & 0xFF);
      const size_t high = DigitValue(digits[at]);
      const size_t low = DigitValue(digits[at + 1]);
      const bool valid = Decode(digits, &bytes);
      ASSERT_EQ(valid, high < 16 && low < 16) << code;
      if (!valid) continue;
      ASSERT_EQ(bytes[at / 2], high * 16 + low) << code;
    }
  }
}

TEST_P(HexDecode, EveryLength) {
  std::mt19937 random(1);
  for (size_t byte_count = 0; byte_count <= kMaxBytes; ++byte_count) {
    std::string digits;
    Bytes expected;
    for (size_t i = 0; i < byte_count; ++i) {
      digits += "0123456789abcdefABCDEF"[random() % 22];
      digits += "0123456789abcdefABCDEF"[random() % 22];
      expected.push_back(
          static_cast<uint8_t>(DigitValue(digits[2 * i]) * 16 + DigitValue(digits[2 * i + 1])));
    }
    // The text may start at any address.
    for (const size_t shift : {0U, 1U, 7U}) {
      const std::string shifted = std::string(shift, '?') + digits + "?";
      Bytes bytes;
      ASSERT_TRUE(Decode(std::string_view(shifted).substr(shift, digits.size()), &bytes));
      ASSERT_EQ(bytes, expected) << byte_count;
    }
  }
}

TEST_P(HexDecode, OneBadCharacterAnywhere) {
  for (size_t byte_count = 1; byte_count <= kMaxBytes; byte_count += 13) {
    for (size_t at = 0; at < 2 * byte_count; ++at) {
      // The neighbours of the digits' ranges, and characters that differ from a digit in one bit.
      for (const char bad : std::string_view("/:@G`g\"p \x10\x19\xB0\xC1\xE1\0\xFF", 16)) {
        std::string digits(2 * byte_count, 'F');
        digits[at] = bad;
        Bytes bytes;
        ASSERT_FALSE(Decode(digits, &bytes)) << byte_count << " bytes, bad at " << at;
      }
    }
  }
}

}  // namespace
}  // namespace mlperf::loadgen
