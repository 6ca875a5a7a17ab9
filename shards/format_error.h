// What is wrong with an archive, as a value.
#ifndef MLPERF_SHARDS_FORMAT_ERROR_H_
#define MLPERF_SHARDS_FORMAT_ERROR_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace mlperf::shards {

enum class ErrorKind : uint8_t {
  kNone,
  kNotTar,
  kTruncated,
  kChecksum,
  kNumber,
  kPax,
  kDangling,
  kLimit,
  kUnsupported,
  kDuplicate,
  kReserved,
  kInterleaved,
  kAfterEnd,
};

// The kind as users read it: "not_tar", "truncated", ...
const char* ErrorName(ErrorKind kind);

// A name for a message: names in an archive may be long.
std::string ShownName(std::string_view name);

struct FormatError {
  ErrorKind kind = ErrorKind::kNone;
  uint64_t offset = 0;  // Of the header block in the uncompressed archive.
  std::string member;   // Its name, as bytes; empty if it has none.
  std::string what;     // What is wrong and what to do, as text.

  explicit operator bool() const { return kind != ErrorKind::kNone; }
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_FORMAT_ERROR_H_
