#include "fault.h"

#include <cstring>

namespace mlperf::shards {

std::string FormatErrorText(const std::string& shard, const FormatError& error) {
  std::string text = "The shard " + shard + " is broken at byte " + std::to_string(error.offset);
  if (!error.member.empty()) text += " (" + ShownName(error.member) + ")";
  return text + ": " + error.what + ".";
}

std::string FaultText(const std::string& shard, const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kFormat:
      return FormatErrorText(shard, fault.format);
    case FaultKind::kSystem:
      return "The shard " + shard + " cannot be read: " + std::strerror(fault.system_error) + ".";
    case FaultKind::kChanged:
      return "The shard " + shard + " changed after it was opened: " + fault.what +
             ". Open it again.";
    case FaultKind::kMissing:
      return "The shard " + shard + ": " + fault.what +
             "; missing=\"skip\" leaves such samples out.";
    case FaultKind::kStopped:
    case FaultKind::kNone:
      break;
  }
  return "";
}

}  // namespace mlperf::shards
