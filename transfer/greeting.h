// What two engines tell each other before anything else: the payloads of HELLO, WELCOME and READY.
// Pure: values to bytes and back.
#ifndef MLPERF_TRANSFER_GREETING_H_
#define MLPERF_TRANSFER_GREETING_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "handshake.h"
#include "hmac_sha256.h"

namespace mlperf::transfer {

inline constexpr uint16_t kLowestVersion = 1;
inline constexpr uint16_t kHighestVersion = 1;

struct OfferedProvider {
  std::string name;
  std::string introduction;  // Provider::Introduce(); empty for those of the engine itself.
};

// HELLO and WELCOME.
struct Greeting {
  uint16_t lowest_version = kLowestVersion;
  uint16_t highest_version = kHighestVersion;
  Nonce nonce{};
  Digest proof{};       // Of WELCOME.
  std::string boot_id;  // BootId().
  std::string door;     // Of WELCOME: the Unix address for peers of the same machine, or empty.
  std::vector<OfferedProvider> providers;
};

struct Ready {
  Digest proof{};
  std::string provider;
};

std::string Encode(const Greeting& greeting);
std::string Encode(const Ready& ready);
// False: this is none.
bool Decode(std::string_view bytes, Greeting* greeting);
bool Decode(std::string_view bytes, Ready* ready);

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_GREETING_H_
