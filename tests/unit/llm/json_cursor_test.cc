// Goal: a walk over JSON takes what RFC 8259 calls JSON and nothing else, gives its values as they
// stand, and never leaves the text. Method: texts of both kinds from the grammar; the fuzzer adds
// what nobody thought of (tests/fuzz/llm_json_fuzz.cc).
#include "json_cursor.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "json_text.h"

namespace mlperf::llm {
namespace {

bool IsJson(std::string_view text) {
  // A copy of its own size, so that the address sanitizer sees a step too far.
  const std::string copy(text);
  JsonCursor cursor(copy);
  cursor.Skip();
  return cursor.AtEnd();
}

std::string Nested(int depth) {
  return std::string(static_cast<size_t>(depth), '[') +
         std::string(static_cast<size_t>(depth), ']');
}

TEST(JsonCursor, TakesWhatIsJson) {
  for (const char* text : {"0", "-0", "12.5e-3", "1E+2", "\"\"", R"("\u00e9\n\"\\\/")", "true",
                           "false", "null", "[]", "{}", " [ 1 , {\"a\" : [ ] } ]\r\n\t",
                           R"({"a":1,"a":2})", "\"\xe2\x80\xa8\"", "\"\x7f\""}) {
    EXPECT_TRUE(IsJson(text)) << text;
  }
  EXPECT_TRUE(IsJson(Nested(JsonCursor::kMaxDepth)));
}

TEST(JsonCursor, RefusesWhatIsNot) {
  for (const char* text :
       {"",         " ",        "01",         "-",      "1.",      ".5",          "1e",
        "+1",       "tru",      "nullx",      "nul",    "[1,]",    "[,1]",        "[1 2]",
        "{\"a\"}",  "{\"a\":}", "{\"a\":1,}", "{a:1}",  "{,}",     "[}",          "{]",
        "[",        "{",        "\"",         "\"\\\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u12",
        "\"a\nb\"", "\"a\tb\"", "1 2",        "{} {}",  "]",       "'a'",         "[1],",
        "{\"a\":1", "[1"}) {
    EXPECT_FALSE(IsJson(text)) << text;
  }
  EXPECT_FALSE(IsJson(Nested(JsonCursor::kMaxDepth + 1)));
  EXPECT_FALSE(IsJson(std::string(100'000, '[')));
}

TEST(JsonCursor, GivesMembersAndElements) {
  const std::string text =
      R"( {"s": "x\n", "n": 12, "list": [1, 2.0, 2.5, "3"], "o": {"p": null}})";
  JsonCursor cursor(text);
  ASSERT_TRUE(cursor.BeginObject());
  std::string names, numbers;
  for (std::string_view name; cursor.NextMember(&name);) {
    names += std::string(name) + " ";
    if (name == "s") {
      EXPECT_EQ(cursor.String(), "x\\n");
    } else if (name == "n") {
      EXPECT_EQ(cursor.Integer(), 12);
    } else if (name == "list") {
      ASSERT_TRUE(cursor.BeginArray());
      while (cursor.NextElement()) {
        const auto number = cursor.Integer();
        numbers += number ? std::to_string(*number) + " " : "none ";
      }
    } else {
      EXPECT_EQ(cursor.Raw(), "{\"p\": null}");
    }
  }
  EXPECT_TRUE(cursor.AtEnd());
  EXPECT_EQ(names, "s n list o ");
  EXPECT_EQ(numbers, "1 2 none none ");
}

TEST(JsonCursor, NamesMayHaveEscapes) {
  JsonCursor cursor(R"({"\u0063ontent":1,"a\"b":2})");
  ASSERT_TRUE(cursor.BeginObject());
  std::string names;
  for (std::string_view name; cursor.NextMember(&name); cursor.Skip())
    names += std::string(name) + " ";
  EXPECT_EQ(names, "content a\"b ");
  EXPECT_TRUE(cursor.AtEnd());
}

TEST(JsonCursor, IntegersHave64Bits) {
  EXPECT_EQ(JsonCursor("9223372036854775807").Integer(), INT64_MAX);
  EXPECT_EQ(JsonCursor("-3").Integer(), -3);
  EXPECT_EQ(JsonCursor("9223372036854775808").Integer(), std::nullopt);
  EXPECT_EQ(JsonCursor("1e400").Integer(), std::nullopt);
}

TEST(JsonText, ResolvesEscapes) {
  EXPECT_EQ(TextOfJson(R"(a\"\\\/\b\f\n\r\tz)"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(TextOfJson(R"(\u0041\u00e9\u20ac\ud83d\ude00)"),
            "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(TextOfJson(R"(\u0000)"), std::string(1, '\0'));
  EXPECT_EQ(TextOfJson(R"(\ud83d!\ude00)"), "\xef\xbf\xbd!\xef\xbf\xbd");
  EXPECT_EQ(TextOfJson("\xe2\x80\xa8"), "\xe2\x80\xa8");
}

// What two events hold, one after the other.
TEST(JsonText, PairsMayBeSplit) {
  EXPECT_EQ(TextOfJson(std::string(R"(\ud83d)") + R"(\ude00)"), "\xf0\x9f\x98\x80");
}

}  // namespace
}  // namespace mlperf::llm
