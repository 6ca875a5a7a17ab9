// Messages that come, and the receives that take them: SEND, CLEAR.
#include <cstring>
#include <utility>

#include "connection.h"
#include "connection_faults.h"
#include "connection_parts.h"

namespace mlperf::transfer {
namespace {

Status TooLong(uint64_t nbytes, uint64_t room) {
  return Status::Failed("a message of " + std::to_string(nbytes) +
                        " bytes is longer than the receive's " + std::to_string(room) +
                        "; give it a larger buffer");
}

}  // namespace

const char* Connection::BeginSend() {
  const FrameHead& head = reader_.head();
  if (head.flags == kAnnounced) return nullptr;
  incoming_.receive = mailbox_.TakeReceive(head.value);
  iovec place{nullptr, head.nbytes};
  if (incoming_.receive) {
    if (head.nbytes > incoming_.receive->nbytes) {
      Finish(std::move(incoming_.receive->op), TooLong(head.nbytes, incoming_.receive->nbytes));
      incoming_.receive.reset();
      incoming_.answer = Answer::kTooLong;
      return nullptr;
    }
    incoming_.memory = incoming_.receive->memory;
    place.iov_base = incoming_.receive->to;
  } else {
    if (!mailbox_.has_room()) {
      incoming_.answer = Answer::kNoRoom;
      return nullptr;
    }
    incoming_.bytes.resize(head.nbytes);
    place.iov_base = incoming_.bytes.data();
  }
  reader_.PlaceAt({&place, 1});
  return nullptr;
}

void Connection::EndSend() {
  const FrameHead& head = reader_.head();
  if (head.flags == kAnnounced) {
    const uint64_t nbytes = reader_.slices()[0].nbytes;
    if (std::optional<transfer::Receive> receive = mailbox_.TakeReceive(head.value)) {
      ClearAnnounced(std::move(*receive), head.op, nbytes);
    } else if (mailbox_.has_room()) {
      mailbox_.Keep(head.value, {"", true, head.op, nbytes});
    } else {
      Reply(head.op, Answer::kNoRoom);
    }
    return;
  }
  if (incoming_.receive) {
    incoming_.receive->op->set_received_nbytes(head.nbytes);
    Finish(std::move(incoming_.receive->op), {});
  } else if (incoming_.answer == Answer::kDone) {
    // A receive may have been posted while the message came.
    if (std::optional<transfer::Receive> receive = mailbox_.TakeReceive(head.value)) {
      if (!FillReceive(std::move(*receive), incoming_.bytes)) incoming_.answer = Answer::kTooLong;
    } else {
      mailbox_.Keep(head.value, {std::move(incoming_.bytes), false, 0, head.nbytes});
    }
  }
  Reply(head.op, incoming_.answer);
}

// False if the message is too long for it.
bool Connection::FillReceive(transfer::Receive receive, std::string_view bytes) {
  const bool fits = bytes.size() <= receive.nbytes;
  if (fits) {
    if (!bytes.empty()) std::memcpy(receive.to, bytes.data(), bytes.size());
    receive.op->set_received_nbytes(bytes.size());
  }
  released_.push_back(std::move(receive.memory));
  Finish(std::move(receive.op), fits ? Status() : TooLong(bytes.size(), receive.nbytes));
  return fits;
}

// A receive took an announced message: its bytes may come.
void Connection::ClearAnnounced(transfer::Receive receive, uint64_t op, uint64_t nbytes) {
  if (nbytes > receive.nbytes) {
    released_.push_back(std::move(receive.memory));
    Finish(std::move(receive.op), TooLong(nbytes, receive.nbytes));
    Reply(op, Answer::kTooLong);
    return;
  }
  if (cleared_.contains(op)) {
    Lose(Status::PeerLost("the peer breaks the protocol: two messages of one number"));
    released_.push_back(std::move(receive.memory));
    Finish(std::move(receive.op), lost_);
    return;
  }
  cleared_[op] = {std::move(receive), nbytes, false};
  FrameHead head;
  head.kind = FrameKind::kClear;
  head.op = op;
  writer_.Add(OutFrame(OutFrame::Sort::kOther, head));
}

const char* Connection::BeginCleared() {
  const FrameHead& head = reader_.head();
  const auto cleared = cleared_.find(head.op);
  if (cleared == cleared_.end()) return kUnasked;
  const bool is_withdrawn = head.nbytes == 0;
  if (!is_withdrawn && head.nbytes != cleared->second.nbytes) return kOtherSize;
  if (cleared->second.is_dropped) {
    incoming_.answer = Answer::kClosed;
  } else {
    incoming_.receive = std::move(cleared->second.receive);
    incoming_.memory = incoming_.receive->memory;
    const iovec place{incoming_.receive->to, head.nbytes};
    reader_.PlaceAt({&place, 1});
  }
  cleared_.erase(cleared);
  return nullptr;
}

void Connection::EndCleared() {
  const FrameHead& head = reader_.head();
  if (incoming_.receive) {
    incoming_.receive->op->set_received_nbytes(head.nbytes);
    const bool is_withdrawn = head.nbytes == 0;
    Finish(std::move(incoming_.receive->op),
           is_withdrawn ? Status::Failed("the sender closed the region of its message") : Status());
  }
  Reply(head.op, incoming_.answer);
}

const char* Connection::TakeClear() {
  const auto found = pending_.find(reader_.head().op);
  if (found == pending_.end() || !found->second.is_announced) return kUnasked;
  if (!writer_.HasSent(found->first)) return kTooEarly;
  Pending& pending = found->second;
  pending.is_announced = false;
  FrameHead head;
  head.kind = FrameKind::kSend;
  head.flags = kCleared;
  head.op = found->first;
  head.nbytes = pending.is_dropped ? 0 : pending.nbytes;
  OutFrame frame(OutFrame::Sort::kOther, head);
  if (!pending.is_dropped) {
    frame.payload = std::move(pending.places);
    frame.memory = pending.memory;
  }
  writer_.Add(std::move(frame));
  return nullptr;
}

}  // namespace mlperf::transfer
