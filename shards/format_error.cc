#include "format_error.h"

#include <cstddef>

namespace mlperf::shards {

const char* ErrorName(ErrorKind kind) {
  static constexpr const char* kNames[] = {
      "none",  "not_tar",     "truncated", "checksum", "number",      "pax",      "dangling",
      "limit", "unsupported", "duplicate", "reserved", "interleaved", "after_end"};
  return kNames[static_cast<size_t>(kind)];
}

std::string ShownName(std::string_view name) {
  constexpr size_t kMaxSize = 200;
  if (name.size() <= kMaxSize) return std::string(name);
  return std::string(name.substr(0, kMaxSize)) + "...";
}

}  // namespace mlperf::shards
