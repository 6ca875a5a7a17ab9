// Goal: the sample log is an NPY 1.0 file whose rows are the issued samples, openable after every
// set.
// Method: the header and the rows, read byte by byte as the NPY format says, against a record
// typed in.
#include "write/sample_log.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "helpers/record_builder.h"
#include "helpers/test_file.h"
#include "record/sample_row.h"

namespace mlperf::loadgen {
namespace {

using Row = std::vector<int64_t>;

struct Npy {
  std::string header;  // The Python literal.
  size_t data_offset = 0;
  std::vector<Row> rows;  // All that are in the file, whatever the header says.
};

Npy ParseNpy(const std::string& bytes) {
  Npy npy;
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const size_t length =
      static_cast<unsigned char>(bytes.at(8)) + 256u * static_cast<unsigned char>(bytes.at(9));
  npy.header = bytes.substr(10, length);
  npy.data_offset = 10 + length;
  for (size_t at = npy.data_offset; at + 56 <= bytes.size(); at += 56) {
    Row row(7);
    std::memcpy(row.data(), bytes.data() + at, 56);
    npy.rows.push_back(row);
  }
  return npy;
}

// The header for `count` rows, without its padding.
std::string Literal(const std::string& count) {
  return "{'descr': [('query', '<u8'), ('sample_index', '<u4'), ('phase', '<u2'), "
         "('failed', '|b1'), ('held_up', '|b1'), ('scheduled_ns', '<i8'), ('issued_ns', '<i8'), "
         "('first_token_ns', '<i8'), "
         "('completed_ns', '<i8'), "
         "('tokens', '<i8')], 'fortran_order': False, 'shape': (" +
         count + ",), }";
}

// The 8 bytes of sample_index and phase, which follow each other.
constexpr int64_t Performance(int64_t sample_index) { return (int64_t{1} << 32) + sample_index; }

void ExpectHeader(const Npy& npy, const std::string& count) {
  EXPECT_EQ(npy.data_offset % 64, 0u);
  EXPECT_EQ(npy.header.back(), '\n');
  EXPECT_EQ(npy.header.substr(0, npy.header.find_last_not_of(" \n") + 1), Literal(count));
  EXPECT_GE(npy.header.size(), Literal("18446744073709551615").size() + 1) << "room for any count";
}

void SetSampleIndices(const std::vector<uint32_t>& indices, RunRecord* record) {
  SampleSlots& slots = const_cast<SampleSlots&>(*record->slots);
  slots.sample_index.Grow(indices.size());
  for (size_t i = 0; i < indices.size(); ++i) slots.sample_index[i] = indices[i];
}

// Two queries of two samples, the second with a gap before it and a sample that never ended.
RunRecord TwoQueries() {
  RunRecord record = RecordBuilder(2)
                         .Query(0, 10, {{100, 50, 7}, {110, 60, 8}})
                         .Gap()
                         .Query(200, 220, {{300, kNever, 0}, {kNever, 250, 0}})
                         .Build();
  SetSampleIndices({5, 6, 0, 0, 7, 5}, &record);
  record.first_query = 1000;
  return record;
}

TEST(SampleLog, WithoutASetIsAnEmptyArray) {
  TestFile path;
  OutputFile file(path.path());
  SampleLog log(&file);
  const Npy npy = ParseNpy(path.Read());
  ExpectHeader(npy, "0");
  EXPECT_TRUE(npy.rows.empty());
}

TEST(SampleLog, WritesTheIssuedSamples) {
  TestFile path;
  OutputFile file(path.path());
  SampleLog log(&file);
  log.WriteSet(TwoQueries(), RecordBuilder::kStartNs);
  const std::vector<Row> expected = {{1000, Performance(5), 0, 10, 50, 100, 7},
                                     {1000, Performance(6), 0, 10, 60, 110, 8},
                                     {1002, Performance(7), 200, 220, -1, 300, 0},
                                     {1002, Performance(5), 200, 220, 250, -1, 0}};
  const Npy after_set = ParseNpy(path.Read());
  ExpectHeader(after_set, "4");
  EXPECT_EQ(after_set.rows, expected);

  log.Finish();
  const Npy finished = ParseNpy(path.Read());
  ExpectHeader(finished, "4");
  EXPECT_EQ(finished.rows, expected);
}

TEST(SampleLog, KeepsToItsSizeAndSaysHowManySamplesAreLeftOut) {
  const uint64_t header_size = [] {
    TestFile path;
    OutputFile file(path.path());
    SampleLog log(&file);
    return path.Read().size();
  }();
  for (const uint64_t rows : {0, 1, 3}) {
    TestFile path;
    OutputFile file(path.path());
    const uint64_t max_bytes = header_size + 39 + 56 * rows + 55;
    SampleLog log(&file, rows == 0 ? 0 : max_bytes);
    log.WriteSet(TwoQueries(), RecordBuilder::kStartNs);
    const std::string after_set = path.Read();
    ExpectHeader(ParseNpy(after_set), std::to_string(rows));
    EXPECT_TRUE(after_set.ends_with(
        "samples left out:                    " + std::to_string(4 - rows) + "\n"));
    log.WriteSet(TwoQueries(), RecordBuilder::kStartNs);
    log.Finish();
    const std::string finished = path.Read();
    EXPECT_EQ(log.left_out_count(), 8 - rows);
    ExpectHeader(ParseNpy(finished), std::to_string(rows));
    EXPECT_EQ(ParseNpy(finished).rows.size(), rows);
    EXPECT_TRUE(finished.ends_with(" " + std::to_string(8 - rows) + "\n"));
    EXPECT_EQ(finished.size(), header_size + 56 * rows + 39);
  }
  TestFile path;
  OutputFile file(path.path());
  SampleLog log(&file, header_size + 39 + 56 * 4);
  log.WriteSet(TwoQueries(), RecordBuilder::kStartNs);
  EXPECT_EQ(log.left_out_count(), 0u);
  EXPECT_EQ(path.Read().size(), header_size + 56 * 4);
}

TEST(SampleLog, SaysOfASampleThatItFailed) {
  RunRecord record =
      RecordBuilder(2).Query(0, 30, {{40, kNever, 0}, {50, kNever, 0, true}}).Build();
  SetSampleIndices({2, 3}, &record);
  TestFile path;
  OutputFile file(path.path());
  SampleLog log(&file);
  log.WriteSet(record, RecordBuilder::kStartNs);
  constexpr int64_t kFailed = int64_t{1} << 48;  // The byte behind the phase.
  EXPECT_EQ(ParseNpy(path.Read()).rows,
            (std::vector<Row>{{0, Performance(2), 0, 30, -1, 40, 0},
                              {0, Performance(3) + kFailed, 0, 30, -1, 50, 0}}));
}

TEST(SampleLog, SaysOfAQueryThatItWasHeldUp) {
  RunRecord record =
      RecordBuilder().Query(0, 30, {{40, kNever, 0}}).Query(10, 40, {{50, kNever, 0}}).Build();
  SetSampleIndices({2, 3}, &record);
  SampleSlots& slots = const_cast<SampleSlots&>(*record.slots);
  slots.held_up.Grow(2);
  slots.held_up[1] = 1;
  TestFile path;
  OutputFile file(path.path());
  SampleLog log(&file);
  log.WriteSet(record, RecordBuilder::kStartNs);
  constexpr int64_t kHeldUp = int64_t{1} << 56;
  EXPECT_EQ(ParseNpy(path.Read()).rows,
            (std::vector<Row>{{0, Performance(2), 0, 30, -1, 40, 0},
                              {1, Performance(3) + kHeldUp, 10, 40, -1, 50, 0}}));
}

TEST(SampleLog, LaterSetsAreAppendedAndCountFromTheGivenOrigin) {
  TestFile path;
  OutputFile file(path.path());
  SampleLog log(&file);
  log.WriteSet(TwoQueries(), RecordBuilder::kStartNs);
  log.WriteSet(TwoQueries(), RecordBuilder::kStartNs - 1000);
  log.Finish();
  const Npy npy = ParseNpy(path.Read());
  ExpectHeader(npy, "8");
  ASSERT_EQ(npy.rows.size(), 8u);
  EXPECT_EQ(npy.rows[4], (Row{1000, Performance(5), 1000, 1010, 1050, 1100, 7}));
}

TEST(SampleLog, ClosedLoopIsScheduledWhenItIsIssued) {
  RunRecord record = RecordBuilder().Query(0, 30, {{40, kNever, 0}}).Build();
  SetSampleIndices({2}, &record);
  const_cast<SampleSlots&>(*record.slots).scheduled_is_issued = true;
  TestFile path;
  OutputFile file(path.path());
  SampleLog log(&file);
  log.WriteSet(record, RecordBuilder::kStartNs);
  EXPECT_EQ(ParseNpy(path.Read()).rows, (std::vector<Row>{{0, Performance(2), 30, 30, -1, 40, 0}}));
}

TEST(SampleLog, SaysOfWhichPhaseASampleIs) {
  RunRecord record = RecordBuilder().Query(0, 30, {{40, kNever, 0}}).Build();
  SetSampleIndices({2}, &record);
  TestFile path;
  OutputFile file(path.path());
  SampleLog log(&file);
  for (const Phase phase : {Phase::kAccuracy, Phase::kPerformance, Phase::kWarmUp}) {
    record.phase = phase;
    log.WriteSet(record, RecordBuilder::kStartNs);
  }
  const Npy npy = ParseNpy(path.Read());
  EXPECT_EQ(npy.rows[0][1], 2);
  EXPECT_EQ(npy.rows[1][1], Performance(2));
  EXPECT_EQ(npy.rows[2][1], (int64_t{2} << 32) + 2);
}

TEST(SampleLog, SetsWithoutQueriesAddNothing) {
  TestFile path;
  OutputFile file(path.path());
  SampleLog log(&file);
  log.WriteSet(RunRecord{}, 0);
  log.Finish();
  ExpectHeader(ParseNpy(path.Read()), "0");
}

TEST(SampleLog, FullDiskIsKeptAsTheFilesError) {
  OutputFile file("/dev/full");
  SampleLog log(&file);
  log.WriteSet(TwoQueries(), 0);
  log.Finish();
  EXPECT_EQ(file.error(), ENOSPC);
}

}  // namespace
}  // namespace mlperf::loadgen
