#include "connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "connection_parts.h"
#include "engine_core.h"

namespace mlperf::transfer {
namespace {

constexpr char kRegionClosed[] = "the local region is closed";

// Waits block in recv() itself, which saves a poll(); they look around every 100 ms.
void SetUpSocket(int socket, bool is_tcp) {
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) & ~O_NONBLOCK);
  const timeval timeout{0, 100'000};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  if (!is_tcp) return;
  // A machine that vanished is noticed within half a minute.
  const int one = 1, idle_s = 15, interval_s = 5, count = 3;
  setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

}  // namespace

RemoteMemory::~RemoteMemory() {
  if (connection != nullptr) connection->Release(handle);
}

Connection::Guard::~Guard() {
  const std::vector<std::shared_ptr<void>> released = std::exchange(connection_->released_, {});
  lock_.unlock();
}

Connection::Connection(std::shared_ptr<EngineCore> core, uint64_t number, Established established)
    : core_(std::move(core)),
      number_(number),
      address_(std::move(established.address)),
      provider_(std::move(established.provider)),
      connecting_(established.connecting),
      accepting_(established.accepting),
      maker_(std::move(established.maker)),
      link_(std::move(established.link)),
      socket_(std::move(established.socket)),
      reader_(std::move(established.reader)) {
  interest_ = EPOLLIN;
  SetUpSocket(socket_.get(), provider_ != "shm");
}

Connection::~Connection() = default;

bool Connection::is_of_this_process() const { return core_->is_of_this_process(); }

Status Connection::ForkedStatus() {
  return Status::Failed(
      "the engine belongs to the process that this one was forked from; "
      "start another one here");
}

Status Connection::LostStatus() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void Connection::Begin() {
  Guard guard(this);
  TakeFrames();
  Flush();
}

void Connection::Close(const Status& why) {
  if (!is_of_this_process()) return;
  {
    Guard guard(this);
    Lose(why);
  }
  if (link_ != nullptr) link_->Close();
  // What copies are on their way end before this returns.
  while (copies_.Step()) {
  }
  std::vector<std::shared_ptr<RemoteMemory>> remotes;
  {
    Guard guard(this);
    for (const auto& [handle, remote] : remotes_) {
      if (std::shared_ptr<RemoteMemory> alive = remote.lock()) remotes.push_back(std::move(alive));
    }
  }
  for (const std::shared_ptr<RemoteMemory>& remote : remotes) {
    remote->gate.Close();
    remote->gate.WaitUntilEmpty(kNever);
  }
  // Another thread may be about to finish the piece that it copied.
  while (!copies_.is_empty()) {
    if (!copies_.Step()) std::this_thread::yield();
  }
}

void Connection::Finish(std::shared_ptr<Op> op, Status status) {
  op->Complete(std::move(status));
  released_.push_back(std::move(op));
}

void Connection::Flush() {
  if (is_lost_.load(std::memory_order_relaxed)) return;
  const FrameWriter::Sent sent = writer_.Send(socket_.get());
  if (sent == FrameWriter::Sent::kFailed) {
    Lose(Status::PeerLost(Status::System("the connection broke", errno).message));
    return;
  }
  if (writer_.is_overrun()) {
    Lose(Status::PeerLost("the peer asks for more than it takes: it breaks the protocol"));
    return;
  }
  SetBlocked(sent == FrameWriter::Sent::kBlocked);
  revoked_.notify_all();
}

void Connection::Lose(Status why) {
  if (is_lost_.load(std::memory_order_relaxed)) return;
  lost_ = std::move(why);
  is_lost_.store(true, std::memory_order_release);
  shutdown(socket_.get(), SHUT_RDWR);  // Wakes a thread that reads.
  FailAll();
  revoked_.notify_all();
  core_->AddLost(shared_from_this());
}

void Connection::FailAll() {
  for (auto& [op, pending] : pending_) {
    if (pending.op != nullptr) Finish(std::move(pending.op), lost_);
    released_.push_back(std::move(pending.memory));
  }
  pending_.clear();
  for (transfer::Receive& receive : mailbox_.TakeReceivesInto(nullptr)) {
    Finish(std::move(receive.op), lost_);
  }
  for (auto& [op, cleared] : cleared_) Finish(std::move(cleared.receive.op), lost_);
  cleared_.clear();
  if (incoming_.receive) Finish(std::move(incoming_.receive->op), lost_);
  released_.push_back(std::move(incoming_.memory));
  incoming_ = {};
  for (const std::shared_ptr<LinkWrite>& write : link_writes_) {
    write->op->Complete(lost_);
    released_.push_back(write);
  }
  link_writes_.clear();
  for (auto& [handle, opened] : handles_) released_.push_back(std::move(opened.memory));
  handles_.clear();
  revoking_.clear();
  writer_.Clear();
}

// ---- Closing regions. ----

void Connection::Revoke(const std::shared_ptr<Memory>& memory) {
  Guard guard(this);
  if (!alive()) return;
  for (auto opened = handles_.begin(); opened != handles_.end();) {
    if (opened->second.memory != memory) {
      ++opened;
      continue;
    }
    FrameHead head;
    head.kind = FrameKind::kRevoke;
    head.handle = opened->first;
    if (opened->second.is_handed_over) {
      head.op = next_op_++;
      revoking_[head.op] = memory.get();
    }
    writer_.Add(OutFrame(OutFrame::Sort::kOther, head));
    released_.push_back(std::move(opened->second.memory));
    opened = handles_.erase(opened);
  }
  DropIncoming(memory.get());
  DropOutgoing(memory.get());
  DropPending(memory.get());
  Flush();
}

// What comes is no longer put there.
void Connection::DropIncoming(const Memory* memory) {
  if (incoming_.memory.get() != memory) return;
  reader_.DropPayload();
  incoming_.answer = Answer::kClosed;
  if (incoming_.receive) {
    Finish(std::move(incoming_.receive->op), Status::Refused(kRegionClosed));
    released_.push_back(std::move(incoming_.receive->memory));
    incoming_.receive.reset();
  }
  released_.push_back(std::move(incoming_.memory));
  incoming_.memory = nullptr;
}

// What is not sent yet is not sent.
void Connection::DropOutgoing(const Memory* memory) {
  std::vector<OutFrame> taken;
  writer_.TakeOut(memory, &taken);
  for (OutFrame& frame : taken) {
    released_.push_back(std::move(frame.memory));
    if (frame.sort == OutFrame::Sort::kAnswer) {
      Reply(frame.head.op, Answer::kClosed);
      continue;
    }
    const auto pending = pending_.find(frame.head.op);
    if (frame.sort == OutFrame::Sort::kOther) {  // The peer waits for the bytes of a message.
      FrameHead head = frame.head;
      head.nbytes = 0;
      writer_.Add(OutFrame(OutFrame::Sort::kOther, head));
      Finish(pending->second.op, Status::Refused(kRegionClosed));
      continue;
    }
    released_.push_back(std::move(pending->second.memory));
    Finish(std::move(pending->second.op), Status::Refused(kRegionClosed));
    pending_.erase(pending);
  }
}

// Operations that the peer did not answer yet fail; its answers will be dropped.
void Connection::DropPending(const Memory* memory) {
  for (auto& [op, pending] : pending_) {
    if (pending.memory.get() != memory) continue;
    if (pending.kind != FrameKind::kRead && !pending.is_announced) continue;
    Finish(pending.op, Status::Refused(kRegionClosed));
    pending.is_dropped = true;
    pending.places.clear();
    released_.push_back(std::move(pending.memory));
    pending.memory = nullptr;
  }
  for (transfer::Receive& receive : mailbox_.TakeReceivesInto(memory)) {
    released_.push_back(std::move(receive.memory));
    Finish(std::move(receive.op), Status::Refused(kRegionClosed));
  }
  for (auto& [op, cleared] : cleared_) {
    if (cleared.receive.memory.get() != memory) continue;
    Finish(cleared.receive.op, Status::Refused(kRegionClosed));
    released_.push_back(std::move(cleared.receive.memory));
    cleared.receive.memory = nullptr;
    cleared.is_dropped = true;
  }
}

bool Connection::HasRevoked(const Memory* memory) const {
  if (!alive()) return true;
  if (writer_.is_sending(memory)) return false;
  for (const auto& [op, revoked] : revoking_) {
    if (revoked == memory) return false;
  }
  return true;
}

bool Connection::WaitUntilRevoked(const Memory* memory, int64_t deadline_ns) {
  Guard guard(this);
  const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline_ns)};
  return revoked_.wait_until(*guard.lock(), until, [&] { return HasRevoked(memory); });
}

void Connection::LoseUnlessRevoked(const Memory* memory) {
  Guard guard(this);
  if (!HasRevoked(memory)) {
    Lose(Status::PeerLost("the peer did not let a closed region go within 1 s"));
  }
}

void Connection::Release(uint32_t handle) {
  if (!is_of_this_process()) return;
  Guard guard(this);
  remotes_.erase(handle);
  if (!alive()) return;
  FrameHead head;
  head.kind = FrameKind::kRevoke;
  head.flags = kReleased;
  head.handle = handle;
  writer_.Add(OutFrame(OutFrame::Sort::kOther, head));
  Flush();
}

}  // namespace mlperf::transfer
