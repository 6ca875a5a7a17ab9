// Completions with times of their own, beside QuerySamplesComplete.
#ifndef MLPERF_LOADGEN_ISSUE_TIMED_COMPLETIONS_H_
#define MLPERF_LOADGEN_ISSUE_TIMED_COMPLETIONS_H_

#include <cstddef>

#include "record/timed_answer.h"

namespace mlperf::loadgen {

// Completes samples at the times that their answers say, from any thread. Times that cannot be are
// counted and make the result INVALID; the time of the call is used in their place. Else it is as
// QuerySamplesComplete: where the process hosts a system for another's test, the answers go there.
void CompleteAt(const TimedAnswer* answers, size_t count);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_TIMED_COMPLETIONS_H_
