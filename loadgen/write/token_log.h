// mlperf_log_tokens.npy: when the tokens of each sample came, for systems that say it. One NumPy
// array of uint64: the number n of rows of the sample log; n + 1 offsets, so that row i has the
// events from offset i to offset i + 1; and the events, counted from 0, each with its time since
// the sample was due in ns in the upper 48 bits and its tokens in the lower 16 (0: not known).
#ifndef MLPERF_LOADGEN_WRITE_TOKEN_LOG_H_
#define MLPERF_LOADGEN_WRITE_TOKEN_LOG_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "platform/output_file.h"
#include "record/run_record.h"

namespace mlperf::loadgen {

class TokenEventLog {
 public:
  // The file has `max_bytes` at most.
  explicit TokenEventLog(uint64_t max_bytes = std::numeric_limits<uint64_t>::max())
      : max_bytes_(max_bytes) {}

  // Keeps the events of a set, of which the sample log has `row_count` rows.
  void AddSet(const RunRecord& record, uint64_t row_count);

  // Without any, there is no file to write.
  bool has_events() const { return event_count_ > 0; }
  void Write(OutputFile* file);

  // Samples whose events there was no room for.
  uint64_t left_out_count() const { return left_out_count_; }

 private:
  // A row with events.
  struct Row {
    uint64_t number;
    uint64_t answer;    // Position in the record.
    int64_t waited_ns;  // From when it was due to its issue.
  };
  struct Set {
    std::shared_ptr<const TokenRecord> tokens;
    std::vector<Row> rows;
  };

  void LeaveOutWhatIsTooMuch();

  uint64_t max_bytes_;
  std::vector<Set> sets_;
  uint64_t row_count_ = 0;
  uint64_t event_count_ = 0;
  uint64_t left_out_count_ = 0;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_TOKEN_LOG_H_
