// How a broken promise of the system under test is named in reasons, and what fixes it.
#ifndef MLPERF_LOADGEN_EVALUATE_VIOLATION_WORDS_H_
#define MLPERF_LOADGEN_EVALUATE_VIOLATION_WORDS_H_

#include <cstddef>
#include <string>

#include "record/run_record.h"

namespace mlperf::loadgen {

// How often the promise of this kind was broken, as in "2 early completions".
std::string CountViolation(const ViolationRecord& violations, size_t kind);

// What to do about it. Failed samples and faults have none: they say why themselves.
const char* FixOfViolation(size_t kind);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_EVALUATE_VIOLATION_WORDS_H_
