#include "connection.h"

#include <cerrno>
#include <system_error>
#include <utility>

namespace mlperf::llm {
namespace {

constexpr size_t kPlainSize = 16 << 10;  // A record of TLS.

std::string WordsOf(int error) { return std::generic_category().message(error); }

}  // namespace

Connection::Io Connection::Broken(std::string fault) {
  fault_ = std::move(fault);
  return Io::kBroken;
}

Connection::Io Connection::Establish(std::span<char> buffer) {
  if (state_ == State::kConnecting) {
    const int error = ConnectError(socket_);
    if (error != 0) return Broken("cannot connect: " + WordsOf(error));
    state_ = tls_ ? State::kHandshake : State::kIdle;
  }
  return state_ == State::kHandshake ? Shake(buffer) : Io::kGoesOn;
}

Connection::Io Connection::Shake(std::span<char> buffer) {
  const Received received = Receive(socket_, buffer);
  if (received.size > 0) {
    tls_->Take({buffer.data(), static_cast<size_t>(received.size)});
  } else if (received.size == 0 || errno != EAGAIN) {
    return Broken("cannot connect: the server closed the connection during TLS's handshake");
  }
  const TlsSession::Step step = tls_->Handshake();
  if (left_.empty()) QueueOutgoing();
  const int error = Send(socket_, &left_);
  if (step == TlsSession::Step::kBroken) return Broken("cannot connect: TLS: " + tls_->Fault());
  if (error != 0) return Broken("cannot connect: " + WordsOf(error));
  if (step == TlsSession::Step::kDone && left_.empty()) state_ = State::kIdle;
  return Io::kGoesOn;
}

void Connection::QueueOutgoing() {
  encrypted_.clear();
  tls_->TakeOutgoing(&encrypted_);
  left_ = encrypted_;
}

Connection::Io Connection::Begin(std::shared_ptr<const std::string> bytes, AnswerOptions options,
                                 StampClock* clock) {
  state_ = State::kBusy;
  ++served_;
  sent_ns_ = 0;
  reader_.Begin(options);
  reader_.NotBefore(clock->NowNs());
  bytes_ = std::move(bytes);
  left_ = *bytes_;
  if (tls_) {
    if (!tls_->Write(*bytes_)) return Io::kBroken;
    QueueOutgoing();
  }
  return Flush(clock);
}

Connection::Io Connection::Flush(StampClock* clock) {
  if (left_.empty()) return Io::kGoesOn;
  if (Send(socket_, &left_) != 0) return Io::kBroken;
  if (left_.empty() && state_ == State::kBusy) {
    sent_ns_ = clock->NowNs();
    reader_.NotBefore(sent_ns_);
    bytes_.reset();
    encrypted_ = {};
  }
  return Io::kGoesOn;
}

Connection::Io Connection::Read(std::span<char> buffer, StampClock* clock, Stamp* stamp) {
  const Received received = Receive(socket_, buffer);
  if (received.size < 0 && errno == EAGAIN) return Io::kGoesOn;
  *stamp = clock->Read(received.real_ns);
  if (received.size <= 0) {
    reader_.End(*stamp);
    return Io::kBroken;
  }
  const std::string_view bytes(buffer.data(), static_cast<size_t>(received.size));
  if (!tls_) {
    reader_.Feed(bytes, *stamp);
    return Io::kGoesOn;
  }
  tls_->Take(bytes);
  char plain[kPlainSize];
  int size;
  while ((size = tls_->Read(plain)) > 0) {
    reader_.Feed({plain, static_cast<size_t>(size)}, *stamp);
  }
  if (size < 0) {
    reader_.End(*stamp);
    return Io::kBroken;
  }
  if (left_.empty()) QueueOutgoing();  // Such as the answer to a change of keys.
  return Flush(clock);
}

void Connection::Rest() {
  state_ = State::kIdle;
  reader_.Begin({});  // Lets go of the text.
}

// An idle server has nothing to say, but its TLS may have.
Connection::Io Connection::Check(std::span<char> buffer) {
  const Received received = Receive(socket_, buffer);
  if (received.size < 0 && errno == EAGAIN) return Io::kGoesOn;
  if (received.size <= 0 || !tls_) return Io::kBroken;
  tls_->Take({buffer.data(), static_cast<size_t>(received.size)});
  char plain[1];
  return tls_->Read(plain) == 0 ? Io::kGoesOn : Io::kBroken;
}

}  // namespace mlperf::llm
