#include "format_error.h"

#include <cstddef>

namespace mlperf::shards {

const char* ErrorName(ErrorKind kind) {
  static constexpr const char* kNames[] = {
      "none",  "not_tar",     "truncated", "checksum", "number",      "pax",      "dangling",
      "limit", "unsupported", "duplicate", "reserved", "interleaved", "after_end"};
  return kNames[static_cast<size_t>(kind)];
}

}  // namespace mlperf::shards
