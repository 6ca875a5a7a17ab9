// mlperf_log_samples.npy: every sample of every query as a NumPy structured array.
#ifndef MLPERF_LOADGEN_SAMPLE_LOG_H_
#define MLPERF_LOADGEN_SAMPLE_LOG_H_

#include <cstdint>

#include "output_file.h"
#include "run_record.h"

namespace mlperf::loadgen {

// One row a sample, little endian, as read by numpy.load(mmap_mode="r"). Times are ns since the
// start of issuing of the test's first set; -1: did not happen.
struct SampleRow {
  uint64_t query;
  uint64_t sample_index;
  int64_t scheduled_ns;
  int64_t issued_ns;
  int64_t first_token_ns;
  int64_t completed_ns;
  int64_t tokens;  // As reported by the system under test; 0: not reported.
};

class SampleLog {
 public:
  explicit SampleLog(OutputFile* file);

  // Rows of the issued samples of one set, in sample order. `origin_ns`: clock reading of time 0.
  void WriteSet(const RunRecord& record, int64_t origin_ns);

  // Puts the number of rows into the header.
  void Finish();

 private:
  OutputFile* file_;
  uint64_t row_count_ = 0;
  uint64_t counted_rows_ = 0;  // As the header says.
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SAMPLE_LOG_H_
