#include "handshake.h"

#include <string>

#include "stream_socket.h"

namespace mlperf::transfer {
namespace {

constexpr std::string_view kMagic = "MLPHAND1";
constexpr char kAccepted = 'y';

std::string_view Bytes(const Nonce& nonce) {
  return {reinterpret_cast<const char*>(nonce.data()), nonce.size()};
}

Status NotProved() {
  return Status::Refused("the other end does not prove the secret; give both ends the same one");
}

// kRefused if the other end speaks something else.
Status ReceiveNonce(const Descriptor& socket, Nonce* nonce, int64_t deadline_ns) {
  char magic[kMagic.size()];
  Status status = ReceiveAll(socket, magic, sizeof magic, deadline_ns);
  if (!status.ok()) return status;
  if (std::string_view(magic, sizeof magic) != kMagic) {
    return Status::Refused("the other end does not speak this protocol; check the address");
  }
  return ReceiveAll(socket, nonce->data(), nonce->size(), deadline_ns);
}

Status CheckProof(const Descriptor& socket, const Digest& expected, int64_t deadline_ns) {
  Digest proof;
  Status status = ReceiveAll(socket, proof.data(), proof.size(), deadline_ns);
  // An end that was not convinced hangs up.
  if (status.code == StatusCode::kPeerLost) return NotProved();
  if (!status.ok()) return status;
  return SameInConstantTime(BytesOf(proof), BytesOf(expected)) ? Status() : NotProved();
}

std::string Greeting(const Nonce& nonce) { return std::string(kMagic).append(Bytes(nonce)); }

Status ProveConnecting(const Descriptor& socket, std::string_view secret, std::string_view context,
                       int64_t deadline_ns) {
  const Nonce own = NewNonce();
  Nonce other;
  Status status = SendAll(socket, Greeting(own), deadline_ns);
  if (status.ok()) status = ReceiveNonce(socket, &other, deadline_ns);
  if (status.ok()) {
    const Digest expected = ProofOf(secret, Role::kAccepting, context, own, other);
    status = CheckProof(socket, expected, deadline_ns);
  }
  if (!status.ok()) return status;
  const Digest proof = ProofOf(secret, Role::kConnecting, context, own, other);
  status = SendAll(socket, BytesOf(proof), deadline_ns);
  char answer = 0;
  if (status.ok()) status = ReceiveAll(socket, &answer, 1, deadline_ns);
  if (status.code == StatusCode::kPeerLost) return NotProved();
  if (status.ok() && answer != kAccepted) return NotProved();
  return status;
}

Status ProveAccepting(const Descriptor& socket, std::string_view secret, std::string_view context,
                      int64_t deadline_ns) {
  Nonce other;
  Status status = ReceiveNonce(socket, &other, deadline_ns);
  if (!status.ok()) return status;
  const Nonce own = NewNonce();
  const Digest proof = ProofOf(secret, Role::kAccepting, context, other, own);
  status = SendAll(socket, Greeting(own).append(BytesOf(proof)), deadline_ns);
  if (!status.ok()) return status;
  status = CheckProof(socket, ProofOf(secret, Role::kConnecting, context, other, own), deadline_ns);
  if (!status.ok()) return status;
  return SendAll(socket, {&kAccepted, 1}, deadline_ns);
}

}  // namespace

Nonce NewNonce() {
  Nonce nonce;
  FillRandom(nonce.data(), nonce.size());
  return nonce;
}

Digest ProofOf(std::string_view secret, Role role, std::string_view context,
               const Nonce& connecting, const Nonce& accepting) {
  std::string message(role == Role::kConnecting ? "connecting" : "accepting");
  message.push_back('\0');
  message.append(context).push_back('\0');
  message.append(Bytes(connecting)).append(Bytes(accepting));
  return HmacSha256(secret, message);
}

Status ProveSecret(const Descriptor& socket, Role role, std::string_view secret,
                   std::string_view context, int64_t deadline_ns) {
  return role == Role::kConnecting ? ProveConnecting(socket, secret, context, deadline_ns)
                                   : ProveAccepting(socket, secret, context, deadline_ns);
}

}  // namespace mlperf::transfer
