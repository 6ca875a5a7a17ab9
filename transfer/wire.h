// The layout of frames on a connection: a head of 32 bytes, slices of 16 bytes, payload. All
// numbers are little-endian. Pure: bytes to values and back, and which values a frame may have.
#ifndef MLPERF_TRANSFER_WIRE_H_
#define MLPERF_TRANSFER_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace mlperf::transfer {

enum class FrameKind : uint8_t {
  kHello = 1,  // Connecting: who I am.
  kWelcome,    // Accepting: who I am, and proof of the secret.
  kReady,      // Connecting: proof of the secret, and the provider.
  kOpen,       // A region by its id; the payload proves its key. Answered by REPLY.
  kRead,       // Slices of a region. Answered by REPLY with their bytes.
  kWrite,      // Slices of a region and their bytes. Answered by REPLY once they are in place.
  kSend,       // A message; value: its tag. Answered by REPLY.
  kClear,      // The bytes of an announced message may come; op: that of the SEND.
  kRevoke,     // The region of a handle is closed; op: 0 if no REPLY is wanted.
  kReply,      // op: that of the request; value: how it ended.
};

// Flags; each kind has its own.
inline constexpr uint8_t kHasImmediate = 1;   // kWrite: value is an immediate.
inline constexpr uint8_t kAnnounced = 1;      // kSend: one slice tells the size, the bytes wait.
inline constexpr uint8_t kCleared = 2;        // kSend: the bytes of an announced message.
inline constexpr uint8_t kReleased = 1;       // kRevoke: its opener lets a handle go.
inline constexpr uint8_t kHasDescriptor = 1;  // kReply to kOpen: memory comes beside it.

// How a request ended: the value of a REPLY.
enum class Answer : uint32_t { kDone, kClosed, kRefused, kOutOfBounds, kNoRoom, kTooLong, kLast };

struct FrameHead {
  FrameKind kind = FrameKind::kHello;
  uint8_t flags = 0;
  uint32_t count = 0;   // Slices.
  uint64_t op = 0;      // Chosen by who asks; its REPLY has it, too.
  uint64_t nbytes = 0;  // Of payload.
  uint32_t value = 0;
  uint32_t handle = 0;
};

struct WireSlice {
  uint64_t offset = 0;
  uint64_t nbytes = 0;
};

inline constexpr size_t kHeadSize = 32;
inline constexpr size_t kSliceSize = 16;
inline constexpr uint32_t kMaxSlices = 16'384;
inline constexpr uint64_t kMaxPayload = uint64_t{1} << 40;
inline constexpr uint64_t kMaxGreeting = 16'384;
inline constexpr uint64_t kMaxExported = 4'096;      // What a provider says of a region.
inline constexpr uint64_t kOpenProofSize = 8 + 32;   // The region's id, and the proof of its key.
inline constexpr uint64_t kMaxKeptMessage = 65'536;  // A larger one is announced.
// What an end may ask for before the first answer came. It keeps the memory bounded that a peer can
// make this end use without reading its answers.
inline constexpr uint32_t kMaxUnansweredFrames = 1'024;
inline constexpr uint32_t kMaxUnansweredSlices = 65'536;

void WriteHead(const FrameHead& head, char* to);
FrameHead ReadHead(const char* from);
void WriteSlice(const WireSlice& slice, char* to);
WireSlice ReadSlice(const char* from);

// What is wrong with a head; null if nothing is. `from`: the 32 bytes that it was read from.
const char* FaultOf(const FrameHead& head, const char* from);
// What is wrong with the slices of a frame; null if nothing is.
const char* FaultOf(const FrameHead& head, std::span<const WireSlice> slices);

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_WIRE_H_
