// Which part of a connection a frame that comes is for. Everything here runs under its lock, by who
// reads.
#include <utility>

#include "connection.h"
#include "connection_faults.h"

namespace mlperf::transfer {

void Connection::TakeFrames() {
  const char* fault = nullptr;
  while (fault == nullptr && alive()) {
    switch (reader_.Next()) {
      case FrameReader::Step::kMore:
        return;
      case FrameReader::Step::kFrame:
        fault = BeginFrame();
        break;
      case FrameReader::Step::kPayload:
        fault = EndFrame();
        released_.push_back(std::move(incoming_.memory));
        incoming_ = {};
        break;
      case FrameReader::Step::kBroken:
        fault = reader_.fault();
        break;
    }
  }
  if (fault != nullptr) {
    Lose(Status::PeerLost(std::string("the peer breaks the protocol: ") + fault));
  }
}

// A head is there: says where the payload goes. Returns what is wrong.
const char* Connection::BeginFrame() {
  const FrameHead& head = reader_.head();
  switch (head.kind) {
    case FrameKind::kOpen:
      return BeginOpen();
    case FrameKind::kWrite:
      return BeginWrite();
    case FrameKind::kSend:
      return head.flags == kCleared ? BeginCleared() : BeginSend();
    case FrameKind::kReply:
      return BeginReply();
    case FrameKind::kRead:
    case FrameKind::kClear:
    case FrameKind::kRevoke:
      return nullptr;
    case FrameKind::kHello:
    case FrameKind::kWelcome:
    case FrameKind::kReady:
      break;
  }
  return kMisplaced;
}

// The payload is in place.
const char* Connection::EndFrame() {
  const FrameHead& head = reader_.head();
  switch (head.kind) {
    case FrameKind::kOpen:
      return EndOpen();
    case FrameKind::kRead:
      EndRead();
      return nullptr;
    case FrameKind::kWrite:
      EndWrite();
      return nullptr;
    case FrameKind::kSend:
      head.flags == kCleared ? EndCleared() : EndSend();
      return nullptr;
    case FrameKind::kReply:
      return EndReply();
    case FrameKind::kClear:
      return TakeClear();
    case FrameKind::kRevoke:
      return TakeRevoke();
    default:
      return kMisplaced;
  }
}

void Connection::Reply(uint64_t op, Answer answer, uint32_t handle) {
  FrameHead head;
  head.kind = FrameKind::kReply;
  head.op = op;
  head.value = static_cast<uint32_t>(answer);
  head.handle = handle;
  writer_.Add(OutFrame(OutFrame::Sort::kAnswer, head));
}

}  // namespace mlperf::transfer
