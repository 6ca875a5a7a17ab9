// Where the answers of samples go that are to be logged: the recorder completes into it and knows
// no log file.
#ifndef MLPERF_LOADGEN_RECORD_RESPONSE_SINK_H_
#define MLPERF_LOADGEN_RECORD_RESPONSE_SINK_H_

#include <cstddef>
#include <cstdint>

namespace mlperf::loadgen {

// What a system answered a sample with. The bytes are lent for the call.
struct LoggedResponse {
  uint64_t sequence_id;   // Sample sequence number within the test.
  uint64_t sample_index;  // In the library.
  const void* data;
  size_t size;
  const void* token_data;  // What FirstTokenComplete handed over.
  size_t token_size;
  int64_t token_count;  // n_tokens as reported.
};

class ResponseSink {
 public:
  virtual ~ResponseSink() = default;

  // Before the first response of a set. May be called for each set.
  virtual void Start() = 0;
  // From any thread.
  virtual void Append(const LoggedResponse& response) = 0;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_RECORD_RESPONSE_SINK_H_
