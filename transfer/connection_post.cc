// What this end asks of its peer: batches, messages, regions to open.
#include <poll.h>

#include <algorithm>
#include <utility>

#include "connection.h"
#include "connection_parts.h"
#include "engine_core.h"

namespace mlperf::transfer {
namespace {

Status Outside(const char* whose, uint64_t offset, uint64_t nbytes, uint64_t size) {
  return Status::OutOfBounds("a slice of " + std::to_string(nbytes) + " bytes at offset " +
                             std::to_string(offset) + " lies outside the " + whose + " region of " +
                             std::to_string(size) + " bytes");
}

bool IsInside(uint64_t offset, uint64_t nbytes, uint64_t size) {
  return offset <= size && nbytes <= size - offset;
}

// A frame may have so many slices and bytes; the next one begins where this returns.
size_t EndOfFrame(std::span<const Slice> slices, size_t begin) {
  uint64_t nbytes = 0;
  size_t end = begin;
  while (end < slices.size() && end - begin < kMaxSlices &&
         slices[end].nbytes <= kMaxPayload - nbytes) {
    nbytes += slices[end++].nbytes;
  }
  return end;
}

// Without empty slices, and none larger than a frame.
std::vector<Slice> Sendable(std::span<const Slice> slices) {
  std::vector<Slice> sendable;
  sendable.reserve(slices.size());
  for (Slice slice : slices) {
    while (slice.nbytes > 0) {
      const uint64_t step = std::min(slice.nbytes, kMaxPayload);
      sendable.push_back({slice.local_offset, slice.remote_offset, step});
      slice = {slice.local_offset + step, slice.remote_offset + step, slice.nbytes - step};
    }
  }
  return sendable;
}

}  // namespace

Status Connection::CheckUsable() const {
  if (!is_of_this_process()) return ForkedStatus();
  if (core_->is_closed()) return Status::Failed("the engine is closed; start another");
  if (!alive()) return LostStatus();
  return {};
}

Status Connection::CheckLocal(const Memory& local, uint64_t offset, uint64_t nbytes) const {
  if (local.gate.is_closed()) return Status::Refused("the local region is closed");
  if (local.engine.lock() != core_) {
    return Status::Invalid("the local region belongs to another engine");
  }
  if (!IsInside(offset, nbytes, local.key.nbytes)) {
    return Outside("local", offset, nbytes, local.key.nbytes);
  }
  return {};
}

// Under the lock: what Revoke() and Lose() look for cannot be missed from here on.
Status Connection::CheckStillOpen(const Memory& local) const {
  if (!alive()) return lost_;
  return local.gate.is_closed() ? Status::Refused("the local region is closed") : Status();
}

// Everything is checked before a byte moves.
Status Connection::CheckTransfer(const RemoteMemory& remote, const Memory& local, bool is_write,
                                 std::span<const Slice> slices, uint64_t* nbytes) const {
  Status status = CheckLocal(local, 0, 0);
  if (!status.ok()) return status;
  if (remote.gate.is_closed()) return Status::Refused("the peer closed the region");
  if (!Allows(remote.access, is_write ? Access::kWrite : Access::kRead)) {
    return Status::Refused(std::string("the region's access does not allow to ") +
                           (is_write ? "write" : "read"));
  }
  for (const Slice& slice : slices) {
    if (!IsInside(slice.local_offset, slice.nbytes, local.key.nbytes)) {
      return Outside("local", slice.local_offset, slice.nbytes, local.key.nbytes);
    }
    if (!IsInside(slice.remote_offset, slice.nbytes, remote.nbytes)) {
      return Outside("remote", slice.remote_offset, slice.nbytes, remote.nbytes);
    }
    *nbytes += slice.nbytes;
  }
  return {};
}

Status Connection::Transfer(const std::shared_ptr<RemoteMemory>& remote,
                            const std::shared_ptr<Region>& local, bool is_write,
                            std::span<const Slice> slices, std::optional<uint32_t> imm,
                            std::shared_ptr<Op>* op) {
  Status status = CheckUsable();
  if (!status.ok()) return status;
  uint64_t nbytes = 0;
  const std::shared_ptr<Memory>& memory = local->memory();
  status = CheckTransfer(*remote, *memory, is_write, slices, &nbytes);
  if (!status.ok()) return status;
  auto made = std::make_shared<Op>(local, shared_from_this(), nbytes);
  if (nbytes == 0 && !imm) {
    made->Complete({});
  } else if (remote->is_mapped) {
    status = PostByCopy(remote, memory, is_write, slices, nbytes, imm, made);
  } else if (link_ != nullptr && nbytes > 0) {
    status = PostByLink(remote, memory, is_write, slices, imm, made);
  } else {
    PostBySocket(*remote, memory, is_write, slices, imm, made);
  }
  if (status.ok()) *op = std::move(made);
  return status;
}

// ---- By the socket. ----

void Connection::PostBySocket(const RemoteMemory& remote, const std::shared_ptr<Memory>& local,
                              bool is_write, std::span<const Slice> slices,
                              std::optional<uint32_t> imm, const std::shared_ptr<Op>& op) {
  const std::vector<Slice> sendable = Sendable(slices);
  Guard guard(this);
  const Status status = CheckStillOpen(*local);
  if (!status.ok()) {
    op->Complete(status);
    return;
  }
  size_t begin = 0;
  do {
    const size_t end = EndOfFrame(sendable, begin);
    const bool is_last = end == sendable.size();
    const std::span<const Slice> part(sendable.data() + begin, end - begin);
    PostFrame(remote.handle, local, is_write, part, is_last ? imm : std::nullopt, op);
    begin = end;
  } while (begin < sendable.size());
  Flush();
}

// Under the lock.
void Connection::PostFrame(uint32_t handle, const std::shared_ptr<Memory>& local, bool is_write,
                           std::span<const Slice> slices, std::optional<uint32_t> imm,
                           const std::shared_ptr<Op>& op) {
  FrameHead head;
  head.kind = is_write ? FrameKind::kWrite : FrameKind::kRead;
  head.flags = imm ? kHasImmediate : 0;
  head.count = static_cast<uint32_t>(slices.size());
  head.op = next_op_++;
  head.value = imm.value_or(0);
  head.handle = handle;
  Pending pending;
  pending.kind = head.kind;
  pending.op = op;
  pending.slices = head.count;
  std::vector<iovec> places;
  places.reserve(slices.size());
  for (const Slice& slice : slices) {
    places.push_back({local->data + slice.local_offset, slice.nbytes});
    pending.nbytes += slice.nbytes;
  }
  if (is_write) head.nbytes = pending.nbytes;
  OutFrame frame(OutFrame::Sort::kRequest, head);
  frame.slices = head.count;
  frame.bytes.resize(kHeadSize + slices.size() * kSliceSize);
  char* to = frame.bytes.data() + kHeadSize;
  for (const Slice& slice : slices) {
    WriteSlice({slice.remote_offset, slice.nbytes}, to);
    to += kSliceSize;
  }
  if (is_write) {
    frame.payload = std::move(places);
    frame.memory = local;
  } else {
    pending.places = std::move(places);
    pending.memory = local;
  }
  op->is_on_socket_.store(true);
  ++op->frames_left_;
  pending_.emplace(head.op, std::move(pending));
  writer_.Add(std::move(frame));
}

// ---- By copies. ----

Status Connection::PostByCopy(const std::shared_ptr<RemoteMemory>& remote,
                              const std::shared_ptr<Memory>& local, bool is_write,
                              std::span<const Slice> slices, uint64_t nbytes,
                              std::optional<uint32_t> imm, const std::shared_ptr<Op>& op) {
  // Behind large copies an immediate waits for its turn.
  if (nbytes > kMaxCopyAtOnce || (imm && !copies_.is_empty())) {
    auto job = std::make_shared<CopyJob>();
    job->op = op;
    job->remote = remote;
    job->local = local;
    job->is_write = is_write;
    job->slices = Sendable(slices);
    job->imm = imm;
    copies_.Add(std::move(job));
    core_->AddCopies(shared_from_this());
    return {};
  }
  Status status = CopySlices(*remote, *local, is_write, slices);
  if (!status.ok()) return status;
  if (imm) {
    PostBySocket(*remote, local, true, {}, imm, op);
  } else {
    // The memory of the dead can be read.
    op->Complete(IsAliveNow() ? Status() : DeadStatus());
  }
  return {};
}

// Under the line's lock.
void Connection::FinishCopy(const CopyJob& job) {
  if (!job.fault.ok()) {
    job.op->Complete(job.fault);
  } else if (job.imm) {
    PostBySocket(*job.remote, job.local, true, {}, job.imm, job.op);
  } else {
    job.op->Complete(IsAliveNow() ? Status() : DeadStatus());
  }
}

Status Connection::DeadStatus() const {
  return alive() ? Status::PeerLost("the peer closed the connection or ended") : LostStatus();
}

// Asks the socket: that the other process ended may not have been noticed yet.
bool Connection::IsAliveNow() {
  const std::lock_guard lock(mutex_);
  if (!alive()) return false;
  pollfd wanted{socket_.get(), POLLRDHUP, 0};
  return poll(&wanted, 1, 0) == 0;
}

// ---- By a provider. ----

// Null if it is not reached by the provider, or no longer.
std::shared_ptr<ProviderTarget> Connection::TargetOf(const RemoteMemory& remote) const {
  const std::lock_guard lock(mutex_);
  return remote.target;
}

Status Connection::PostByLink(const std::shared_ptr<RemoteMemory>& remote,
                              const std::shared_ptr<Memory>& local, bool is_write,
                              std::span<const Slice> slices, std::optional<uint32_t> imm,
                              const std::shared_ptr<Op>& op) {
  const std::vector<Slice> sendable = Sendable(slices);
  std::shared_ptr<ProviderMemory> local_memory = local->RegisteredWith(maker_.get());
  std::shared_ptr<ProviderTarget> target = TargetOf(*remote);
  if (local_memory == nullptr || target == nullptr) {
    PostBySocket(*remote, local, is_write, slices, imm, op);
    return {};
  }
  auto write = std::make_shared<LinkWrite>();
  write->op = op;
  write->remote = remote;
  write->local = local;
  write->imm = imm;
  if (!local->gate.Enter()) return Status::Refused("the local region is closed");
  if (imm) {
    const std::lock_guard lock(mutex_);
    link_writes_.push_back(write);
  }
  const ProviderBatch batch{is_write,          local->data,
                            local->key.nbytes, std::move(local_memory),
                            std::move(target), sendable};
  Status status = link_->Post(batch, [self = shared_from_this(), write](Status done) {
    self->FinishByLink(write, std::move(done));
  });
  if (status.ok()) return status;
  local->gate.Leave();
  const std::lock_guard lock(mutex_);
  std::erase(link_writes_, write);
  return status;
}

void Connection::FinishByLink(const std::shared_ptr<LinkWrite>& write, Status status) {
  write->local->gate.Leave();
  if (!write->imm) {
    write->op->Complete(std::move(status));
    return;
  }
  Guard guard(this);
  write->status = std::move(status);
  write->is_finished = true;
  while (!link_writes_.empty() && link_writes_.front()->is_finished) {
    const std::shared_ptr<LinkWrite> front = std::move(link_writes_.front());
    link_writes_.pop_front();
    if (!alive()) {
      front->op->Complete(lost_);
    } else if (front->status.ok()) {
      PostFrame(front->remote->handle, front->local, true, {}, front->imm, front->op);
    } else {
      front->op->Complete(front->status);
    }
    released_.push_back(front);
  }
  Flush();
}

// ---- Messages. ----

Status Connection::Send(const std::shared_ptr<Region>& local, uint64_t offset, uint64_t nbytes,
                        uint32_t tag, std::shared_ptr<Op>* op) {
  Status status = CheckUsable();
  if (status.ok()) status = CheckLocal(*local->memory(), offset, nbytes);
  if (!status.ok()) return status;
  if (nbytes > kMaxPayload) return Status::OutOfBounds("a message has 2^40 bytes at most");
  auto made = std::make_shared<Op>(local, shared_from_this(), nbytes);
  FrameHead head;
  head.kind = FrameKind::kSend;
  head.value = tag;
  Pending pending;
  pending.kind = FrameKind::kSend;
  pending.op = made;
  pending.nbytes = nbytes;
  pending.memory = local->memory();
  pending.is_announced = nbytes > kMaxKeptMessage;
  const iovec place{local->data() + offset, nbytes};
  head.flags = pending.is_announced ? kAnnounced : 0;
  head.count = pending.is_announced ? 1 : 0;
  head.nbytes = pending.is_announced ? 0 : nbytes;
  Guard guard(this);
  status = CheckStillOpen(*pending.memory);
  if (!status.ok()) return status;
  head.op = next_op_++;
  OutFrame frame(OutFrame::Sort::kRequest, head);
  if (pending.is_announced) {
    frame.bytes.resize(kHeadSize + kSliceSize);
    WriteSlice({0, nbytes}, frame.bytes.data() + kHeadSize);
    pending.places = {place};
  } else if (nbytes > 0) {
    frame.payload = {place};
    frame.memory = pending.memory;
  }
  made->is_on_socket_.store(true);
  made->frames_left_ = 1;
  pending_.emplace(head.op, std::move(pending));
  writer_.Add(std::move(frame));
  Flush();
  *op = std::move(made);
  return {};
}

Status Connection::Receive(const std::shared_ptr<Region>& local, uint64_t offset, uint64_t nbytes,
                           uint32_t tag, std::shared_ptr<Op>* op) {
  Status status = CheckUsable();
  if (status.ok()) status = CheckLocal(*local->memory(), offset, nbytes);
  if (!status.ok()) return status;
  auto made = std::make_shared<Op>(local, shared_from_this(), nbytes);
  made->is_on_socket_.store(true);
  transfer::Receive receive{made, local->memory(), local->data() + offset, nbytes};
  Guard guard(this);
  status = CheckStillOpen(*receive.memory);
  if (!status.ok()) return status;
  if (std::optional<KeptMessage> message = mailbox_.TakeMessage(tag)) {
    if (message->is_announced) {
      ClearAnnounced(std::move(receive), message->op, message->nbytes);
      Flush();
    } else {
      FillReceive(std::move(receive), message->bytes);
    }
  } else {
    mailbox_.Add(tag, std::move(receive));
  }
  *op = std::move(made);
  return {};
}

// ---- Regions. ----

Status Connection::Open(std::string_view descriptor, double timeout_s,
                        std::shared_ptr<RemoteMemory>* remote) {
  auto opening = std::make_shared<Opening>();
  Status status = DecodeDescriptor(descriptor, &opening->key);
  if (status.ok()) status = CheckUsable();
  if (!status.ok()) return status;
  auto op = std::make_shared<Op>(nullptr, shared_from_this(), 0);
  op->is_on_socket_.store(true);
  op->frames_left_ = 1;
  const Digest proof = ProofOfKey(opening->key, connecting_, accepting_);
  FrameHead head;
  head.kind = FrameKind::kOpen;
  head.nbytes = kOpenProofSize;
  Pending pending;
  pending.kind = FrameKind::kOpen;
  pending.op = op;
  pending.opening = opening;
  {
    Guard guard(this);
    if (!alive()) return lost_;
    head.op = next_op_++;
    OutFrame frame(OutFrame::Sort::kRequest, head);
    AppendNumber(opening->key.id, &frame.bytes);
    frame.bytes.append(BytesOf(proof));
    pending_.emplace(head.op, std::move(pending));
    writer_.Add(std::move(frame));
    Flush();
  }
  status = op->Wait(timeout_s);
  if (!status.ok()) return status;
  *remote = std::move(opening->remote);
  return {};
}

}  // namespace mlperf::transfer
