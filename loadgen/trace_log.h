// mlperf_log_trace.json: the run in Chrome trace event format, for Perfetto and chrome://tracing.
#ifndef MLPERF_LOADGEN_TRACE_LOG_H_
#define MLPERF_LOADGEN_TRACE_LOG_H_

#include <cstdint>

#include "output_file.h"
#include "run_plan.h"
#include "run_record.h"

namespace mlperf::loadgen {

// Written after the run from the record; nothing is formatted while queries are issued.
class TraceLog {
 public:
  // `origin_ns`: clock reading that is time 0.
  TraceLog(OutputFile* file, int64_t origin_ns);

  // The events of one set: Sample (b, e), Latency (C, Server), Token (b, e) or Token_Latency
  // (C, Server), IssueQuery, Waiting or Scheduling, LoadSamples, UnloadSamples, GenerateQueries,
  // SampleLoop.
  void WriteSet(const RunPlan& plan, const RunRecord& record);

  // Ends the JSON document.
  void Finish();

 private:
  OutputFile* file_;
  int64_t origin_ns_;
  bool first_ = true;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TRACE_LOG_H_
