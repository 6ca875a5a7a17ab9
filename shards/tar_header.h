// One block of 512 bytes as the header of a member of a tar archive.
#ifndef MLPERF_SHARDS_TAR_HEADER_H_
#define MLPERF_SHARDS_TAR_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mlperf::shards {

inline constexpr size_t kBlockSize = 512;
inline constexpr uint64_t kMaxNumber = INT64_MAX;

// `size` up to the next multiple of a block; `size` is at most kMaxNumber.
constexpr uint64_t PaddedSize(uint64_t size) {
  return (size + kBlockSize - 1) / kBlockSize * kBlockSize;
}

bool IsZero(const char* bytes, size_t size);

// The sum of the block's bytes, the checksum's own eight as spaces, is the stored one. Old programs
// summed signed bytes.
bool HasRightChecksum(const char* block);

// The value of a number field: octal digits with spaces around them up to the first NUL, nothing at
// all (0), or 0x80 and 11 bytes, big-endian. Nothing for anything else and above kMaxNumber.
std::optional<uint64_t> ReadNumber(std::string_view field);

// Shows whether a header is still the one that was indexed. Not for hostile bytes.
uint32_t HashOfBlock(const char* block);

// The parts of a header that say what follows. The texts point into the block.
struct TarHeader {
  explicit TarHeader(const char* block);

  char type;
  std::string_view size;    // A number field.
  std::string_view prefix;  // To stand before the name with a slash, if not empty.
  std::string_view name;
  std::string_view link_name;
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_TAR_HEADER_H_
