// Who reads the socket of a connection: the engine's thread, or a thread that waits.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "connection.h"
#include "engine_core.h"

namespace mlperf::transfer {
namespace {

// How long a blocking read lasts at most: SetUpSocket() in connection.cc.
constexpr int64_t kBlockedReadNs = 100'000'000;
constexpr int kBlockedReadMs = 100;
// Reads of one event while a large payload comes.
constexpr int kMaxReadsAtOnce = 16;
// A hostile peer may pass more than anybody asked for.
constexpr size_t kMaxPassed = 4;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

bool Connection::TakeRole(Role role) {
  const std::lock_guard lock(role_mutex_);
  if (role_ != Role::kNone || is_retired_) return false;
  role_ = role;
  // The engine's thread must not be woken for what a waiting one reads.
  if (role == Role::kWaiter) UpdateInterest();
  return true;
}

void Connection::LeaveRole() {
  bool is_last = false;
  {
    const std::lock_guard lock(role_mutex_);
    role_ = Role::kNone;
    is_watched_by_waiter_ = false;
    UpdateInterest();
    is_last = is_retired_;
  }
  if (is_last) CloseIfUnused();
}

void Connection::WatchOutput(bool by_waiter) {
  const std::lock_guard lock(role_mutex_);
  is_watched_by_waiter_ = by_waiter;
  UpdateInterest();
}

// Under the role's lock.
void Connection::UpdateInterest() {
  constexpr uint32_t kInput = EPOLLIN;
  constexpr uint32_t kOutput = EPOLLOUT;
  const uint32_t input = role_ == Role::kWaiter ? 0 : kInput;
  const bool wants_output = is_blocked_.load() && !is_watched_by_waiter_;
  const uint32_t wanted = input | (wants_output ? kOutput : 0);
  if (wanted == interest_ || is_retired_) return;
  interest_ = wanted;
  core_->Watch(socket_.get(), wanted, number_);
}

// Under the lock.
void Connection::SetBlocked(bool is_blocked) {
  if (is_blocked_.load(std::memory_order_relaxed) == is_blocked) return;
  const std::lock_guard lock(role_mutex_);
  is_blocked_.store(is_blocked);
  UpdateInterest();
}

void Connection::Retire() {
  if (link_ != nullptr) link_->Close();
  {
    const std::lock_guard lock(role_mutex_);
    is_retired_ = true;
  }
  CloseIfUnused();
}

void Connection::CloseIfUnused() {
  Guard guard(this);
  const std::lock_guard lock(role_mutex_);
  if (role_ == Role::kNone) socket_.Close();
}

void Connection::Serve(uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    Guard guard(this);
    Flush();
  }
  if ((events & ~uint32_t{EPOLLOUT}) == 0 || !TakeRole(Role::kEngine)) return;
  for (int reads = 1; ReadOnce() && !reader_.is_between_frames() && reads < kMaxReadsAtOnce;) {
    ++reads;
  }
  LeaveRole();
}

bool Connection::ServeIfReady() {
  if (!alive() || !TakeRole(Role::kEngine)) return false;
  const bool was_ready = ReadOnce();
  LeaveRole();
  return was_ready;
}

bool Connection::Help(const Op& op, int64_t deadline_ns) {
  bool has_copied = false;
  while (!op.done() && MonotonicNs() < deadline_ns && copies_.Step()) has_copied = true;
  if (op.done()) return true;
  if (!op.is_on_socket_.load() || !alive()) return has_copied;
  if (!TakeRole(Role::kWaiter)) return SpinUntilDone(op, deadline_ns);
  const int64_t spin_ns = core_->spin_ns();
  const int64_t spin_until_ns = spin_ns > 0 ? std::min(MonotonicNs() + spin_ns, deadline_ns) : 0;
  bool is_first = true;
  while (!op.done() && alive()) {
    const int64_t now_ns = deadline_ns == kNever && spin_ns == 0 ? 0 : MonotonicNs();
    if (now_ns < spin_until_ns || (is_first && now_ns >= deadline_ns)) {
      if (!ReadOnce()) Pause();
    } else if (now_ns < deadline_ns) {
      BlockForInput(deadline_ns);
    } else {
      break;
    }
    is_first = false;
  }
  LeaveRole();
  return true;
}

// Somebody else reads: looks for a while whether that brings what is waited for.
bool Connection::SpinUntilDone(const Op& op, int64_t deadline_ns) {
  const int64_t spin_ns = core_->spin_ns();
  if (spin_ns == 0) return false;
  const int64_t until_ns = std::min(MonotonicNs() + spin_ns, deadline_ns);
  while (!op.done()) {
    if (MonotonicNs() >= until_ns) return false;
    Pause();
  }
  return true;
}

void Connection::BlockForInput(int64_t deadline_ns) {
  const bool is_blocked = is_blocked_.load();
  if (is_blocked != is_watched_by_waiter_) WatchOutput(is_blocked);
  const bool has_time = deadline_ns == kNever || deadline_ns - MonotonicNs() > kBlockedReadNs;
  if (!is_blocked && has_time && reader_.is_between_frames()) {
    // Only the staging buffer is read into, which belongs to the role: without the lock.
    const ssize_t received = ReceiveSome(0);
    const int error = errno;
    Guard guard(this);
    TakeInput(received, error);
    return;
  }
  pollfd wanted{socket_.get(), static_cast<int16_t>(POLLIN | (is_blocked ? POLLOUT : 0)), 0};
  poll(&wanted, 1, PollTimeoutMs(deadline_ns, kBlockedReadMs));
  if ((wanted.revents & POLLOUT) != 0) {
    Guard guard(this);
    Flush();
  }
  if ((wanted.revents & ~POLLOUT) != 0) ReadOnce();
}

// False if nothing was there.
bool Connection::ReadOnce() {
  Guard guard(this);
  if (!alive()) return false;
  const ssize_t received = ReceiveSome(MSG_DONTWAIT);
  TakeInput(received, errno);
  return received > 0;
}

ssize_t Connection::ReceiveSome(int flags) {
  const std::span<iovec> room = reader_.Room();
  msghdr message{};
  message.msg_iov = room.data();
  message.msg_iovlen = room.size();
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  if (provider_ == "shm") {
    message.msg_control = control;
    message.msg_controllen = CMSG_LEN(sizeof(int));  // One; the kernel drops more.
  }
  const ssize_t received = recvmsg(socket_.get(), &message, flags | MSG_CMSG_CLOEXEC);
  if (received <= 0 || message.msg_controllen < CMSG_LEN(sizeof(int))) return received;
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head != nullptr && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
    int passed = -1;
    std::memcpy(&passed, CMSG_DATA(head), sizeof passed);
    Descriptor owner(passed);
    if (passed_.size() < kMaxPassed) passed_.push_back(std::move(owner));
  }
  return received;
}

// Under the lock.
void Connection::TakeInput(ssize_t received, int error) {
  if (!alive()) return;
  if (received == 0) {
    Lose(Status::PeerLost("the peer closed the connection or ended"));
  } else if (received > 0) {
    reader_.Received(static_cast<size_t>(received));
    TakeFrames();
    Flush();
  } else if (error != EAGAIN && error != EINTR) {
    Lose(Status::PeerLost(Status::System("the connection broke", error).message));
  }
}

}  // namespace mlperf::transfer
