// What travels between the load generator and a system under test: samples to
// answer, and the responses that answer them.
#ifndef MLPERF_LOADGEN_QUERY_SAMPLE_H_
#define MLPERF_LOADGEN_QUERY_SAMPLE_H_

#include <cstddef>
#include <cstdint>

namespace mlperf {

// Identifies one sample of one query of the running test. It is opaque: checked, never
// dereferenced.
typedef uintptr_t ResponseId;
// An id that no sample ever has.
constexpr ResponseId kResponseIdReserved = 0;

// Position of a sample in the QuerySampleLibrary, from 0.
typedef size_t QuerySampleIndex;

// A duration between two events of one sample, in nanoseconds.
typedef int64_t QuerySampleLatency;

struct QuerySample {
  ResponseId id;
  QuerySampleIndex index;
};

// The answer to one sample. `data` is the address of `size` bytes. They are read only if the test
// logs them (accuracy runs and sampled performance runs), and only during the call that hands them
// over.
struct QuerySampleResponse {
  QuerySampleResponse() : id(kResponseIdReserved), data(0), size(0), n_tokens(0) {}
  QuerySampleResponse(ResponseId id_, uintptr_t data_, size_t size_)
      : id(id_), data(data_), size(size_), n_tokens(0) {}
  QuerySampleResponse(ResponseId id_, uintptr_t data_, size_t size_, int64_t n_tokens_)
      : id(id_), data(data_), size(size_), n_tokens(n_tokens_) {}

  ResponseId id;
  uintptr_t data;
  size_t size;
  int64_t n_tokens;
};

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_QUERY_SAMPLE_H_
