// What a test over lanes reports to Python, for it is rare.
#ifndef MLPERF_LOADGEN_NETWORK_LANE_EVENT_H_
#define MLPERF_LOADGEN_NETWORK_LANE_EVENT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mlperf::network {

enum class LaneEventKind : uint32_t {
  kFailed,   // The node said of the sample `ids` why it will not be answered.
  kRefused,  // The samples `ids` could not be sent; the text is complete.
  kFault,    // The node said that something is wrong which costs no sample.
  kUnknown,  // `count` answers of the node were of samples that it did not have.
  kAborted,  // The node's system called AbortTest.
  kBroken,   // The lane is broken, with the samples that the node had.
};

struct LaneEvent {
  LaneEventKind kind;
  uint32_t node = 0;
  std::vector<uint64_t> ids;
  std::string text;  // As the node sent it, any bytes.
  uint64_t count = 0;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_LANE_EVENT_H_
