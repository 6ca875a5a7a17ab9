// What a peer answers to this end's requests: REPLY.
#include <utility>

#include "connection.h"
#include "connection_faults.h"
#include "connection_parts.h"

namespace mlperf::transfer {
namespace {

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

}  // namespace

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
