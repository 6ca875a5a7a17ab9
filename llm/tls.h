// TLS by OpenSSL's library, which is opened when it is first needed: building needs nothing of it.
//
// A session works on bytes in memory; its owner sends and receives them, and so knows when they
// came.
#ifndef MLPERF_LLM_TLS_H_
#define MLPERF_LLM_TLS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "client_options.h"

namespace mlperf::llm {

class TlsSession {
 public:
  enum class Step : uint8_t { kMore, kDone, kBroken };

  virtual ~TlsSession() = default;

  // Goes on with the handshake. kMore: bytes of the other end are missing.
  virtual Step Handshake() = 0;
  // Takes bytes of the other end.
  virtual void Take(std::string_view bytes) = 0;
  // The next plain bytes in `to`: how many; 0: more bytes are missing; negative: nothing more
  // comes, as the other end closed the session or broke it.
  virtual int Read(std::span<char> to) = 0;
  // False: the session is broken.
  virtual bool Write(std::string_view plain) = 0;
  // Adds what is to be sent to `bytes`.
  virtual void TakeOutgoing(std::string* bytes) = 0;
  // Why it is broken, in words.
  virtual std::string Fault() = 0;
};

// What the sessions with one server have in common.
class TlsContext {
 public:
  virtual ~TlsContext() = default;
  virtual std::unique_ptr<TlsSession> Begin() = 0;
};

// Null: there is none, and `fault` says why and what to do.
std::unique_ptr<TlsContext> MakeTlsContext(const Server& server, std::string* fault);

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_TLS_H_
