// Why a shard cannot be used, as a value.
#ifndef MLPERF_SHARDS_FAULT_H_
#define MLPERF_SHARDS_FAULT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "format_error.h"

namespace mlperf::shards {

enum class FaultKind : uint8_t {
  kNone,
  kFormat,   // `format` says what is wrong with the archive.
  kSystem,   // A call failed; `system_error` is what errno was.
  kChanged,  // The file is not the one that was indexed; `what` says how it shows.
  kMissing,  // A sample lacks a field that was asked for; `what` says which.
  kStopped,  // The caller's own function wants to go no further.
};

struct Fault {
  FaultKind kind = FaultKind::kNone;
  size_t shard = 0;  // Its place in the list of shards.
  FormatError format;
  int system_error = 0;
  std::string what;

  explicit operator bool() const { return kind != FaultKind::kNone; }

  static Fault Format(FormatError error) {
    return {FaultKind::kFormat, 0, std::move(error), 0, ""};
  }
  static Fault System(int error) { return {FaultKind::kSystem, 0, {}, error, ""}; }
  static Fault Changed(std::string how) { return {FaultKind::kChanged, 0, {}, 0, std::move(how)}; }
  // The header block at `offset`.
  static Fault ChangedHeader(uint64_t offset) {
    return Changed("the header at byte " + std::to_string(offset) +
                   " is not the one that was indexed");
  }
  static Fault Missing(std::string what) {
    return {FaultKind::kMissing, 0, {}, 0, std::move(what)};
  }
  static Fault Stopped() { return {FaultKind::kStopped, 0, {}, 0, ""}; }
};

// What is wrong with a shard and what to do, as a sentence.
std::string FormatErrorText(const std::string& shard, const FormatError& error);
std::string FaultText(const std::string& shard, const Fault& fault);

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_FAULT_H_
