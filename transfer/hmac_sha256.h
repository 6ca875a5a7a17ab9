// SHA-256 (FIPS 180-4), HMAC with it (RFC 2104), and what proofs by it need: randomness from the
// kernel and a comparison whose time tells nothing.
#ifndef MLPERF_TRANSFER_HMAC_SHA256_H_
#define MLPERF_TRANSFER_HMAC_SHA256_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mlperf::transfer {

using Digest = std::array<uint8_t, 32>;

Digest Sha256(std::string_view message);
Digest HmacSha256(std::string_view key, std::string_view message);

// Takes the same time for every content. Texts of different sizes differ.
bool SameInConstantTime(std::string_view one, std::string_view other);

// Bytes from getrandom(2). Ends the process if the kernel has none to give.
void FillRandom(void* to, size_t nbytes);
std::string RandomBytes(size_t nbytes);

inline std::string_view BytesOf(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_HMAC_SHA256_H_
