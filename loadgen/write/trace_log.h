// mlperf_log_trace.json: the run in Chrome trace event format, for Perfetto and chrome://tracing.
#ifndef MLPERF_LOADGEN_WRITE_TRACE_LOG_H_
#define MLPERF_LOADGEN_WRITE_TRACE_LOG_H_

#include <cstdint>
#include <limits>

#include "plan/run_plan.h"
#include "platform/output_file.h"
#include "record/run_record.h"

namespace mlperf::loadgen {

// Written after the run from the record; nothing is formatted while queries are issued.
class TraceLog {
 public:
  // `origin_ns`: clock reading that is time 0. The document has `max_bytes` at most, or is empty
  // but for its frame.
  TraceLog(OutputFile* file, int64_t origin_ns,
           uint64_t max_bytes = std::numeric_limits<uint64_t>::max());

  // The events of one set: LoadSamples, GenerateQueries, SampleLoop, UnloadSamples; then query by
  // query Waiting or Scheduling, IssueQuery, Sample (b, e), Latency (C, Server), Token (b, e) or
  // Token_Latency (C, Server).
  void WriteSet(const RunPlan& plan, const RunRecord& record);

  // Samples that there was no room for.
  uint64_t left_out_count() const { return left_out_count_; }

  // Ends the JSON document.
  void Finish();

 private:
  OutputFile* file_;
  int64_t origin_ns_;
  uint64_t max_bytes_;
  uint64_t written_bytes_;
  uint64_t left_out_count_ = 0;
  bool first_ = true;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_TRACE_LOG_H_
