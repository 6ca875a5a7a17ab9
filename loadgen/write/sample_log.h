// mlperf_log_samples.npy: every sample of every query as a NumPy structured array, of the rows that
// record/sample_row.h defines.
#ifndef MLPERF_LOADGEN_WRITE_SAMPLE_LOG_H_
#define MLPERF_LOADGEN_WRITE_SAMPLE_LOG_H_

#include <cstdint>
#include <limits>

#include "platform/output_file.h"
#include "record/run_record.h"

namespace mlperf::loadgen {

class SampleLog {
 public:
  // The file has `max_bytes` at most, or no rows.
  explicit SampleLog(OutputFile* file, uint64_t max_bytes = std::numeric_limits<uint64_t>::max());

  // Rows of the issued samples of one set, in sample order. `origin_ns`: clock reading of time 0.
  // Returns how many rows it wrote.
  uint64_t WriteSet(const RunRecord& record, int64_t origin_ns);

  // Samples that there was no room for.
  uint64_t left_out_count() const { return left_out_count_; }

  // Puts the number of rows into the header.
  void Finish();

 private:
  void WriteLeftOut(bool again);

  OutputFile* file_;
  uint64_t max_rows_;
  uint64_t row_count_ = 0;
  uint64_t left_out_count_ = 0;
  uint64_t counted_rows_ = 0;  // As the header says.
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_SAMPLE_LOG_H_
