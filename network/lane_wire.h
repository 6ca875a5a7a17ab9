// What travels on a lane, the stream socket between a load generator and a node: records, each
// followed by its bytes. Both ends count on a little-endian machine.
//
// To the node SampleRecords, back AnswerRecords. The bytes after a record are padded to kAlignment.
// Those of a sample are the text of its payload's layout (JSON as in qdl/wire/payload.py), padded,
// and then the parts of the payload, each padded.
#ifndef MLPERF_LOADGEN_NETWORK_LANE_WIRE_H_
#define MLPERF_LOADGEN_NETWORK_LANE_WIRE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

namespace mlperf::network {

static_assert(std::endian::native == std::endian::little);

inline constexpr uint64_t kAlignment = 8;

constexpr uint64_t Padded(uint64_t size) { return (size + kAlignment - 1) & ~(kAlignment - 1); }

enum class SampleKind : uint16_t {
  kSample = 1,
  kPlaced = 2,  // Its bytes are in the load generator's arena, at `place`; none follow.
  kFlush = 3,   // No more queries follow for now. All numbers are 0.
  kFreed = 4,   // `key` answers that lay in the node's arena, the oldest, are read.
};

struct SampleRecord {
  SampleKind kind = SampleKind::kSample;
  // 1: the last sample of its query, or of the part of it that goes to this node together; 0: more
  // of these follow.
  uint16_t ends_query = 1;
  uint32_t layout_bytes = 0;  // Of the layout's text, without its padding.
  uint64_t key = 0;           // The node's answer names the sample by it.
  uint64_t index = 0;         // In the sample library.
  uint64_t size = 0;          // Of the parts; the padding of the last one is not counted.
  uint64_t place = 0;
};
static_assert(sizeof(SampleRecord) == 40);

// The first five are loadgen::ServedEvent.
enum class AnswerKind : uint64_t {
  kCompleted = 0,
  kFirstToken = 1,
  kFailed = 2,   // The bytes are the reason.
  kFault = 3,    // Of no sample: the bytes say what was wrong.
  kAborted = 4,  // The system called AbortTest; the bytes say so.
  kSent = 5,     // `sent_ns` of the answers that follow: when the node wrote them.
  kPlaced = 6,   // As kCompleted; its bytes are in the node's arena, at `place`; none follow.
};

// All times are readings of the node's monotonic clock.
struct AnswerRecord {
  AnswerKind kind = AnswerKind::kCompleted;
  uint64_t key = 0;
  int64_t n_tokens = 0;
  uint64_t size = 0;
  int64_t received_ns = 0;
  int64_t issued_ns = 0;
  int64_t completed_ns = 0;
  union {
    uint64_t place = 0;  // Of kPlaced.
    int64_t sent_ns;     // Of kSent.
  };
};
static_assert(sizeof(AnswerRecord) == 64);

// How many bytes follow the record in the stream, with their padding. Only for a record without a
// fault.
uint64_t BytesAfter(const SampleRecord& record);
uint64_t BytesAfter(const AnswerRecord& record);

// What is wrong with a record that came; empty if nothing is. `most_bytes`: of a payload or an
// answer, as the ends agreed.
std::string FaultOf(const SampleRecord& record, uint64_t most_bytes);
std::string FaultOf(const AnswerRecord& record, uint64_t most_bytes);

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_LANE_WIRE_H_
