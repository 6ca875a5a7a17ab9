#include "wire.h"

#include <bit>
#include <cstring>

namespace mlperf::transfer {
namespace {

template <typename Number>
Number LittleEndian(Number value) {
  if constexpr (std::endian::native == std::endian::big) {
    Number swapped = 0;
    for (size_t i = 0; i < sizeof value; ++i) {
      swapped = static_cast<Number>(swapped << 8 | (value >> (8 * i) & 0xff));
    }
    return swapped;
  }
  return value;
}

template <typename Number>
void Put(Number value, char* to) {
  value = LittleEndian(value);
  std::memcpy(to, &value, sizeof value);
}

template <typename Number>
Number Get(const char* from) {
  Number value;
  std::memcpy(&value, from, sizeof value);
  return LittleEndian(value);
}

constexpr size_t kFlagsAt = 1, kZeroAt = 2, kCountAt = 4, kOpAt = 8, kNbytesAt = 16, kValueAt = 24,
                 kHandleAt = 28;

// What the numbers of a frame of one kind may be.
struct Rule {
  uint8_t flags = 0;
  uint32_t max_slices = 0;
  uint64_t max_payload = 0;
};

Rule RuleOf(FrameKind kind) {
  switch (kind) {
    case FrameKind::kHello:
    case FrameKind::kWelcome:
    case FrameKind::kReady:
      return {0, 0, kMaxGreeting};
    case FrameKind::kOpen:
      return {0, 0, kOpenProofSize};
    case FrameKind::kRead:
      return {0, kMaxSlices, 0};
    case FrameKind::kWrite:
      return {kHasImmediate, kMaxSlices, kMaxPayload};
    case FrameKind::kSend:
      return {kAnnounced | kCleared, 1, kMaxPayload};
    case FrameKind::kRevoke:
      return {kReleased, 0, 0};
    case FrameKind::kReply:
      return {kHasDescriptor, 0, kMaxPayload};
    case FrameKind::kClear:
      break;
  }
  return {};
}

const char* FaultOfSend(const FrameHead& head) {
  if (head.flags == kAnnounced) {
    return head.count == 1 && head.nbytes == 0 ? nullptr : "an announced message has bytes";
  }
  if (head.count != 0) return "a message has slices";
  if (head.flags == (kAnnounced | kCleared)) return "a message is announced and cleared";
  if (head.flags == 0 && head.nbytes > kMaxKeptMessage) return "a large message is not announced";
  return nullptr;
}

}  // namespace

void WriteHead(const FrameHead& head, char* to) {
  to[0] = static_cast<char>(head.kind);
  to[kFlagsAt] = static_cast<char>(head.flags);
  Put<uint16_t>(0, to + kZeroAt);
  Put(head.count, to + kCountAt);
  Put(head.op, to + kOpAt);
  Put(head.nbytes, to + kNbytesAt);
  Put(head.value, to + kValueAt);
  Put(head.handle, to + kHandleAt);
}

FrameHead ReadHead(const char* from) {
  FrameHead head;
  head.kind = static_cast<FrameKind>(from[0]);
  head.flags = static_cast<uint8_t>(from[kFlagsAt]);
  head.count = Get<uint32_t>(from + kCountAt);
  head.op = Get<uint64_t>(from + kOpAt);
  head.nbytes = Get<uint64_t>(from + kNbytesAt);
  head.value = Get<uint32_t>(from + kValueAt);
  head.handle = Get<uint32_t>(from + kHandleAt);
  return head;
}

void WriteSlice(const WireSlice& slice, char* to) {
  Put(slice.offset, to);
  Put(slice.nbytes, to + 8);
}

WireSlice ReadSlice(const char* from) { return {Get<uint64_t>(from), Get<uint64_t>(from + 8)}; }

const char* FaultOf(const FrameHead& head, const char* from) {
  if (head.kind < FrameKind::kHello || head.kind > FrameKind::kReply) return "an unknown kind";
  if (Get<uint16_t>(from + kZeroAt) != 0) return "a reserved field is not 0";
  const Rule rule = RuleOf(head.kind);
  if ((head.flags & ~rule.flags) != 0) return "an unknown flag";
  if (head.count > rule.max_slices) return "too many slices";
  if (head.nbytes > rule.max_payload) return "too many bytes";
  if (head.kind == FrameKind::kSend) return FaultOfSend(head);
  if (head.kind == FrameKind::kOpen && head.nbytes != kOpenProofSize) return "no proof of a key";
  if (head.kind == FrameKind::kReply && head.value >= static_cast<uint32_t>(Answer::kLast)) {
    return "an unknown answer";
  }
  return nullptr;
}

const char* FaultOf(const FrameHead& head, std::span<const WireSlice> slices) {
  uint64_t sum = 0;
  for (const WireSlice& slice : slices) {
    if (slice.nbytes > kMaxPayload - sum) return "slices of too many bytes";
    sum += slice.nbytes;
  }
  if (head.kind == FrameKind::kWrite && sum != head.nbytes)
    return "slices of other bytes than come";
  return nullptr;
}

}  // namespace mlperf::transfer
