// Whether answers came token by token, so that a time per token can be judged. Pure.
#ifndef MLPERF_LOADGEN_EVALUATE_WHOLE_ANSWERS_H_
#define MLPERF_LOADGEN_EVALUATE_WHOLE_ANSWERS_H_

#include <string>

#include "plan/run_plan.h"
#include "record/run_record.h"

namespace mlperf::loadgen {

// What is to be said of answers of two tokens or more that came in one event, as from a server that
// does not stream: their time per token is about 0, which keeps any bound. Empty: nothing.
struct WholeAnswerFinding {
  std::string caution;  // More than 1 % of the answers came so.
  std::string reason;   // All came so: the result is INVALID.
};

WholeAnswerFinding JudgeWholeAnswers(const RunPlan& plan, const RunRecord& record);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_EVALUATE_WHOLE_ANSWERS_H_
