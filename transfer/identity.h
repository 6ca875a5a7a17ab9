// What an engine says of itself in every handshake.
#ifndef MLPERF_TRANSFER_IDENTITY_H_
#define MLPERF_TRANSFER_IDENTITY_H_

#include <map>
#include <memory>
#include <string>

#include "frame_reader.h"
#include "greeting.h"
#include "provider.h"

namespace mlperf::transfer {

// Set before the engine starts, and only read then.
struct Identity {
  std::string secret;
  Greeting greeting;                                        // Without nonce and proof.
  std::map<std::string, std::shared_ptr<Provider>> makers;  // Null for shm and tcp.
};

// What the proofs of a handshake are for, beside its nonces.
inline std::string WelcomeContext() { return "transfer 1"; }
inline std::string ReadyContext(const std::string& provider) { return "transfer 1 " + provider; }

inline const OfferedProvider* FindProvider(const Greeting& greeting, const std::string& name) {
  for (const OfferedProvider& provider : greeting.providers) {
    if (provider.name == name) return &provider;
  }
  return nullptr;
}

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_IDENTITY_H_
