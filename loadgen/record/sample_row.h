// The one definition of a row of mlperf_log_samples.npy, and of the bytes around the rows: what
// writes the file, what reads it and every reader in Python take them from here.
#ifndef MLPERF_LOADGEN_RECORD_SAMPLE_ROW_H_
#define MLPERF_LOADGEN_RECORD_SAMPLE_ROW_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace mlperf::loadgen {

// One row a sample, little endian, as mapped by read_samples. Times are ns since the start of
// issuing of the test's first set; -1: did not happen. kSampleColumns names the members to every
// reader.
struct SampleRow {
  uint64_t query;
  uint32_t sample_index;
  uint16_t phase;  // A Phase: 0 accuracy, 1 performance, 2 warm-up.
  bool failed;     // Ended at completed_ns without an answer.
  bool held_up;    // Its query was due when the system returned from the IssueQuery before.
  int64_t scheduled_ns;
  int64_t issued_ns;
  int64_t first_token_ns;
  int64_t completed_ns;
  int64_t tokens;  // As reported by the system under test; 0: not reported.
};

// A column as the header of the file describes it.
struct SampleColumn {
  std::string_view name;
  char kind;  // 'u' or 'i': without sign or with it; 'b': bool.
  size_t size;

  std::string Type() const { return (size == 1 ? "|" : "<") + (kind + std::to_string(size)); }
};

template <typename T>
constexpr SampleColumn ColumnOf(std::string_view name, T SampleRow::*) {
  static_assert(std::is_integral_v<T>);
  if constexpr (std::is_same_v<T, bool>) return {name, 'b', sizeof(T)};
  return {name, std::is_signed_v<T> ? 'i' : 'u', sizeof(T)};
}

// The members of a row, in their order.
inline constexpr std::array kSampleColumns = {
    ColumnOf("query", &SampleRow::query),
    ColumnOf("sample_index", &SampleRow::sample_index),
    ColumnOf("phase", &SampleRow::phase),
    ColumnOf("failed", &SampleRow::failed),
    ColumnOf("held_up", &SampleRow::held_up),
    ColumnOf("scheduled_ns", &SampleRow::scheduled_ns),
    ColumnOf("issued_ns", &SampleRow::issued_ns),
    ColumnOf("first_token_ns", &SampleRow::first_token_ns),
    ColumnOf("completed_ns", &SampleRow::completed_ns),
    ColumnOf("tokens", &SampleRow::tokens),
};

// The file begins with these bytes, two bytes with the length of the rest of the header, and that
// rest: a Python literal (before the number of rows, the number, after it), spaces and a newline.
inline constexpr std::string_view kNpyMagic("\x93NUMPY\x01\x00", 8);  // Format 1.0.
inline constexpr size_t kNpyLengthSize = 2;
std::string SampleLiteralBeforeCount();
// Of logs from before there were `failed` and `held_up`: their phases are four bytes wide, of which
// the upper two are 0, so that their rows are rows of today in which both are false.
std::string OldSampleLiteralBeforeCount();
inline constexpr std::string_view kSampleLiteralAfterCount = ",), }";

// Where there was no room for all samples, the rows are followed by this text and how many more
// there were, as a decimal number of kLeftOutDigits places and a newline. It is no whole row.
inline constexpr std::string_view kLeftOutText = "samples left out: ";
inline constexpr size_t kLeftOutDigits = 20;

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_RECORD_SAMPLE_ROW_H_
