// The samples of a set that the system under test could not answer, in words.
#ifndef MLPERF_LOADGEN_RECORD_FAILED_SAMPLES_H_
#define MLPERF_LOADGEN_RECORD_FAILED_SAMPLES_H_

#include <string>

#include "record/run_record.h"

namespace mlperf::loadgen {

// "5 of 10 samples failed (50 %)". Only where some did.
std::string FailedShare(const RunRecord& record);

// How many failed and why: "5 of 10 samples failed (50 %): HTTP 500; timeout"; empty: none did.
std::string FailureReason(const RunRecord& record);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_RECORD_FAILED_SAMPLES_H_
