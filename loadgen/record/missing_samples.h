// The samples of a set that were issued and never came back.
#ifndef MLPERF_LOADGEN_RECORD_MISSING_SAMPLES_H_
#define MLPERF_LOADGEN_RECORD_MISSING_SAMPLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "record/run_record.h"

namespace mlperf::loadgen {

struct MissingSamples {
  struct Sample {
    uint64_t query;  // Sequence numbers within the test; of a warm-up, within it.
    uint64_t sample;
    int64_t age_ns;  // From its issue to the end of the set.
  };

  uint64_t sample_count = 0;
  uint64_t query_count = 0;
  int64_t oldest_ns = 0;
  std::vector<Sample> first;  // The first few.

  bool none() const { return sample_count == 0; }
  // "2 of 8 issued samples (of 1 query) were never completed, the oldest issued 1.5 s before the
  // end".
  std::string Words(uint64_t samples_issued) const;
  // "sample 7 (query 3, 1.5 s), ...".
  std::string FirstInWords() const;
};

MissingSamples FindMissingSamples(const RunRecord& record);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_RECORD_MISSING_SAMPLES_H_
