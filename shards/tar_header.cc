#include "tar_header.h"

#include <bit>
#include <cstring>

namespace mlperf::shards {
namespace {

constexpr size_t kSizeOffset = 124;
constexpr size_t kChecksumOffset = 148;
constexpr size_t kChecksumSize = 8;
constexpr size_t kTypeOffset = 156;
constexpr size_t kLinkNameOffset = 157;
constexpr size_t kMagicOffset = 257;
constexpr size_t kPrefixOffset = 345;

uint64_t WordAt(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

// Eight bytes at a time: the bytes at even places and those at odd places are summed in four lanes
// of 16 bits each, which 64 words cannot fill.
uint64_t SumOfBytes(const char* block) {
  constexpr uint64_t kEvenBytes = 0x00ff00ff00ff00ff;
  uint64_t lanes = 0;
  for (size_t i = 0; i < kBlockSize; i += sizeof(uint64_t)) {
    const uint64_t word = WordAt(block + i);
    lanes += (word & kEvenBytes) + ((word >> 8) & kEvenBytes);
  }
  return (lanes & 0xffff) + ((lanes >> 16) & 0xffff) + ((lanes >> 32) & 0xffff) + (lanes >> 48);
}

uint64_t CountOfHighBytes(const char* bytes, size_t size) {
  uint64_t count = 0;
  for (size_t i = 0; i < size; ++i) count += static_cast<unsigned char>(bytes[i]) >> 7;
  return count;
}

std::string_view UpToNul(const char* bytes, size_t size) { return {bytes, strnlen(bytes, size)}; }

std::optional<uint64_t> ReadOctal(std::string_view field) {
  field = field.substr(0, field.find('\0'));
  while (field.starts_with(' ')) field.remove_prefix(1);
  while (field.ends_with(' ')) field.remove_suffix(1);
  uint64_t value = 0;
  for (const char c : field) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<uint64_t>(c - '0');  // Twelve digits are 36 bits.
  }
  return value;
}

std::optional<uint64_t> ReadBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) {
    if (value > kMaxNumber >> 8) return std::nullopt;
    value = value << 8 | static_cast<unsigned char>(c);
  }
  return value;
}

}  // namespace

bool IsZero(const char* bytes, size_t size) {
  return size == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

bool HasRightChecksum(const char* block) {
  const std::string_view field(block + kChecksumOffset, kChecksumSize);
  if (field.find_first_not_of(std::string_view("\0 ", 2)) == field.npos) return false;
  const std::optional<uint64_t> stored = ReadNumber(field);
  if (!stored) return false;
  uint64_t sum = SumOfBytes(block) + kChecksumSize * ' ';
  for (const char c : field) sum -= static_cast<unsigned char>(c);
  if (*stored == sum) return true;
  const uint64_t high =
      CountOfHighBytes(block, kBlockSize) - CountOfHighBytes(field.data(), kChecksumSize);
  return high > 0 && *stored + 256 * high == sum;
}

std::optional<uint64_t> ReadNumber(std::string_view field) {
  const auto first = static_cast<unsigned char>(field[0]);
  if (first == 0x80) return ReadBigEndian(field.substr(1));
  return ReadOctal(field);
}

// Four lanes, so that the multiplications do not wait for each other.
uint32_t HashOfBlock(const char* block) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15;
  constexpr size_t kLanes = 4;
  uint64_t lanes[kLanes] = {1, 2, 3, 4};
  for (size_t i = 0; i < kBlockSize; i += kLanes * sizeof(uint64_t)) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const uint64_t word = WordAt(block + i + lane * sizeof(uint64_t));
      lanes[lane] = std::rotl(lanes[lane] ^ word, 29) * kFactor;
    }
  }
  uint64_t hash = 0;
  for (const uint64_t lane : lanes) hash = std::rotl(hash ^ lane, 31) * kFactor;
  return static_cast<uint32_t>(hash >> 32);
}

TarHeader::TarHeader(const char* block)
    : type(block[kTypeOffset]),
      size(block + kSizeOffset, 12),
      name(UpToNul(block, 100)),
      link_name(UpToNul(block + kLinkNameOffset, 100)) {
  // Where POSIX has the prefix, GNU has times and a sparse file's map, and V7 has nothing.
  const bool is_posix = std::memcmp(block + kMagicOffset, "ustar\0", 6) == 0;
  if (is_posix) prefix = UpToNul(block + kPrefixOffset, 155);
}

}  // namespace mlperf::shards
