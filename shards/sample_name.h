// The name of a member as the key of a sample and the name of a field.
#ifndef MLPERF_SHARDS_SAMPLE_NAME_H_
#define MLPERF_SHARDS_SAMPLE_NAME_H_

#include <cstdint>
#include <string_view>

namespace mlperf::shards {

enum class NameKind : uint8_t { kField, kNoExtension, kDotfile, kMeta };

struct SampleName {
  NameKind kind = NameKind::kField;
  std::string_view key;
  std::string_view extension;  // As it is written; fields are named in small letters.
};

// The first dot of the last component splits.
SampleName SplitName(std::string_view name);

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_SAMPLE_NAME_H_
