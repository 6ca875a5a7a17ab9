// What users should hear of a shard that can be read.
#ifndef MLPERF_SHARDS_REMARKS_H_
#define MLPERF_SHARDS_REMARKS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sample_name.h"
#include "walker.h"

namespace mlperf::shards {

// Why a member belongs to no sample.
enum class LeftOut : uint8_t {
  kNoExtension,
  kDotfile,
  kMeta,
  kHardLink,
  kSymbolicLink,
  kDirectory,
  kOther
};
inline constexpr size_t kLeftOutCount = 7;
const char* LeftOutName(LeftOut reason);

struct Warning {
  const char* kind;
  std::string text;
};

struct Remarks {
  std::array<uint64_t, kLeftOutCount> left_out = {};
  uint64_t returned_keys = 0;  // That was not asked for.
  bool has_no_end_marker = false;
  bool has_data_after_end = false;

  void Count(LeftOut reason) { ++left_out[static_cast<size_t>(reason)]; }
  void CountType(MemberType type);  // Of a member that is no file.
  void CountName(NameKind kind);    // Of a name that is no field's.
  void TakeEnd(const Walker& walker);

  std::vector<Warning> Warnings() const;
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_REMARKS_H_
