// Whether this machine read answers soon enough to judge them. Pure.
#ifndef MLPERF_LOADGEN_EVALUATE_CLIENT_LAG_H_
#define MLPERF_LOADGEN_EVALUATE_CLIENT_LAG_H_

#include <string>

#include "plan/run_plan.h"
#include "record/run_record.h"

namespace mlperf::loadgen {

// What is to be said of how late reads were; empty: nothing.
struct LagFinding {
  std::string caution;  // The 99th percentile is above 1 % of the smallest bound.
  std::string reason;   // It is above 10 %: the result is INVALID.
};

LagFinding JudgeClientLag(const RunPlan& plan, const RunRecord& record);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_EVALUATE_CLIENT_LAG_H_
