// What takes the queries of a QueueSut in place of its queue: a capsule of another extension module
// holds the address of one of these, which lives as long as the capsule.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_QUERY_TAKER_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_QUERY_TAKER_H_

#include <cstddef>

#include "query_sample.h"

namespace mlperf::python {

inline constexpr char kQueryTakerName[] = "mlperf_loadgen.query_taker";

struct QueryTaker {
  void* self;
  // Takes one query, on the thread that issues, without the interpreter's lock. Its samples are
  // valid during the call only.
  void (*issue)(void* self, const QuerySample* samples, size_t count);
};

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_QUERY_TAKER_H_
