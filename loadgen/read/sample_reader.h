// mlperf_log_samples.npy found again: where its rows (record/sample_row.h) are, whatever bytes the
// file holds.
#ifndef MLPERF_LOADGEN_READ_SAMPLE_READER_H_
#define MLPERF_LOADGEN_READ_SAMPLE_READER_H_

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mlperf::loadgen {

// The longest header that an NPY 1.0 file can have: its length is a 16-bit number.
inline constexpr size_t kMaxSampleHeaderSize = 10 + 0xFFFF;

// The rows of a file are `row_count` SampleRows from `data_offset` on.
struct SampleLayout {
  uint64_t data_offset = 0;
  uint64_t row_count = 0;  // Whole rows that are in the file, whatever the header says.
  // The header counts other rows than there are, or a part of a row follows: the file was cut off,
  // or the test that wrote it was killed.
  bool truncated = false;
};

// The bytes are not the beginning of a sample log. The message names the log, the byte offset
// (from 0), what was found there, what was expected and what to do.
class SampleLogFormatError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// `head`: the first kMaxSampleHeaderSize bytes of a file of `file_size` bytes, or all if it has
// fewer. Accepts what SampleLog writes or wrote before rows had `failed`, and what NumPy writes for
// an array with these columns.
// `name` is for messages.
SampleLayout ReadSampleLayout(std::string_view head, uint64_t file_size, const std::string& name);

// What follows the last whole row says how many samples were left out (record/sample_row.h); 0
// where it says no such thing.
uint64_t ReadLeftOutCount(std::string_view rest);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_READ_SAMPLE_READER_H_
