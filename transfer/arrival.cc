#include "arrival.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "stream_socket.h"

namespace mlperf::transfer {

Arrival::Arrival(Descriptor socket, bool by_door, const Identity* identity, int64_t deadline_ns)
    : identity_(identity), by_door_(by_door), deadline_ns_(deadline_ns) {
  established_.socket = std::move(socket);
  established_.address = PeerAddress(established_.socket);
}

Arrival::Step Arrival::Advance() {
  for (;;) {
    const std::span<iovec> room = established_.reader.Room();
    msghdr message{};
    message.msg_iov = room.data();
    message.msg_iovlen = room.size();
    const ssize_t received = recvmsg(socket(), &message, MSG_DONTWAIT);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == EAGAIN) return Step::kMore;
    if (received <= 0) return Step::kRefused;
    established_.reader.Received(static_cast<size_t>(received));
    const Step step = TakeFrames();
    if (step != Step::kMore) return step;
  }
}

Arrival::Step Arrival::TakeFrames() {
  for (;;) {
    switch (established_.reader.Next()) {
      case FrameReader::Step::kMore:
        return Step::kMore;
      case FrameReader::Step::kBroken:
        return Step::kRefused;
      case FrameReader::Step::kFrame:
        if (!BeginFrame()) return Step::kRefused;
        break;
      case FrameReader::Step::kPayload: {
        const Step step = expected_ == FrameKind::kHello ? TakeHello() : TakeReady();
        if (step != Step::kMore) return step;
      }
    }
  }
}

bool Arrival::BeginFrame() {
  const FrameHead& head = established_.reader.head();
  if (head.kind != expected_) return false;
  payload_.assign(head.nbytes, '\0');  // The wire's rules bound it.
  const iovec place{payload_.data(), payload_.size()};
  established_.reader.PlaceAt({&place, 1});
  return true;
}

Arrival::Step Arrival::TakeHello() {
  if (!Decode(payload_, &hello_) || hello_.lowest_version > kHighestVersion ||
      hello_.highest_version < kLowestVersion) {
    return Step::kRefused;
  }
  Greeting welcome = identity_->greeting;
  if (by_door_) welcome.door.clear();
  welcome.nonce = NewNonce();
  established_.connecting = hello_.nonce;
  established_.accepting = welcome.nonce;
  welcome.proof =
      ProofOf(identity_->secret, Role::kAccepting, WelcomeContext(), hello_.nonce, welcome.nonce);
  expected_ = FrameKind::kReady;
  return Send(FrameKind::kWelcome, Answer::kDone, Encode(welcome)) ? Step::kMore : Step::kRefused;
}

Arrival::Step Arrival::TakeReady() {
  Ready ready;
  if (!Decode(payload_, &ready)) return Step::kRefused;
  const Digest expected =
      ProofOf(identity_->secret, Role::kConnecting, ReadyContext(ready.provider),
              established_.connecting, established_.accepting);
  const bool is_accepted =
      SameInConstantTime(BytesOf(ready.proof), BytesOf(expected)) && CheckProvider(ready.provider);
  const Answer answer = is_accepted ? Answer::kDone : Answer::kRefused;
  return Send(FrameKind::kReply, answer, "") && is_accepted ? Step::kDone : Step::kRefused;
}

// Whether both ends offer it and it works for this pair.
bool Arrival::CheckProvider(const std::string& name) {
  const OfferedProvider* offered = FindProvider(hello_, name);
  if (offered == nullptr || FindProvider(identity_->greeting, name) == nullptr) return false;
  if ((name == "shm") != by_door_) return false;
  if (by_door_ && !IsOfSameUser(established_.socket)) return false;
  established_.provider = name;
  established_.maker = identity_->makers.at(name);
  return established_.maker == nullptr ||
         established_.maker->Connect(offered->introduction, &established_.link).ok();
}

// An end that does not even read the answer is not waited for.
bool Arrival::Send(FrameKind kind, Answer answer, const std::string& payload) {
  FrameHead head;
  head.kind = kind;
  head.value = static_cast<uint32_t>(answer);
  head.nbytes = payload.size();
  std::string bytes(kHeadSize, '\0');
  WriteHead(head, bytes.data());
  bytes += payload;
  const ssize_t sent = send(socket(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(bytes.size());
}

Established Arrival::Finish() { return std::move(established_); }

}  // namespace mlperf::transfer
