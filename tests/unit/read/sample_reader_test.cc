// Goal: the rows of a sample log are found in a file that is whole, was cut off anywhere, or whose
// test was killed; anything else is refused with the place and the fix.
// Method: logs written by SampleLog; headers typed in as NumPy writes them (numpy.save, format 1.0,
// compared with a file of NumPy 2); every cut of a log; a table of foreign headers against parts of
// the messages.
#include "read/sample_reader.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/record_builder.h"
#include "helpers/test_file.h"
#include "record/sample_row.h"
#include "write/sample_log.h"

namespace mlperf::loadgen {
namespace {

constexpr size_t kRowSize = sizeof(SampleRow);

SampleLayout Read(std::string_view file) { return ReadSampleLayout(file, file.size(), "log"); }

// The message of the error that `file` makes; empty if it makes none.
std::string ErrorOf(std::string_view file) {
  try {
    Read(file);
  } catch (const SampleLogFormatError& error) {
    return error.what();
  }
  return "";
}

void ExpectLayout(const SampleLayout& layout, uint64_t row_count, bool truncated) {
  EXPECT_EQ(layout.row_count, row_count);
  EXPECT_EQ(layout.truncated, truncated);
}

// The log of three samples.
std::string WrittenLog() {
  TestFile path;
  OutputFile file(path.path());
  SampleLog log(&file);
  const RunRecord record = RecordBuilder()
                               .Query(0, 1, {{9, 0, 0}})
                               .Query(10, 11, {{19, 0, 0}})
                               .Query(20, 22, {{29, 0, 0}})
                               .Build();
  const_cast<SampleSlots&>(*record.slots).sample_index.Grow(3);
  log.WriteSet(record, RecordBuilder::kStartNs);
  log.Finish();
  return path.Read();
}

// A header as NumPy pads it: the data begins at a multiple of `alignment`.
std::string Header(const std::string& literal, size_t alignment = 64) {
  std::string rest = literal;
  rest.resize((10 + literal.size() + alignment) / alignment * alignment - 11, ' ');
  rest += '\n';
  const auto low = static_cast<char>(rest.size() & 0xFF);
  const auto high = static_cast<char>(rest.size() >> 8);
  return std::string("\x93NUMPY\x01\x00", 8) + low + high + rest;
}

std::string Literal(const std::string& shape) {
  return SampleLiteralBeforeCount() + shape + kSampleLiteralAfterCount.data();
}

std::string Rows(size_t count) { return std::string(count * kRowSize, '\0'); }

TEST(SampleReader, FindsTheRowsOfAWholeLog) {
  const std::string log = WrittenLog();
  const SampleLayout layout = Read(log);
  ExpectLayout(layout, 3, false);
  EXPECT_EQ(layout.data_offset, log.size() - 3 * kRowSize);
  EXPECT_EQ(log[layout.data_offset - 1], '\n');
}

TEST(SampleReader, AcceptsWhatNumPyWrites) {
  for (const size_t alignment : {1U, 16U, 64U, 4096U}) {
    const std::string header = Header(Literal("2"), alignment);
    const SampleLayout layout = Read(header + Rows(2));
    ExpectLayout(layout, 2, false);
    EXPECT_EQ(layout.data_offset, header.size());
  }
  ExpectLayout(Read(Header(Literal("0"))), 0, false);
}

// Their phase is four bytes wide, of which the upper two are where `failed` and `held_up` are now.
TEST(SampleReader, LogsFromBeforeSamplesFailedHaveTheSameRows) {
  const std::string header = Header(
      "{'descr': [('query', '<u8'), ('sample_index', '<u4'), ('phase', '<u4'), "
      "('scheduled_ns', '<i8'), ('issued_ns', '<i8'), ('first_token_ns', '<i8'), "
      "('completed_ns', '<i8'), ('tokens', '<i8')], 'fortran_order': False, 'shape': (2,), }");
  const SampleLayout layout = Read(header + Rows(2));
  ExpectLayout(layout, 2, false);
  EXPECT_EQ(layout.data_offset, header.size());
}

TEST(SampleReader, CutAnywhereIsItsWholeRowsOrAnError) {
  const std::string log = WrittenLog();
  const size_t data_offset = log.size() - 3 * kRowSize;
  for (size_t size = 0; size < log.size(); ++size) {
    const std::string_view cut = std::string_view(log).substr(0, size);
    if (size < data_offset) {
      EXPECT_NE(ErrorOf(cut).find("found the end of the file"), std::string::npos) << size;
    } else {
      ExpectLayout(Read(cut), (size - data_offset) / kRowSize, true);
    }
  }
}

// The rows of a set are written before the header counts them.
TEST(SampleReader, ALogWhoseTestWasKilledHasTheRowsThatWereWritten) {
  const std::string none_counted = Header(Literal("0"));
  ExpectLayout(Read(none_counted + Rows(5)), 5, true);
  ExpectLayout(Read(none_counted + Rows(5) + "part"), 5, true);
  ExpectLayout(Read(Header(Literal("3")) + Rows(5)), 5, true);
}

TEST(SampleReader, APartOfARowBehindThoseThatAreCountedIsNoRow) {
  ExpectLayout(Read(WrittenLog() + std::string(kRowSize - 1, 'x')), 3, true);
}

TEST(SampleReader, NoCountLeadsOutsideTheFile) {
  for (const std::string count : {"1", "4", "329406144173384851", "18446744073709551615"}) {
    ExpectLayout(Read(Header(Literal(count)) + Rows(3)), 3, true);
  }
  const std::string header = Header(Literal("3"));
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  ExpectLayout(ReadSampleLayout(header, kMax, "log"), (kMax - header.size()) / kRowSize, true);
  ExpectLayout(ReadSampleLayout(header, 0, "log"), 0, true);  // It became shorter in between.
}

TEST(SampleReader, TheHeadOfALongHeaderIsEnough) {
  const std::string header = Header(Literal("1"), 0x10000);
  EXPECT_LE(header.size(), kMaxSampleHeaderSize);
  const std::string_view head = std::string_view(header).substr(0, kMaxSampleHeaderSize);
  ExpectLayout(ReadSampleLayout(head, header.size() + kRowSize, "log"), 1, false);
}

TEST(SampleReader, RefusesWhatIsNoSampleLog) {
  struct Case {
    std::string file;
    std::vector<std::string> parts;  // Of the message.
  };
  const std::string kPath = "give the path of the mlperf_log_samples.npy of a test";
  const std::string kLoad = "read other arrays with numpy.load";
  const std::string before = SampleLiteralBeforeCount();
  const std::vector<Case> kCases = {
      {"", {"log: byte 0: found the end of the file, expected '\\x93NUMPY\\x01\\x00'; run"}},
      {"[\n]\n", {"log: byte 0: found '[\\x0A]\\x0A', expected '\\x93NUMPY", kPath}},
      {std::string(5000, '\0'), {"byte 0: found '\\x00\\x00", "...', expected", kPath}},
      {std::string("\x93NUMPY\x02\x00\x76\x00", 10), {"byte 6: found '\\x02", kPath}},
      {std::string("\x93NUMPY\x01\x00\x05", 9), {"byte 9: found the end of the file"}},
      {std::string("\x93NUMPY\x01\x00\x05\x00{'de", 14), {"byte 14", "a header of 15 bytes"}},
      {Header("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"),
       {"byte 20: found ''<f4'", "expected '[('", kLoad}},
      {Header(Literal("007")), {"found '007,), }", "expected the number of rows", kLoad}},
      {Header(Literal("-1")), {"found '-1,), }", "expected the number of rows"}},
      {Header(Literal("18446744073709551616")), {"expected the number of rows"}},
      {Header(before), {"found '  ", "expected the number of rows"}},
      {Header(before + "3, 1), }"), {"found ' 1), }", "expected '), }'", kLoad}},
      {Header(Literal("3") + "x"), {"found 'x ", "expected spaces and '\\x0A' to the end"}},
      {Header(Literal("3") + "\n"), {"found '\\x0A ", "expected spaces and '\\x0A' to the end"}},
  };
  for (const Case& c : kCases) {
    const std::string error = ErrorOf(c.file);
    for (const std::string& part : c.parts) {
      EXPECT_NE(error.find(part), std::string::npos) << "'" << error << "' is without " << part;
    }
  }
}

TEST(SampleReader, AHeaderThatEndsEarlyIsNoCutFile) {
  std::string file = Header(Literal("3")) + Rows(3);
  file[8] = 100;
  file[9] = 0;
  const std::string error = ErrorOf(file);
  EXPECT_NE(error.find("byte 110: found the end of the header"), std::string::npos) << error;
  EXPECT_NE(error.find("numpy.load"), std::string::npos) << error;
}

TEST(SampleReader, WhatFollowsTheRowsSaysHowManySamplesWereLeftOut) {
  const std::string text = "samples left out:                   12\n";
  EXPECT_EQ(ReadLeftOutCount(text), 12u);
  EXPECT_EQ(ReadLeftOutCount("samples left out: 18446744073709551615\n"), UINT64_MAX);
  for (const std::string& other :
       {std::string(), text.substr(1), text.substr(0, text.size() - 1), text + "x",
        std::string(text.size(), ' '), "samples left out:                   1x\n" + std::string(),
        "samples left out: 99999999999999999999\n" + std::string(),
        "samples left out:                     \n" + std::string()}) {
    EXPECT_EQ(ReadLeftOutCount(other), 0u) << other;
  }
}

}  // namespace
}  // namespace mlperf::loadgen
