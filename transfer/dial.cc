#include "dial.h"

#include <utility>

#include "stream_socket.h"

namespace mlperf::transfer {
namespace {

// A connection whose other end said WELCOME.
struct Session {
  Descriptor socket;
  Nonce nonce{};
  Greeting welcome;
};

Status NoEngine(const std::string& address) {
  return Status::Failed("what listens at " + address +
                        " is no transfer engine of this version; check the address");
}

Status SendFrame(const Descriptor& socket, FrameKind kind, const std::string& payload,
                 int64_t deadline_ns) {
  FrameHead head;
  head.kind = kind;
  head.nbytes = payload.size();
  std::string bytes(kHeadSize, '\0');
  WriteHead(head, bytes.data());
  return SendAll(socket, bytes + payload, deadline_ns);
}

Status ReceiveFrame(const Descriptor& socket, const std::string& address, FrameKind expected,
                    int64_t deadline_ns, FrameHead* head, std::string* payload) {
  char bytes[kHeadSize];
  Status status = ReceiveAll(socket, bytes, sizeof bytes, deadline_ns);
  if (!status.ok()) return status;
  *head = ReadHead(bytes);
  if (FaultOf(*head, bytes) != nullptr || head->kind != expected || head->nbytes > kMaxGreeting) {
    return NoEngine(address);
  }
  payload->resize(head->nbytes);
  return ReceiveAll(socket, payload->data(), payload->size(), deadline_ns);
}

// HELLO and WELCOME.
Status Greet(const Identity& identity, const std::string& address, int64_t deadline_ns,
             Session* session) {
  Status status = Connect(address, deadline_ns, &session->socket);
  if (!status.ok()) return status;
  Greeting hello = identity.greeting;
  hello.door.clear();
  hello.nonce = session->nonce = NewNonce();
  FrameHead head;
  std::string payload;
  status = SendFrame(session->socket, FrameKind::kHello, Encode(hello), deadline_ns);
  if (status.ok()) {
    status =
        ReceiveFrame(session->socket, address, FrameKind::kWelcome, deadline_ns, &head, &payload);
  }
  if (status.code == StatusCode::kPeerLost) {
    return Status::PeerLost(address +
                            " closed the connection in the handshake; it may be no "
                            "transfer engine, or have as many peers as its max_peers");
  }
  if (!status.ok()) return status;
  if (!Decode(payload, &session->welcome)) return NoEngine(address);
  const Digest expected = ProofOf(identity.secret, Role::kAccepting, WelcomeContext(),
                                  session->nonce, session->welcome.nonce);
  if (!SameInConstantTime(BytesOf(session->welcome.proof), BytesOf(expected))) {
    return Status::Failed("the engine at " + address +
                          " does not have this secret; give both ends the same one");
  }
  return {};
}

// READY and its answer: kRefused if the other end cannot use the provider.
Status Commit(const Identity& identity, const std::string& address, const std::string& provider,
              int64_t deadline_ns, Session* session) {
  Ready ready;
  ready.provider = provider;
  ready.proof = ProofOf(identity.secret, Role::kConnecting, ReadyContext(provider), session->nonce,
                        session->welcome.nonce);
  FrameHead head;
  std::string payload;
  Status status = SendFrame(session->socket, FrameKind::kReady, Encode(ready), deadline_ns);
  if (status.ok()) {
    status =
        ReceiveFrame(session->socket, address, FrameKind::kReply, deadline_ns, &head, &payload);
  }
  if (status.ok() && head.value != static_cast<uint32_t>(Answer::kDone)) {
    return Status::Refused("the engine at " + address + " cannot use the provider " + provider);
  }
  return status;
}

std::string Names(const Greeting& greeting) {
  std::string names;
  for (const OfferedProvider& provider : greeting.providers) {
    names += (names.empty() ? "" : ", ") + provider.name;
  }
  return names;
}

class Dialler {
 public:
  Dialler(const Identity& identity, const std::string& address, int64_t deadline_ns)
      : identity_(identity), address_(address), deadline_ns_(deadline_ns) {}

  Status Dial(Established* established) {
    Status status = Greet(identity_, address_, deadline_ns_, &session_);
    if (!status.ok()) return status;
    const Greeting theirs = session_.welcome;
    std::string reason;
    for (const OfferedProvider& own : identity_.greeting.providers) {
      const OfferedProvider* other = FindProvider(theirs, own.name);
      if (other == nullptr) continue;
      status = own.name == "shm" ? TryDoor(theirs) : Try(*other);
      if (status.ok()) {
        Hand(own.name, established);
        return {};
      }
      if (status.code == StatusCode::kTimeout) return status;
      reason += "; " + own.name + ": " + status.message;
    }
    return Status::Failed("no provider works with the engine at " + address_ + ": here are " +
                          Names(identity_.greeting) + ", there " + Names(theirs) + reason);
  }

 private:
  // On the same machine, over the Unix socket in place of this one.
  Status TryDoor(const Greeting& theirs) {
    if (theirs.boot_id.empty() || theirs.boot_id != identity_.greeting.boot_id ||
        theirs.door.empty()) {
      return Status::Refused("it runs on another machine");
    }
    Session session;
    Status status = Greet(identity_, theirs.door, deadline_ns_, &session);
    if (status.code == StatusCode::kPeerLost) {
      return Status::Refused("it is in another network namespace");
    }
    if (!status.ok()) return status;
    if (!IsOfSameUser(session.socket)) return Status::Refused("it belongs to another user");
    status = Commit(identity_, theirs.door, "shm", deadline_ns_, &session);
    if (status.ok()) session_ = std::move(session);
    return status;
  }

  Status Try(const OfferedProvider& other) {
    maker_ = identity_.makers.at(other.name);
    link_.reset();
    Status status;
    if (maker_ != nullptr) status = maker_->Connect(other.introduction, &link_);
    if (status.ok() && is_used_) status = Greet(identity_, address_, deadline_ns_, &session_);
    if (!status.ok()) return status;
    is_used_ = true;
    status = Commit(identity_, address_, other.name, deadline_ns_, &session_);
    if (!status.ok() && link_ != nullptr) link_->Close();
    return status;
  }

  void Hand(const std::string& provider, Established* established) {
    established->socket = std::move(session_.socket);
    established->address = address_;
    established->provider = provider;
    established->connecting = session_.nonce;
    established->accepting = session_.welcome.nonce;
    if (provider == "shm") return;
    established->maker = maker_;
    established->link = std::move(link_);
  }

  const Identity& identity_;
  const std::string& address_;
  const int64_t deadline_ns_;
  Session session_;
  bool is_used_ = false;  // Its other end refused a provider, and hung up.
  std::shared_ptr<Provider> maker_;
  std::shared_ptr<ProviderLink> link_;
};

}  // namespace

Status Dial(const Identity& identity, const std::string& address, int64_t deadline_ns,
            Established* established) {
  return Dialler(identity, address, deadline_ns).Dial(established);
}

}  // namespace mlperf::transfer
