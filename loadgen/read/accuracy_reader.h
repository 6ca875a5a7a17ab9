// mlperf_log_accuracy.json read back: the responses of a test as a few large arrays, at the speed
// of memory. The text is streamed, so beyond the arrays only a read buffer of fixed size is needed.
#ifndef MLPERF_LOADGEN_READ_ACCURACY_READER_H_
#define MLPERF_LOADGEN_READ_ACCURACY_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace mlperf::loadgen {

// The n whole records of a log, in the order of the log. The response of record i is
// payload[payload_offsets[i]] up to, not including, payload[payload_offsets[i + 1]].
struct AccuracyData {
  std::vector<uint64_t> sequence_ids;
  std::vector<uint64_t> sample_indices;
  std::vector<uint8_t> payload;
  std::vector<uint64_t> payload_offsets;  // n + 1.

  // A record without the field among records with it: no bytes, count 0.
  std::vector<uint8_t> token_payload;
  std::vector<uint64_t> token_payload_offsets;  // n + 1, or empty: no record has token_data.
  std::vector<int64_t> token_counts;            // n, or empty: no record has token_count.

  // Records are missing: the log ends before its closing bracket, as one does whose test was
  // killed, or it was shortened. Records that are not whole are left out. The first `used_bytes`
  // bytes, unless 0, and a "]" are a whole log again.
  bool truncated = false;
  // Something in the middle was replaced by a line of three dots, as MLCommons does to the logs of
  // submissions: of large logs the first and the last 4096 bytes remain, whatever is cut by that.
  bool shortened = false;
  // The offset of the first byte not used; all bytes of a whole log. Of one that was shortened, the
  // end of the last whole record before the gap.
  uint64_t used_bytes = 0;
};

// The text is not an accuracy log. The message names the log, the byte offset (from 0), the record
// (from 1), what was found there and what was expected.
class AccuracyFormatError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Copies the next bytes of a text, at most `size`, to `buffer` and returns their number, 0 at the
// end of the text. May throw.
using ByteSource = std::function<size_t(char* buffer, size_t size)>;

// Throws std::system_error if the file cannot be opened or read, AccuracyFormatError if it is no
// accuracy log. The records' fields may come in any order, with any JSON white space.
AccuracyData ReadAccuracyLog(const std::string& path);

// The same from any source. `name` is for messages. `expected_size` is the length of the text, as
// far as known: memory for the payload is set aside by it, so that it is never copied to grow.
AccuracyData ReadAccuracyLog(const ByteSource& source, const std::string& name,
                             uint64_t expected_size = 0);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_READ_ACCURACY_READER_H_
