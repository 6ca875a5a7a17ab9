// One connection to a server: a socket, its TLS session if it has one, and the request it serves.
#ifndef MLPERF_LLM_CONNECTION_H_
#define MLPERF_LLM_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "answer_reader.h"
#include "socket.h"
#include "stamp_clock.h"
#include "tls.h"

namespace mlperf::llm {

// A sample that is to be answered.
struct Request {
  uint64_t id = 0;
  uint64_t index = 0;
  int64_t issued_ns = 0;
  bool is_repeated = false;
};

class Connection {
 public:
  enum class State : uint8_t {
    kConnecting,
    kHandshake,
    kIdle,
    kBusy,      // It serves the request.
    kDraining,  // The request is answered; what follows decides whether it can be used again.
  };
  enum class Io : uint8_t { kGoesOn, kBroken };

  Connection(uint32_t server, Descriptor socket, std::unique_ptr<TlsSession> tls)
      : server_(server), socket_(std::move(socket)), tls_(std::move(tls)) {}

  // ---- From the begin to kIdle
  // The socket is writable, or has bytes: goes on until the connection is idle.
  Io Establish(std::span<char> buffer);

  // ---- A request
  // From kIdle to kBusy. `bytes`: the whole request.
  Io Begin(std::shared_ptr<const std::string> bytes, AnswerOptions options, StampClock* clock);
  // Sends what is left.
  Io Flush(StampClock* clock);
  // Reads once and gives the reader what came. kBroken: the connection ended, and the reader knows.
  Io Read(std::span<char> buffer, StampClock* clock, Stamp* stamp);
  // Takes what came while it is idle. kBroken: it cannot be used again.
  Io Check(std::span<char> buffer);
  // From kBusy to kDraining, and from there to kIdle.
  void Drain() { state_ = State::kDraining; }
  void Rest();
  // It was not established in time.
  void GiveUp(std::string fault) { fault_ = std::move(fault); }

  uint32_t server() const { return server_; }
  int fd() const { return socket_.get(); }
  State state() const { return state_; }
  bool wants_to_write() const { return state_ == State::kConnecting || !left_.empty(); }
  // Whether nothing of the request is left to be sent.
  bool is_sent() const { return left_.empty(); }
  // Whether it has served a request before this one.
  bool is_reused() const { return served_ > 1; }
  AnswerReader& reader() { return reader_; }
  const Answer& answer() const { return reader_.answer(); }
  int64_t sent_ns() const { return sent_ns_; }
  // Why it could not be established, in words.
  const std::string& fault() const { return fault_; }

  // Its owner's notes.
  Request request;
  bool has_request = false;  // Also while it is being established for one.
  int64_t connected_ns = 0;  // Of the request: it had the connection.
  bool cancels = false;      // The request's stream is to be closed early.
  size_t address = 0;        // Of the server's, and how many were tried.
  size_t tries = 1;

 private:
  Io Shake(std::span<char> buffer);
  void QueueOutgoing();
  Io Broken(std::string fault);

  const uint32_t server_;
  Descriptor socket_;
  std::unique_ptr<TlsSession> tls_;
  State state_ = State::kConnecting;
  AnswerReader reader_;
  std::shared_ptr<const std::string> bytes_;  // Of the request, while it is being sent.
  std::string encrypted_;                     // What TLS makes of it.
  std::string_view left_;                     // What is still to be sent.
  int64_t sent_ns_ = 0;
  uint64_t served_ = 0;  // Requests, this one included.
  std::string fault_;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_CONNECTION_H_
