// Takes completions in place of a test: in a process that hosts a system under test for the test of
// another one.
#ifndef MLPERF_LOADGEN_SERVE_COMPLETION_SINK_H_
#define MLPERF_LOADGEN_SERVE_COMPLETION_SINK_H_

#include <cstdint>
#include <string>

#include "query_sample.h"

namespace mlperf::loadgen {

// Called from any thread.
class CompletionSink {
 public:
  virtual ~CompletionSink() = default;
  // True if the id is that of a sample that is outstanding, which it is no longer then: Complete or
  // Fail follows.
  virtual bool Claim(ResponseId id) = 0;
  virtual void Complete(const QuerySampleResponse& response, int64_t now_ns) = 0;
  // With kResponseIdReserved: a fault that is no sample's, and needs no claim.
  virtual void Fail(ResponseId id, const std::string& reason, int64_t now_ns) = 0;
  virtual void FirstToken(const QuerySampleResponse& response, int64_t now_ns) = 0;
  virtual void Abort() = 0;
  // What one call of the system reported has been handed in; its bytes are still there.
  virtual void Publish() = 0;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SERVE_COMPLETION_SINK_H_
