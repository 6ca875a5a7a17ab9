// The readers of files that anyone may have written, each as a function from bytes to checks.
#ifndef MLPERF_LOADGEN_TESTS_FUZZ_FUZZ_TARGETS_H_
#define MLPERF_LOADGEN_TESTS_FUZZ_FUZZ_TARGETS_H_

#include <stdexcept>
#include <string>
#include <string_view>

namespace mlperf::loadgen {

// A reader broke a promise of its header.
class BrokenPromise : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

inline void Require(bool holds, const char* promise) {
  if (!holds) throw BrokenPromise(promise);
}

// Each reads `input`, most as the content of a file, and returns whether it was accepted. Throws
// BrokenPromise.
bool FuzzConfig(std::string_view input);
bool FuzzAccuracyLog(std::string_view input);
bool FuzzSampleLog(std::string_view input);
bool FuzzShard(std::string_view input);
bool FuzzFrame(std::string_view input);  // Not a file: what a peer of a transfer sends.
// What a server sends: a whole answer, the body of an event stream, the data of an event.
bool FuzzLlmAnswer(std::string_view input);
bool FuzzLlmEvents(std::string_view input);
bool FuzzLlmJson(std::string_view input);
// `input`: the direction, and what comes on a lane.
bool FuzzLane(std::string_view input);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_FUZZ_FUZZ_TARGETS_H_
