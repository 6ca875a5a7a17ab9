// How much of the latency that is judged is not the system's: the load generator was late itself,
// or the machine did not run it. Pure.
#ifndef MLPERF_LOADGEN_EVALUATE_LATENESS_CAUTION_H_
#define MLPERF_LOADGEN_EVALUATE_LATENESS_CAUTION_H_

#include <cstdint>
#include <string>

#include "plan/run_plan.h"
#include "record/run_record.h"

namespace mlperf::loadgen {

// The latency at the target percentile, or in token mode the time to the first token; and the same
// if no query had been issued late by the generator's own doing.
struct JudgedLatency {
  int64_t measured_ns = 0;
  int64_t without_own_lateness_ns = 0;
  int64_t own_ns() const { return measured_ns - without_own_lateness_ns; }
};

// Open loop only: in the others latencies begin when a query is issued, however late that is.
JudgedLatency MeasureOwnLateness(const RunPlan& plan, const RunRecord& record);

// One sentence, with the cause and what to do, where the own part is relevant: more than a tenth of
// the judged latency and 100 us or more, or more than a tenth of the bound. Empty: it is not.
std::string LatenessCaution(const RunPlan& plan, const RunRecord& record);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_EVALUATE_LATENESS_CAUTION_H_
