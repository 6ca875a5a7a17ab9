// Goal: text of any bytes becomes valid UTF-8 and loses nothing that was. Method: texts typed in,
// with sequences that the Unicode standard calls ill-formed.
#include "settings/utf8_text.h"

#include <gtest/gtest.h>

#include <string>

namespace mlperf::loadgen {
namespace {

TEST(ValidUtf8Test, ValidTextStaysAsItIs) {
  const std::string text = "a \u00E4 \u0416 \u20AC \U0001F600 \t\n";
  EXPECT_EQ(ValidUtf8(text), text);
  EXPECT_EQ(ValidUtf8(""), "");
}

TEST(ValidUtf8Test, EachByteOfNoCharacterIsReplaced) {
  const std::string replaced = "\uFFFD";
  EXPECT_EQ(ValidUtf8("Fehler \xFC, Ende"), "Fehler " + replaced + ", Ende");
  EXPECT_EQ(ValidUtf8("cut \xE2\x82"), "cut " + replaced + replaced);
  EXPECT_EQ(ValidUtf8("\xC0\xAF"), replaced + replaced);                 // Overlong.
  EXPECT_EQ(ValidUtf8("\xED\xA0\x80"), replaced + replaced + replaced);  // A surrogate.
  EXPECT_EQ(ValidUtf8("\xF4\x90\x80\x80").size(), 4 * replaced.size());  // Above U+10FFFF.
}

}  // namespace
}  // namespace mlperf::loadgen
