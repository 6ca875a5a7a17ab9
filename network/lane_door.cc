#include "lane_door.h"

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "deadline.h"
#include "handshake.h"
#include "quiet_thread.h"
#include "shared_memory.h"
#include "stream_socket.h"

namespace mlperf::network {
namespace {

constexpr double kHearingS = 5.0;
constexpr size_t kMostHearings = 16;
constexpr size_t kMostAccepted = 16;  // In one turn.

// Over a Unix socket each end says how large the memory is that it shares, and sends it. This end
// shares none.
bool AgreeOnMemory(const transfer::Descriptor& socket, int64_t deadline_ns, ForeignArena* arena) {
  std::array<uint64_t, 2> preface;
  if (!transfer::ReceiveAll(socket, preface.data(), sizeof(preface), deadline_ns).ok()) {
    return false;
  }
  if (preface[0] > 0) {
    transfer::Descriptor descriptor;
    transfer::SharedMemory memory;
    transfer::Status status = transfer::ReceiveDescriptor(socket, &descriptor, deadline_ns);
    if (status.ok()) {
      status = transfer::SharedMemory::Map(std::move(descriptor), preface[0], false, &memory);
    }
    if (!status.ok()) return false;
    *arena = std::make_shared<const transfer::SharedMemory>(std::move(memory));
  }
  preface = {};
  const std::string_view none(reinterpret_cast<const char*>(preface.data()), sizeof(preface));
  return transfer::SendAll(socket, none, deadline_ns).ok();
}

bool IsLetIn(const transfer::Descriptor& socket, const std::string& secret, ForeignArena* arena) {
  const bool is_unix = transfer::PeerAddress(socket).starts_with("unix://");
  if (is_unix && !transfer::IsOfSameUser(socket)) return false;
  const int64_t deadline_ns = transfer::DeadlineAfter(kHearingS);
  const transfer::Status proved =
      transfer::ProveSecret(socket, transfer::Role::kAccepting, secret, kLaneContext, deadline_ns);
  return proved.ok() && (!is_unix || AgreeOnMemory(socket, deadline_ns, arena));
}

}  // namespace

LaneDoor::LaneDoor(SharedPoller* poller, LetIn let_in)
    : poller_(poller), let_in_(std::move(let_in)) {}

LaneDoor::~LaneDoor() {
  for (const transfer::Descriptor& listener : listeners_) poller_->Forget(listener.get());
  std::list<Hearing> hearings;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const Hearing& hearing : hearings_) {
      if (hearing.socket) shutdown(hearing.socket.get(), SHUT_RDWR);
    }
    hearings.swap(hearings_);
  }
  for (Hearing& hearing : hearings) hearing.thread.join();
}

transfer::Status LaneDoor::Listen(const std::string& address, std::string* bound) {
  transfer::Descriptor listener;
  transfer::Status status = transfer::Listen(address, &listener, bound);
  if (!status.ok()) return status;
  std::lock_guard<std::mutex> lock(mutex_);
  const transfer::Descriptor& kept = listeners_.emplace_back(std::move(listener));
  poller_->Watch(kept.get(), EPOLLIN, [this, &kept](uint32_t) { AcceptFrom(kept); });
  return status;
}

void LaneDoor::Expect(std::string secret) {
  std::lock_guard<std::mutex> lock(mutex_);
  secret_ = std::move(secret);
}

void LaneDoor::AcceptFrom(const transfer::Descriptor& listener) {
  std::lock_guard<std::mutex> lock(mutex_);
  DropThoseOver();
  for (size_t i = 0; i < kMostAccepted; ++i) {
    transfer::Descriptor socket;
    if (!transfer::Accept(listener, &socket).ok()) break;
    if (secret_.empty() || hearings_.size() >= kMostHearings) continue;  // It is closed.
    Hearing& hearing = hearings_.emplace_back();
    hearing.socket = std::move(socket);
    hearing.secret = secret_;
    hearing.thread = StartQuietThread([this, &hearing] { Hear(&hearing); });
  }
  poller_->Arm(listener.get(), EPOLLIN);
}

void LaneDoor::Hear(Hearing* hearing) {
  ForeignArena arena;
  const bool let_in = IsLetIn(hearing->socket, hearing->secret, &arena);
  transfer::Descriptor socket;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    socket = std::move(hearing->socket);
  }
  if (let_in) let_in_(hearing->secret, std::move(socket), std::move(arena));
  std::lock_guard<std::mutex> lock(mutex_);
  hearing->is_over = true;
}

void LaneDoor::DropThoseOver() {
  for (auto hearing = hearings_.begin(); hearing != hearings_.end();) {
    if (hearing->is_over) {
      hearing->thread.join();
      hearing = hearings_.erase(hearing);
    } else {
      ++hearing;
    }
  }
}

}  // namespace mlperf::network
