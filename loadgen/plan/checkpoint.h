// How work that takes long learns that it is not wanted any more.
#ifndef MLPERF_LOADGEN_PLAN_CHECKPOINT_H_
#define MLPERF_LOADGEN_PLAN_CHECKPOINT_H_

#include <cstdint>
#include <functional>

namespace mlperf::loadgen {

// Called now and then by such work. What it throws ends the work.
using Checkpoint = std::function<void()>;

inline void NoCheckpoint() {}

// Thrown by checkpoints of a test that is to stop. Not an error: the cause of the stop is
// known elsewhere.
struct TestStopped {};

// How many simple steps come between two checkpoints: milliseconds.
constexpr uint64_t kStepsBetweenCheckpoints = uint64_t{1} << 18;

constexpr bool IsCheckpoint(uint64_t step) { return step % kStepsBetweenCheckpoints == 0; }

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_PLAN_CHECKPOINT_H_
