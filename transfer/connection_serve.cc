// The frames that come on a connection. Everything here runs under its lock, by who reads.
#include <cstring>
#include <utility>

#include "connection.h"
#include "connection_parts.h"
#include "engine_core.h"

namespace mlperf::transfer {
namespace {

constexpr size_t kMaxHandles = 65'536;

// Where two ends tell each other more than one of them may, the connection ends.
constexpr char kMisplaced[] = "a frame in the wrong place";
constexpr char kUnasked[] = "an answer to nothing that was asked";
constexpr char kTooEarly[] = "an answer to what it cannot have read yet";
constexpr char kOtherSize[] = "an answer of another size than was asked for";

Status StatusOf(Answer answer, FrameKind kind) {
  switch (answer) {
    case Answer::kDone:
      return {};
    case Answer::kClosed:
      return Status::Refused("the peer closed the region");
    case Answer::kRefused:
      return Status::Refused(kind == FrameKind::kOpen
                                 ? "the peer has no such region, or the descriptor's key is wrong"
                                 : "the region's access does not allow it");
    case Answer::kOutOfBounds:
      return Status::OutOfBounds("a slice lies outside the peer's region");
    case Answer::kNoRoom:
      return Status::Failed(
          kind == FrameKind::kOpen
              ? "65,536 regions of the peer are open here; close some"
              : "the peer holds as many messages or immediates as it keeps; its program has to "
                "take them");
    case Answer::kTooLong:
    case Answer::kLast:
      break;
  }
  return Status::Failed(
      "the message is longer than the buffer of the receive; nothing was written");
}

Status TooLong(uint64_t nbytes, uint64_t room) {
  return Status::Failed("a message of " + std::to_string(nbytes) +
                        " bytes is longer than the receive's " + std::to_string(room) +
                        "; give it a larger buffer");
}

uint64_t NumberIn(std::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return number;
}

}  // namespace

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

// ---- Regions: OPEN, READ, WRITE, REVOKE. ----

const char* Connection::BeginOpen() {
  incoming_.bytes.resize(kOpenProofSize);
  const iovec place{incoming_.bytes.data(), incoming_.bytes.size()};
  reader_.PlaceAt({&place, 1});
  return nullptr;
}

const char* Connection::EndOpen() {
  const uint64_t op = reader_.head().op;
  const std::shared_ptr<Memory> memory = core_->regions().Find(NumberIn(incoming_.bytes));
  // An unknown region takes as long as a known one.
  const Digest expected =
      ProofOfKey(memory == nullptr ? RegionKey() : memory->key, connecting_, accepting_);
  const bool is_proved =
      SameInConstantTime(std::string_view(incoming_.bytes).substr(8), BytesOf(expected));
  if (memory == nullptr || !is_proved) {
    Reply(op, Answer::kRefused);
  } else if (handles_.size() >= kMaxHandles) {
    Reply(op, Answer::kNoRoom);
  } else {
    FrameHead head;
    head.kind = FrameKind::kReply;
    head.op = op;
    head.handle = next_handle_++;
    const bool is_handed_over = Export(memory, &head);
    handles_[head.handle] = {memory, is_handed_over};
  }
  released_.push_back(memory);
  return nullptr;
}

// Answers an OPEN with what the peer needs to reach the memory itself; whether it got any.
bool Connection::Export(const std::shared_ptr<Memory>& memory, FrameHead* head) {
  if (provider_ == "shm" && memory->can_be_mapped()) {
    head->flags = kHasDescriptor;
    OutFrame reply(OutFrame::Sort::kAnswer, *head);
    reply.passed_descriptor = memory->shared.descriptor().get();
    reply.memory = memory;
    writer_.Add(std::move(reply));
    return true;
  }
  // Where a provider cannot register it, the socket carries the bytes.
  const std::shared_ptr<ProviderMemory> registered =
      maker_ == nullptr ? nullptr : memory->RegisteredWith(maker_.get());
  const std::string exported = registered == nullptr ? "" : registered->exported();
  head->nbytes = exported.size();
  OutFrame reply(OutFrame::Sort::kAnswer, *head);
  reply.bytes += exported;
  writer_.Add(std::move(reply));
  return !exported.empty();
}

std::shared_ptr<Memory> Connection::FindHandle(uint32_t handle) const {
  const auto opened = handles_.find(handle);
  return opened == handles_.end() ? nullptr : opened->second.memory;
}

// The slices of the frame as places in the region.
Answer Connection::CheckSlices(const std::shared_ptr<Memory>& memory, Access wanted,
                               std::vector<iovec>* places) const {
  if (memory == nullptr) return Answer::kClosed;
  if (!Allows(memory->key.access, wanted)) return Answer::kRefused;
  places->reserve(reader_.slices().size());
  for (const WireSlice& slice : reader_.slices()) {
    const uint64_t size = memory->key.nbytes;
    if (slice.offset > size || slice.nbytes > size - slice.offset) return Answer::kOutOfBounds;
    if (slice.nbytes > 0) places->push_back({memory->data + slice.offset, slice.nbytes});
  }
  return Answer::kDone;
}

void Connection::EndRead() {
  std::shared_ptr<Memory> memory = FindHandle(reader_.head().handle);
  std::vector<iovec> places;
  const Answer answer = CheckSlices(memory, Access::kRead, &places);
  if (answer != Answer::kDone) {
    released_.push_back(std::move(memory));
    Reply(reader_.head().op, answer);
    return;
  }
  FrameHead head;
  head.kind = FrameKind::kReply;
  head.op = reader_.head().op;
  for (const iovec& place : places) head.nbytes += place.iov_len;
  OutFrame reply(OutFrame::Sort::kAnswer, head);
  reply.slices = reader_.head().count;
  reply.payload = std::move(places);
  reply.memory = std::move(memory);
  writer_.Add(std::move(reply));
}

const char* Connection::BeginWrite() {
  incoming_.memory = FindHandle(reader_.head().handle);
  std::vector<iovec> places;
  incoming_.answer = CheckSlices(incoming_.memory, Access::kWrite, &places);
  if (incoming_.answer == Answer::kDone) reader_.PlaceAt(places);
  return nullptr;
}

void Connection::EndWrite() {
  const FrameHead& head = reader_.head();
  Answer answer = incoming_.answer;
  if (answer == Answer::kDone && (head.flags & kHasImmediate) != 0 &&
      !core_->events().AddImmediate({number_, head.value, MonotonicNs()})) {
    answer = Answer::kNoRoom;
  }
  Reply(head.op, answer);
}

const char* Connection::TakeRevoke() {
  const FrameHead& head = reader_.head();
  if (head.flags == kReleased) {
    const auto opened = handles_.find(head.handle);
    if (opened == handles_.end()) return nullptr;  // Closed here at the same time.
    released_.push_back(std::move(opened->second.memory));
    handles_.erase(opened);
    return nullptr;
  }
  const auto found = remotes_.find(head.handle);
  std::shared_ptr<RemoteMemory> remote = found == remotes_.end() ? nullptr : found->second.lock();
  if (remote != nullptr) {
    // Who copies now does so for 1 MiB at most.
    remote->gate.Close();
    remote->gate.WaitUntilEmpty(kNever);
    remote->mapping = SharedMemory();
    released_.push_back(std::move(remote->target));
    released_.push_back(std::move(remote));
  }
  if (head.op == 0) return nullptr;
  FrameHead reply;
  reply.kind = FrameKind::kReply;
  reply.op = head.op;
  writer_.Add(OutFrame(OutFrame::Sort::kOther, reply));  // Not asked for by the program there.
  return nullptr;
}

// ---- Messages: SEND, CLEAR. ----

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

// ---- Answers. ----

const char* Connection::BeginReply() {
  const FrameHead& head = reader_.head();
  const auto found = pending_.find(head.op);
  if (found == pending_.end()) {
    return revoking_.contains(head.op) && head.nbytes == 0 ? nullptr : kUnasked;
  }
  Pending& pending = found->second;
  if (!writer_.HasSent(head.op)) return kTooEarly;
  if (pending.is_announced && head.value == static_cast<uint32_t>(Answer::kDone)) return kUnasked;
  const bool has_frame_of_its_own =
      pending.kind == FrameKind::kSend && !pending.is_announced && pending.nbytes > kMaxKeptMessage;
  if (has_frame_of_its_own && writer_.HoldsMessage(head.op)) return kTooEarly;
  const bool is_done = head.value == static_cast<uint32_t>(Answer::kDone);
  if (is_done && pending.kind == FrameKind::kRead) {
    if (head.nbytes != pending.nbytes) return kOtherSize;
    if (pending.is_dropped) return nullptr;
    incoming_.memory = pending.memory;
    reader_.PlaceAt(pending.places);
    return nullptr;
  }
  if (is_done && pending.kind == FrameKind::kOpen) {
    if (head.nbytes > kMaxExported) return kOtherSize;
    incoming_.bytes.resize(head.nbytes);
    const iovec place{incoming_.bytes.data(), head.nbytes};
    reader_.PlaceAt({&place, 1});
    return nullptr;
  }
  return head.nbytes == 0 && head.flags == 0 ? nullptr : kOtherSize;
}

const char* Connection::EndReply() {
  const FrameHead& head = reader_.head();
  if (revoking_.erase(head.op) == 1) {
    revoked_.notify_all();
    return nullptr;
  }
  const auto found = pending_.find(head.op);
  if (found == pending_.end()) return kUnasked;
  Status status = StatusOf(static_cast<Answer>(head.value), found->second.kind);
  if (found->second.kind == FrameKind::kOpen && status.ok()) {
    if ((head.flags & kHasDescriptor) != 0 && passed_.empty()) return "memory that did not come";
    status = FinishOpening(found->second.opening.get());
  }
  FinishPending(found, std::move(status));
  return nullptr;
}

void Connection::FinishPending(std::unordered_map<uint64_t, Pending>::iterator found,
                               Status status) {
  Pending pending = std::move(found->second);
  pending_.erase(found);
  writer_.Answered(pending.slices);
  if (!status.ok() && pending.op->fault_.ok()) pending.op->fault_ = std::move(status);
  if (--pending.op->frames_left_ == 0) {
    Status first = pending.op->fault_;
    Finish(std::move(pending.op), std::move(first));
  } else {
    released_.push_back(std::move(pending.op));
  }
  released_.push_back(std::move(pending.memory));
  released_.push_back(std::move(pending.opening));
}

// Reaches the region as the peer offers it, else by the socket.
Status Connection::FinishOpening(Opening* opening) {
  const FrameHead& head = reader_.head();
  auto remote = std::make_shared<RemoteMemory>();
  remote->handle = head.handle;
  remote->access = opening->key.access;
  remote->nbytes = opening->key.nbytes;
  Status status;
  if ((head.flags & kHasDescriptor) != 0) {
    Descriptor passed = std::move(passed_.front());
    passed_.pop_front();
    const bool is_writable = Allows(remote->access, Access::kWrite);
    status = SharedMemory::Map(std::move(passed), remote->nbytes, is_writable, &remote->mapping);
    remote->is_mapped = status.ok();
  } else if (link_ != nullptr && !incoming_.bytes.empty()) {
    // Where that fails, the socket carries the bytes.
    const Status reached =
        link_->Open(incoming_.bytes, remote->nbytes, remote->access, &remote->target);
    if (!reached.ok()) remote->target = nullptr;
  }
  remote->connection = shared_from_this();
  remotes_[remote->handle] = remote;
  if (status.ok()) {
    opening->remote = std::move(remote);
  } else {
    released_.push_back(std::move(remote));  // Its end gives the handle back.
  }
  return status;
}

}  // namespace mlperf::transfer
