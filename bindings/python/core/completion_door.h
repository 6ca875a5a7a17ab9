// How another extension module completes samples of the running test: the capsule
// _core.completion_door holds the address of one of these. All may be called from any thread,
// without the interpreter's lock.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_COMPLETION_DOOR_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_COMPLETION_DOOR_H_

#include <cstddef>
#include <cstdint>

#include "query_sample.h"
#include "record/timed_answer.h"

namespace mlperf::python {

inline constexpr char kCompletionDoorName[] = "mlperf_loadgen.completion_door";

struct CompletionDoor {
  // Completes samples at the times of their answers.
  void (*complete_at)(const TimedAnswer* answers, size_t count);
  // As FailSamples, which says what false stands for.
  bool (*fail)(const ResponseId* ids, size_t count, const char* reason);
  int64_t (*now_ns)();  // The clock that times are read from.
  // Whether the bytes of responses are wanted, at least of some.
  bool (*logs_responses)();
  void (*abort)();  // Ends the running test.
};

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_COMPLETION_DOOR_H_
