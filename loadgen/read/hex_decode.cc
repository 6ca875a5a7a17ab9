#include "read/hex_decode.h"

#include <algorithm>
#include <cstring>

namespace mlperf::loadgen {
namespace {

constexpr size_t kBlockBytes = 64;
constexpr size_t kBlockDigits = 2 * kBlockBytes;

// Returns 0 if all are digits. Loops of fixed length over single bytes, without branches: compilers
// make vector code of them. Inlined, to be compiled for the instruction set of each caller.
[[gnu::always_inline]] inline uint8_t DecodeBlock(const char* digits, uint8_t* bytes) {
  uint8_t values[kBlockDigits];
  uint8_t invalid = 0;
  for (size_t i = 0; i < kBlockDigits; ++i) {
    const auto c = static_cast<uint8_t>(digits[i]);
    const auto decimal = static_cast<uint8_t>(c - '0');
    const auto letter = static_cast<uint8_t>((c | 0x20) - 'a');
    invalid |= static_cast<uint8_t>((decimal > 9) & (letter > 5));
    values[i] = decimal <= 9 ? decimal : static_cast<uint8_t>(letter + 10);
  }
  for (size_t i = 0; i < kBlockBytes; ++i) {
    bytes[i] = static_cast<uint8_t>(values[2 * i] << 4 | values[2 * i + 1]);
  }
  return invalid;
}

[[gnu::always_inline]] inline bool DecodeBlocks(const char* digits, size_t byte_count,
                                                uint8_t* bytes) {
  uint8_t invalid = 0;  // Asked once at the end: no branches here either.
  for (; byte_count >= kBlockBytes; byte_count -= kBlockBytes) {
    invalid |= DecodeBlock(digits, bytes);
    digits += kBlockDigits;
    bytes += kBlockBytes;
  }
  if (byte_count > 0) {
    char last_digits[kBlockDigits];
    uint8_t last_bytes[kBlockBytes];
    std::memset(last_digits, '0', kBlockDigits);
    std::memcpy(last_digits, digits, 2 * byte_count);
    invalid |= DecodeBlock(last_digits, last_bytes);
    std::memcpy(bytes, last_bytes, byte_count);
  }
  return invalid == 0;
}

#if defined(__GNUC__) && defined(__x86_64__)
#define HAS_DECODE_HEX_AVX2
[[gnu::target("avx2")]] bool DecodeHexAvx2(const char* digits, size_t byte_count, uint8_t* bytes) {
  return DecodeBlocks(digits, byte_count, bytes);
}
#endif

}  // namespace

bool DecodeHexPortably(const char* digits, size_t byte_count, uint8_t* bytes) {
  return DecodeBlocks(digits, byte_count, bytes);
}

bool DecodeHex(const char* digits, size_t byte_count, uint8_t* bytes) {
#ifdef HAS_DECODE_HEX_AVX2
  if (__builtin_cpu_supports("avx2")) return DecodeHexAvx2(digits, byte_count, bytes);
#endif
  return DecodeHexPortably(digits, byte_count, bytes);
}

}  // namespace mlperf::loadgen
