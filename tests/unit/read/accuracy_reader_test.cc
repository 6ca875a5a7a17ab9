// Goal: the reader returns exactly what an accuracy log holds, names the place of every format
// error, and survives any bytes.
// Method: literal logs (byte for byte as the reference writes them) against literal arrays; a table
// of broken logs against whole messages; a random log, written by a formatter of this test, against
// the values it was written from; every cut of a log; every text also in pieces of 1, 2, 3 and 7
// bytes, so that each token meets the end of the read buffer; endless texts; random mutations.
#include "read/accuracy_reader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace mlperf::loadgen {
namespace {

using Bytes = std::vector<uint8_t>;
using U64s = std::vector<uint64_t>;

constexpr size_t kWhole = std::numeric_limits<size_t>::max();

// `text`, at most `piece_size` bytes a call.
ByteSource Pieces(std::string_view text, size_t piece_size) {
  return [text, piece_size](char* buffer, size_t size) mutable {
    const size_t count = std::min({size, piece_size, text.size()});
    std::memcpy(buffer, text.data(), count);
    text.remove_prefix(count);
    return count;
  };
}

AccuracyData Read(std::string_view text, size_t piece_size = kWhole) {
  return ReadAccuracyLog(Pieces(text, piece_size), "log");
}

// The message of the error that `text` makes; empty if it makes none.
std::string ErrorOf(std::string_view text, size_t piece_size = kWhole) {
  try {
    Read(text, piece_size);
  } catch (const AccuracyFormatError& error) {
    return error.what();
  }
  return "";
}

void ExpectEqual(const AccuracyData& actual, const AccuracyData& expected) {
  EXPECT_EQ(actual.sequence_ids, expected.sequence_ids);
  EXPECT_EQ(actual.sample_indices, expected.sample_indices);
  EXPECT_EQ(actual.payload, expected.payload);
  EXPECT_EQ(actual.payload_offsets, expected.payload_offsets);
  EXPECT_EQ(actual.token_payload, expected.token_payload);
  EXPECT_EQ(actual.token_payload_offsets, expected.token_payload_offsets);
  EXPECT_EQ(actual.token_counts, expected.token_counts);
  EXPECT_EQ(actual.truncated, expected.truncated);
  EXPECT_EQ(actual.shortened, expected.shortened);
  EXPECT_EQ(actual.used_bytes, expected.used_bytes);
}

constexpr std::string_view kPlainLog =
    "[\n"
    "{ \"seq_id\" : 0, \"qsl_idx\" : 76, \"data\" : \"4C00\" },\n"
    "{ \"seq_id\" : 3, \"qsl_idx\" : 59, \"data\" : \"3B00\" }\n"
    "]\n";

constexpr std::string_view kTokenLog =
    "[\n"
    "{ \"seq_id\" : 0, \"qsl_idx\" : 0, \"data\" : \"0000\", \"token_data\" : \"00\","
    " \"token_count\" : 5 },\n"
    "{ \"seq_id\" : 1, \"qsl_idx\" : 4, \"data\" : \"\", \"token_data\" : \"A1F2\","
    " \"token_count\" : -7 }\n"
    "]\n";

TEST(AccuracyReader, ReadsPlainLog) {
  const AccuracyData data = Read(kPlainLog);
  EXPECT_EQ(data.sequence_ids, (U64s{0, 3}));
  EXPECT_EQ(data.sample_indices, (U64s{76, 59}));
  EXPECT_EQ(data.payload, (Bytes{0x4C, 0x00, 0x3B, 0x00}));
  EXPECT_EQ(data.payload_offsets, (U64s{0, 2, 4}));
  EXPECT_TRUE(data.token_payload.empty());
  EXPECT_TRUE(data.token_payload_offsets.empty());
  EXPECT_TRUE(data.token_counts.empty());
  EXPECT_FALSE(data.truncated);
  EXPECT_EQ(data.used_bytes, kPlainLog.size());
}

TEST(AccuracyReader, ReadsTokenLog) {
  const AccuracyData data = Read(kTokenLog);
  EXPECT_EQ(data.sequence_ids, (U64s{0, 1}));
  EXPECT_EQ(data.sample_indices, (U64s{0, 4}));
  EXPECT_EQ(data.payload, (Bytes{0, 0}));
  EXPECT_EQ(data.payload_offsets, (U64s{0, 2, 2}));
  EXPECT_EQ(data.token_payload, (Bytes{0x00, 0xA1, 0xF2}));
  EXPECT_EQ(data.token_payload_offsets, (U64s{0, 1, 3}));
  EXPECT_EQ(data.token_counts, (std::vector<int64_t>{5, -7}));
}

TEST(AccuracyReader, ReadsOfflineTokenLog) {
  const AccuracyData data =
      Read("[\n{ \"seq_id\" : 0, \"qsl_idx\" : 1, \"data\" : \"0100\", \"token_count\" : 5 }\n]\n");
  EXPECT_EQ(data.payload, (Bytes{1, 0}));
  EXPECT_TRUE(data.token_payload_offsets.empty());
  EXPECT_EQ(data.token_counts, (std::vector<int64_t>{5}));
}

TEST(AccuracyReader, EmptyLogHasNoRecords) {
  for (const std::string_view text : {"[\n]\n", "[]", " [ ] ", "\r\n[\r\n]\r\n"}) {
    const AccuracyData data = Read(text);
    EXPECT_TRUE(data.sequence_ids.empty());
    EXPECT_EQ(data.payload_offsets, (U64s{0}));
    EXPECT_FALSE(data.truncated);
    EXPECT_EQ(data.used_bytes, text.size());
  }
}

// The fields of a record may come in any order, with all JSON white space or none between tokens.
TEST(AccuracyReader, LayoutDoesNotMatter) {
  AccuracyData expected = Read(kPlainLog);
  const std::string_view texts[] = {
      "[{\"seq_id\":0,\"qsl_idx\":76,\"data\":\"4C00\"},"
      "{\"seq_id\":3,\"qsl_idx\":59,\"data\":\"3B00\"}]",
      " [\r\n{\t\"data\"\r: \n\"4c00\" ,\"qsl_idx\" :76\n, \"seq_id\": 0\t}\r\n\r\n,"
      "{\"qsl_idx\":59 ,\"data\":\"3b00\",\"seq_id\":3\r}\t]\r\n\t ",
  };
  for (const std::string_view text : texts) {
    expected.used_bytes = text.size();
    ExpectEqual(Read(text), expected);
  }
}

TEST(AccuracyReader, MissingTokenFieldsAreEmptyAndZero) {
  const std::string plain = "{\"seq_id\":1,\"qsl_idx\":1,\"data\":\"AA\"}";
  const std::string with_count = "{\"seq_id\":2,\"qsl_idx\":2,\"data\":\"\",\"token_count\":9}";
  const std::string with_data =
      "{\"token_data\":\"BBCC\",\"seq_id\":3,\"qsl_idx\":3,\"data\":\"\"}";
  const std::string log =
      "[" + plain + "," + with_count + "," + plain + "," + with_data + "," + plain + "]";
  const AccuracyData data = Read(log);
  EXPECT_EQ(data.token_counts, (std::vector<int64_t>{0, 9, 0, 0, 0}));
  EXPECT_EQ(data.token_payload, (Bytes{0xBB, 0xCC}));
  EXPECT_EQ(data.token_payload_offsets, (U64s{0, 0, 0, 0, 2, 2}));
  EXPECT_EQ(data.payload_offsets, (U64s{0, 1, 1, 2, 2, 3}));
}

// An empty token_data is a token_data all the same.
TEST(AccuracyReader, EmptyTokenDataHasOffsets) {
  const AccuracyData data =
      Read("[{\"seq_id\":1,\"qsl_idx\":1,\"data\":\"\",\"token_data\":\"\"}]");
  EXPECT_EQ(data.token_payload_offsets, (U64s{0, 0}));
  EXPECT_TRUE(data.token_counts.empty());
}

TEST(AccuracyReader, ReadsExtremeIntegers) {
  const AccuracyData data = Read(
      "[{\"seq_id\":18446744073709551615,\"qsl_idx\":0,\"data\":\"\","
      "\"token_count\":-9223372036854775808},"
      "{\"seq_id\":0,\"qsl_idx\":18446744073709551615,\"data\":\"\","
      "\"token_count\":9223372036854775807},"
      "{\"seq_id\":1,\"qsl_idx\":10,\"data\":\"\",\"token_count\":-0}]");
  EXPECT_EQ(data.sequence_ids, (U64s{std::numeric_limits<uint64_t>::max(), 0, 1}));
  EXPECT_EQ(data.sample_indices, (U64s{0, std::numeric_limits<uint64_t>::max(), 10}));
  EXPECT_EQ(data.token_counts, (std::vector<int64_t>{std::numeric_limits<int64_t>::min(),
                                                     std::numeric_limits<int64_t>::max(), 0}));
}

// All 256 byte values, with digits in upper and in lower case.
TEST(AccuracyReader, DecodesEveryByte) {
  Bytes expected;
  std::string digits;
  for (const char* format : {"%02X", "%02x"}) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      char text[3];
      std::snprintf(text, sizeof(text), format, byte);
      digits += text;
      expected.push_back(static_cast<uint8_t>(byte));
    }
  }
  EXPECT_EQ(Read("[{\"seq_id\":0,\"qsl_idx\":0,\"data\":\"" + digits + "\"}]").payload, expected);
}

TEST(AccuracyReader, RejectsEveryCharacterThatIsNoDigit) {
  const std::string prefix = "[{\"seq_id\":0,\"qsl_idx\":0,\"data\":\"";
  const std::string_view good = "0123456789abcdefABCDEF";
  for (unsigned code = 0; code < 256; ++code) {
    const char c = static_cast<char>(code);
    if (c == '"' || good.find(c) != std::string_view::npos) continue;
    const std::string expected_start =
        "log: byte " + std::to_string(prefix.size() + 4) + ", record 1: found ";
    for (const char* tail : {"0\"}]", "\"}]"}) {
      const std::string error = ErrorOf(prefix + "0123" + c + tail);
      EXPECT_EQ(error.substr(0, expected_start.size()), expected_start) << code;
      EXPECT_NE(error.find("expected a hexadecimal digit"), std::string::npos) << error;
    }
  }
}

struct BrokenLog {
  const char* text;
  const char* message;  // Without the name.
};

const BrokenLog kBrokenLogs[] = {
    // The document.
    {"{", "byte 0, before record 1: found '{', expected '['"},
    {"\n\x7F"
     "ELF",
     "byte 1, before record 1: found '\\x7F', expected '['"},
    {"\xEF\xBB[]", "byte 0, before record 1: found '\\xEF', expected '['"},
    {"\xFF\xFE[",
     "byte 0, before record 1: found '\\xFF', as UTF-16 begins, expected '[' (convert the file to "
     "UTF-8)"},
    {"\xFE\xFF[",
     "byte 0, before record 1: found '\\xFE', as UTF-16 begins, expected '[' (convert the file to "
     "UTF-8)"},
    {"[[[[", "byte 1, before record 1: found '[', expected '{'"},
    {"[,", "byte 1, before record 1: found ',', expected '{'"},
    {"[\n]\n]", "byte 4, before record 1: found ']', expected the end of the file"},
    {"[{\"seq_id\":1,\"qsl_idx\":1,\"data\":\"\"}]x",
     "byte 36, after record 1: found 'x', expected the end of the file"},
    {"[{\"seq_id\":1,\"qsl_idx\":1,\"data\":\"\"} {",
     "byte 36, after record 1: found '{', expected ',' or ']'"},
    {"[{\"seq_id\":1,\"qsl_idx\":1,\"data\":\"\"},]",
     "byte 36, after record 1: found ']', expected '{'"},
    {"[{\"seq_id\":1,\"qsl_idx\":1,\"data\":\"\"},{]",
     "byte 37, record 2: found ']', expected '\"'"},
    // Records and names.
    {"[{}]", "byte 2, record 1: found '}', expected '\"'"},
    {"[{\"seq_id\" 1", "byte 11, record 1: found '1', expected ':'"},
    {"[{\"seq_id\":1;", "byte 12, record 1: found ';', expected ',' or '}'"},
    {"[{\"seq_id\":1,}", "byte 13, record 1: found '}', expected '\"'"},
    {"[{\"foo\":",
     "byte 2, record 1: found the field 'foo', expected one of seq_id, qsl_idx, "
     "data, token_data, token_count"},
    {"[{\"Data\"",
     "byte 2, record 1: found the field 'Data', expected one of seq_id, qsl_idx, "
     "data, token_data, token_count"},
    {"[{\"\"",
     "byte 2, record 1: found the field '', expected one of seq_id, qsl_idx, data, "
     "token_data, token_count"},
    {"[{\"data\n\"",
     "byte 2, record 1: found the field 'data\\x0A', expected one of seq_id, "
     "qsl_idx, data, token_data, token_count"},
    {"[{\"0123456789012345678901234567890123456789ABC",
     "byte 2, record 1: found the field '0123456789012345678901234567890123456789', expected one "
     "of seq_id, qsl_idx, data, token_data, token_count"},
    {"[{\"seq_id\":1, \"seq_id\":1",
     "byte 14, record 1: found the field 'seq_id' again, expected each field once"},
    {"[{\"data\":\"\",\"data\":\"\"",
     "byte 12, record 1: found the field 'data' again, expected each field once"},
    {"[{\"qsl_idx\":1,\"data\":\"\"}",
     "byte 23, record 1: found the end of the record, expected the field 'seq_id' before it"},
    {"[{\"seq_id\":1,\"data\":\"\"}",
     "byte 22, record 1: found the end of the record, expected the field 'qsl_idx' before it"},
    {"[{\"seq_id\":1,\"qsl_idx\":1,\"token_data\":\"\"}",
     "byte 40, record 1: found the end of the record, expected the field 'data' before it"},
    // Numbers.
    {"[{\"seq_id\":-1", "byte 11, record 1: found '-', expected an unsigned 64-bit integer"},
    {"[{\"seq_id\":+1", "byte 11, record 1: found '+', expected an unsigned 64-bit integer"},
    {"[{\"seq_id\":null", "byte 11, record 1: found 'n', expected an unsigned 64-bit integer"},
    {"[{\"seq_id\":\"1\"", "byte 11, record 1: found '\"', expected an unsigned 64-bit integer"},
    {"[{\"seq_id\":[[[", "byte 11, record 1: found '[', expected an unsigned 64-bit integer"},
    {"[{\"seq_id\":1.0", "byte 12, record 1: found '.', expected ',' or '}'"},
    {"[{\"seq_id\":1e5", "byte 12, record 1: found 'e', expected ',' or '}'"},
    {"[{\"seq_id\":007",
     "byte 11, record 1: found a leading zero, expected an unsigned 64-bit integer"},
    {"[{\"qsl_idx\":18446744073709551616",
     "byte 12, record 1: found a number that begins '18446744073709551616', expected an unsigned "
     "64-bit integer"},
    {"[{\"seq_id\":99999999999999999999",
     "byte 11, record 1: found a number that begins '99999999999999999999', expected an unsigned "
     "64-bit integer"},
    {"[{\"token_count\":9223372036854775808",
     "byte 16, record 1: found a number that begins '9223372036854775808', expected a signed "
     "64-bit integer"},
    {"[{\"token_count\":-9223372036854775809",
     "byte 17, record 1: found a number that begins '9223372036854775809', expected a signed "
     "64-bit integer"},
    {"[{\"token_count\":-,", "byte 17, record 1: found ',', expected a signed 64-bit integer"},
    {"[{\"token_count\":--1", "byte 17, record 1: found '-', expected a signed 64-bit integer"},
    // Strings.
    {"[{\"data\":1", "byte 9, record 1: found '1', expected '\"'"},
    {"[{\"data\":\"ABC\"",
     "byte 13, record 1: found '\"', expected the second hexadecimal digit of a byte"},
    {"[{\"token_data\":\"A\"",
     "byte 17, record 1: found '\"', expected the second hexadecimal digit of a byte"},
    {"[{\"data\":\"A BC\"", "byte 11, record 1: found ' ', expected a hexadecimal digit"},
    // What looks like the gap of a log that was shortened, and is none.
    {"...\n", "byte 0, before record 1: found '.', expected '['"},
    {"[]\n...\n", "byte 3, before record 1: found '.', expected the end of the file"},
    {"[\n..\n", "byte 2, before record 1: found '.', expected '{'"},
    {"[\n....\n", "byte 2, before record 1: found '.', expected '{'"},
    {"[\n... ]\n", "byte 2, before record 1: found '.', expected '{'"},
    {"[{\"data\":\"A\n\"", "byte 11, record 1: found '\\x0A', expected a hexadecimal digit"},
    {"[{\"data\":\"\\u0041\"", "byte 10, record 1: found '\\', expected a hexadecimal digit"},
};

TEST(AccuracyReader, NamesTheFirstError) {
  for (const BrokenLog& broken : kBrokenLogs) {
    const std::string expected = std::string("log: ") + broken.message;
    EXPECT_EQ(ErrorOf(broken.text), expected);
    for (const size_t piece_size : {1U, 2U, 3U, 7U}) {
      EXPECT_EQ(ErrorOf(broken.text, piece_size), expected) << "piece size " << piece_size;
    }
  }
}

TEST(AccuracyReader, ZeroByteIsAnError) {
  const std::string text("[\0]", 3);
  EXPECT_EQ(ErrorOf(text), "log: byte 1, before record 1: found '\\x00', expected '{'");
}

// A cut never is an error; what is left are the records that ended before it.
TEST(AccuracyReader, CutAnywhereKeepsWholeRecords) {
  for (const std::string_view log : {kPlainLog, kTokenLog}) {
    const AccuracyData whole = Read(log);
    const size_t end = log.rfind(']') + 1;
    for (size_t cut = 0; cut < end; ++cut) {
      const std::string_view text = log.substr(0, cut);
      const auto records = static_cast<size_t>(std::count(text.begin(), text.end(), '}'));
      const size_t used = records > 0 ? text.rfind('}') + 1 : std::min<size_t>(cut, 1);
      for (const size_t piece_size : {kWhole, size_t{1}, size_t{3}}) {
        const AccuracyData data = Read(text, piece_size);
        ASSERT_TRUE(data.truncated) << cut;
        ASSERT_EQ(data.used_bytes, used) << cut;
        ASSERT_EQ(data.sequence_ids.size(), records) << cut;
        ASSERT_EQ(data.sample_indices.size(), records) << cut;
        ASSERT_EQ(data.payload_offsets.size(), records + 1) << cut;
        ASSERT_EQ(data.payload.size(), data.payload_offsets.back()) << cut;
        ASSERT_TRUE(std::equal(data.payload.begin(), data.payload.end(), whole.payload.begin()));
        ASSERT_EQ(data.token_counts.size(), whole.token_counts.empty() ? 0 : records) << cut;
        ASSERT_EQ(data.token_payload.size(),
                  data.token_payload_offsets.empty() ? 0 : data.token_payload_offsets.back());
      }
      if (used == 0) continue;
      // As the header promises.
      AccuracyData repaired = Read(std::string(text.substr(0, used)) + "]");
      EXPECT_FALSE(repaired.truncated);
      EXPECT_EQ(repaired.sequence_ids.size(), records);
    }
    EXPECT_FALSE(Read(log.substr(0, end)).truncated);
  }
}

TEST(AccuracyReader, ShortenedLogsMayBeCutOrHaveSeveralGaps) {
  const std::string head(kPlainLog.substr(0, kPlainLog.find(",\n") + 5));
  const std::string tail(kPlainLog.substr(kPlainLog.find(",\n")));
  const AccuracyData cut = Read(head + "\n\n...\n\n" + tail.substr(0, tail.size() - 3));
  EXPECT_EQ(cut.sequence_ids, (U64s{0, 3}));
  EXPECT_TRUE(cut.truncated && cut.shortened);
  const AccuracyData nothing = Read("[\n\n...\n\nAB\" }\n]\n");
  EXPECT_TRUE(nothing.sequence_ids.empty() && nothing.shortened);
  const AccuracyData twice = Read(head + "\n...\n" + head.substr(2) + "\n...\n" + tail);
  EXPECT_EQ(twice.sequence_ids, (U64s{0, 0, 3}));
  EXPECT_FALSE(Read(kPlainLog).shortened);
  EXPECT_FALSE(Read(kPlainLog.substr(0, 20)).shortened);
}

TEST(AccuracyReader, AByteOrderMarkIsSkipped) {
  for (const size_t piece_size : {kWhole, size_t{1}}) {
    const AccuracyData data = Read("\xEF\xBB\xBF" + std::string(kPlainLog), piece_size);
    EXPECT_EQ(data.sequence_ids, (U64s{0, 3}));
    EXPECT_EQ(data.used_bytes, kPlainLog.size() + 3);
  }
  EXPECT_TRUE(Read("\xEF\xBB").truncated);
}

TEST(AccuracyReader, EmptyAndBlankFilesAreCut) {
  for (const std::string_view text : {"", " ", "\n\n"}) {
    const AccuracyData data = Read(text);
    EXPECT_TRUE(data.truncated);
    EXPECT_EQ(data.used_bytes, 0U);
    EXPECT_EQ(data.payload_offsets, (U64s{0}));
  }
}

std::string Hex(const uint8_t* bytes, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02X", unsigned{bytes[i]});
    text += digits;
  }
  return text;
}

// A log of random records with responses of up to `max_size` bytes, and what it holds.
std::string RandomLog(unsigned seed, size_t record_count, size_t max_size, AccuracyData* data) {
  std::mt19937_64 random(seed);
  std::string log = "[";
  data->payload_offsets = {0};
  data->token_payload_offsets = {0};
  for (size_t i = 0; i < record_count; ++i) {
    data->sequence_ids.push_back(random() >> (random() % 64));
    data->sample_indices.push_back(random() >> (random() % 64));
    data->token_counts.push_back(static_cast<int64_t>(random()));
    for (size_t n = random() % (max_size + 1); n > 0; --n) {
      data->payload.push_back(static_cast<uint8_t>(random()));
    }
    for (size_t n = random() % 9; n > 0; --n) {
      data->token_payload.push_back(static_cast<uint8_t>(random()));
    }
    const uint64_t start = data->payload_offsets.back();
    const uint64_t token_start = data->token_payload_offsets.back();
    log += (i == 0 ? "\n{ \"seq_id\" : " : ",\n{ \"seq_id\" : ") +
           std::to_string(data->sequence_ids[i]) +
           ", \"qsl_idx\" : " + std::to_string(data->sample_indices[i]) + ", \"data\" : \"" +
           Hex(data->payload.data() + start, data->payload.size() - start) +
           "\", \"token_data\" : \"" +
           Hex(data->token_payload.data() + token_start, data->token_payload.size() - token_start) +
           "\", \"token_count\" : " + std::to_string(data->token_counts[i]) + " }";
    data->payload_offsets.push_back(data->payload.size());
    data->token_payload_offsets.push_back(data->token_payload.size());
  }
  log += "\n]\n";
  data->used_bytes = log.size();
  return log;
}

TEST(AccuracyReader, PiecesOfAnySizeReadTheSame) {
  AccuracyData expected;
  const std::string log = RandomLog(1, 200, 40, &expected);
  for (const size_t piece_size : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, kWhole}) {
    ExpectEqual(Read(log, piece_size), expected);
  }
}

// Of a log whose middle was replaced, wherever it was cut, each record that is whole at either end.
TEST(AccuracyReader, ShortenedAnywhereKeepsWholeRecordsOfBothEnds) {
  AccuracyData whole;
  const std::string log = RandomLog(7, 6, 9, &whole);
  const auto braces = [](std::string_view text, char brace) {
    return static_cast<size_t>(std::count(text.begin(), text.end(), brace));
  };
  for (size_t head_size = 1; head_size <= log.rfind(']'); ++head_size) {
    const std::string head = log.substr(0, head_size);
    const size_t tail_start = head_size + head_size * 7 % (log.size() - head_size);
    const std::string tail = log.substr(tail_start);
    U64s expected(whole.sequence_ids.begin(),
                  whole.sequence_ids.begin() + static_cast<ptrdiff_t>(braces(head, '}')));
    expected.insert(expected.end(),
                    whole.sequence_ids.end() - static_cast<ptrdiff_t>(braces(tail, '{')),
                    whole.sequence_ids.end());
    for (const char* gap : {"\n\n...\n\n", "\r\n\r\n...\r\n\r\n", "\n...\n"}) {
      const std::string text = head + gap + tail;
      const AccuracyData data = Read(text);
      ASSERT_TRUE(data.shortened && data.truncated) << text;
      ASSERT_EQ(data.sequence_ids, expected) << text;
      ASSERT_EQ(data.payload_offsets.size(), expected.size() + 1);
      ASSERT_EQ(data.payload_offsets.back(), data.payload.size());
      const AccuracyData head_alone = Read(head.substr(0, data.used_bytes) + "]");
      ASSERT_EQ(head_alone.sequence_ids.size(), braces(head, '}')) << text;
      ASSERT_FALSE(head_alone.truncated);
      for (const size_t piece_size : {1U, 2U, 3U, 7U}) ExpectEqual(Read(text, piece_size), data);
    }
  }
}

// Strings larger than any read buffer, so that they pass through it in pieces.
TEST(AccuracyReader, ReadsResponsesLargerThanTheBuffer) {
  AccuracyData expected;
  const std::string log = RandomLog(2, 8, 2'000'000, &expected);
  ExpectEqual(Read(log), expected);
  ExpectEqual(Read(log, 4093), expected);
}

TEST(AccuracyReader, ExpectedSizeIsOnlyAHint) {
  AccuracyData expected;
  const std::string log = RandomLog(3, 50, 100, &expected);
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{log.size()}, uint64_t{1} << 30}) {
    const AccuracyData data = ReadAccuracyLog(Pieces(log, kWhole), "log", size);
    ExpectEqual(data, expected);
    EXPECT_LE(data.payload.capacity(), log.size());
  }
}

// More than any system has: the payload grows without the hint.
TEST(AccuracyReader, AbsurdExpectedSizeIsIgnored) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer's allocator ends the process instead of refusing";
#endif
  AccuracyData expected;
  const std::string log = RandomLog(7, 50, 100, &expected);
  ExpectEqual(ReadAccuracyLog(Pieces(log, kWhole), "log", std::numeric_limits<uint64_t>::max()),
              expected);
}

TEST(AccuracyReader, PayloadIsFilledInPlace) {
  const std::string log =
      "[{\"seq_id\":0,\"qsl_idx\":0,\"data\":\"" + std::string(3'000'000, 'A') + "\"}]";
  const AccuracyData data = ReadAccuracyLog(Pieces(log, kWhole), "log", log.size());
  EXPECT_EQ(data.payload, Bytes(1'500'000, 0xAA));
  const size_t set_aside = (log.size() - 32) / 2;  // From the opening quote on.
  EXPECT_EQ(data.payload.capacity(), set_aside) << "grown or shrunk, so copied";
}

// `prefix`, then `c` for ever: for 16 MB, so that a reader that takes it all fails and not hangs.
ByteSource Endless(std::string prefix, char c) {
  return [prefix, c, left = size_t{16} << 20](char* buffer, size_t size) mutable {
    const size_t count = std::min(prefix.empty() ? size : prefix.size(), left);
    std::memset(buffer, c, count);
    std::memcpy(buffer, prefix.data(), prefix.size());
    prefix.clear();
    left -= count;
    return count;
  };
}

TEST(AccuracyReader, EndlessTokensAreErrorsAtOnce) {
  const struct {
    const char* prefix;
    char c;
    const char* message;
  } cases[] = {
      {"", '[', "byte 1, before record 1: found '[', expected '{'"},
      {"[{\"seq_id\":[", '[', "byte 11, record 1: found '[', expected an unsigned 64-bit integer"},
      {"[{\"seq_id\":1", '1',
       "byte 11, record 1: found a number that begins "
       "'111111111111111111111', expected an unsigned 64-bit integer"},
      {"[{\"token_count\":-", '0',
       "byte 17, record 1: found a leading zero, expected a signed 64-bit integer"},
      {"[{\"", 'x',
       "byte 2, record 1: found the field 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',"
       " expected one of seq_id, qsl_idx, data, token_data, token_count"},
  };
  for (const auto& test : cases) {
    std::string message;
    try {
      ReadAccuracyLog(Endless(test.prefix, test.c), "log");
    } catch (const AccuracyFormatError& error) {
      message = error.what();
    }
    EXPECT_EQ(message, std::string("log: ") + test.message);
  }
}

TEST(AccuracyReader, NumberOfAMillionDigitsIsAnError) {
  EXPECT_EQ(
      ErrorOf("[{\"seq_id\":" + std::string(1'000'000, '7') + ",\"qsl_idx\":0,\"data\":\"\"}]"),
      "log: byte 11, record 1: found a number that begins '77777777777777777777', expected "
      "an unsigned 64-bit integer");
}

TEST(AccuracyReader, OffsetsCountBeyondTheBuffer) {
  AccuracyData expected;
  std::string log = RandomLog(4, 20, 300'000, &expected);
  log.insert(log.rfind('}'), "?");
  EXPECT_EQ(ErrorOf(log), "log: byte " + std::to_string(log.rfind('?')) +
                              ", record 20: found '?', expected ',' or '}'");
}

class AccuracyReaderFile : public ::testing::Test {
 protected:
  void SetUp() override {
    char directory[] = "/tmp/accuracy_reader_test.XXXXXX";
    ASSERT_NE(mkdtemp(directory), nullptr);
    directory_ = directory;
    path_ = directory_ + "/log.json";
  }
  void TearDown() override {
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }

  void Write(std::string_view text) {
    std::ofstream(path_, std::ios::binary).write(text.data(), std::ssize(text));
  }

  // The code of the system error that reading `path` makes; the message must name the path.
  static std::error_code SystemErrorOf(const std::string& path) {
    try {
      ReadAccuracyLog(path);
    } catch (const std::system_error& error) {
      EXPECT_NE(std::string(error.what()).find("'" + path + "'"), std::string::npos);
      return error.code();
    }
    return {};
  }

  std::string directory_, path_;
};

TEST_F(AccuracyReaderFile, ReadsFile) {
  AccuracyData expected;
  Write(RandomLog(5, 500, 4000, &expected));
  ExpectEqual(ReadAccuracyLog(path_), expected);
}

// Many times what is read ahead, with records across the ends of all blocks: whole, cut in its last
// record, and with an error there.
TEST_F(AccuracyReaderFile, ReadsLargeFile) {
  AccuracyData expected;
  std::string log = RandomLog(8, 1000, 20'000, &expected);
  ASSERT_GT(log.size(), size_t{16} << 20);
  Write(log);
  ExpectEqual(ReadAccuracyLog(path_), expected);

  const size_t last_record = log.rfind('{');
  Write(std::string_view(log).substr(0, last_record + 40));
  const AccuracyData cut = ReadAccuracyLog(path_);
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(cut.used_bytes, log.rfind('}', last_record) + 1);
  EXPECT_EQ(cut.sequence_ids.size(), 999U);
  EXPECT_EQ(cut.payload.size(), expected.payload_offsets[999]);

  log[last_record] = '?';
  Write(log);
  try {
    ReadAccuracyLog(path_);
    FAIL() << "no error";
  } catch (const AccuracyFormatError& error) {
    EXPECT_EQ(error.what(), path_ + ": byte " + std::to_string(last_record) +
                                ", after record 999: found '?', expected '{'");
  }
}

TEST_F(AccuracyReaderFile, FormatErrorNamesTheFile) {
  Write("[\n}");
  try {
    ReadAccuracyLog(path_);
    FAIL() << "no error";
  } catch (const AccuracyFormatError& error) {
    EXPECT_EQ(error.what(), path_ + ": byte 2, before record 1: found '}', expected '{'");
  }
}

TEST_F(AccuracyReaderFile, MissingFileAndDirectoryAreSystemErrors) {
  EXPECT_EQ(SystemErrorOf(path_), std::errc::no_such_file_or_directory);
  EXPECT_EQ(SystemErrorOf(directory_), std::errc::is_a_directory);
}

// A sparse file of 4 GB takes neither memory nor time.
TEST_F(AccuracyReaderFile, HugeFileOfZerosIsAnErrorAtOnce) {
  Write("[{\"seq_id\":0,\"qsl_idx\":0,\"data\":\"");
  if (truncate(path_.c_str(), off_t{1} << 32) != 0) GTEST_SKIP() << "no sparse files here";
  try {
    ReadAccuracyLog(path_);
    FAIL() << "no error";
  } catch (const AccuracyFormatError& error) {
    EXPECT_EQ(error.what(),
              path_ + ": byte 33, record 1: found '\\x00', expected a hexadecimal digit");
  }
}

void Mutate(std::mt19937_64* random, std::string* text) {
  constexpr std::string_view kTokens("[]{}\":, \n\\0123456789-+.eAfx\xFF\0", 29);
  const size_t at = (*random)() % (text->size() + 1);
  const size_t length = 1 + (*random)() % 12;
  const char c = kTokens[(*random)() % kTokens.size()];
  switch ((*random)() % 5) {
    case 0:
      text->insert(at, 1, c);
      break;
    case 1:
      if (at < text->size()) (*text)[at] = c;
      break;
    case 2:
      text->erase(at, length);
      break;
    case 3:
      text->insert((*random)() % (text->size() + 1), text->substr(at, 3 * length));
      break;
    default:
      if ((*random)() % 8 == 0) text->resize(at);
  }
}

// Whatever the bytes: data that hang together or a format error, and the same for every piece size.
TEST(AccuracyReader, MutatedLogsNeverCrash) {
  std::mt19937_64 random(6);
  int read_count = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text(i % 2 == 0 ? kPlainLog : kTokenLog);
    for (size_t n = 1 + random() % 4; n > 0; --n) Mutate(&random, &text);
    const size_t piece_size = 1 + random() % 9;
    const std::string error = ErrorOf(text);
    ASSERT_EQ(ErrorOf(text, piece_size), error) << text;
    if (!error.empty()) continue;
    ++read_count;
    const AccuracyData data = Read(text);
    ExpectEqual(Read(text, piece_size), data);
    ASSERT_EQ(data.sample_indices.size(), data.sequence_ids.size());
    ASSERT_EQ(data.payload_offsets.size(), data.sequence_ids.size() + 1);
    ASSERT_TRUE(std::is_sorted(data.payload_offsets.begin(), data.payload_offsets.end()));
    ASSERT_EQ(data.payload_offsets.back(), data.payload.size());
    ASSERT_LE(data.used_bytes, text.size());
    ASSERT_EQ(data.used_bytes < text.size() && !data.truncated, false);
  }
  EXPECT_GT(read_count, 500);  // Or the mutations were too wild to mean anything.
}

}  // namespace
}  // namespace mlperf::loadgen
