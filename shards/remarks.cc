#include "remarks.h"

namespace mlperf::shards {
namespace {

std::string Counted(uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + (count == 1 ? one : many);
}

}  // namespace

const char* LeftOutName(LeftOut reason) {
  static constexpr const char* kNames[kLeftOutCount] = {
      "no_extension", "dotfile", "meta", "hardlink", "symlink", "directory", "other"};
  return kNames[static_cast<size_t>(reason)];
}

void Remarks::CountType(MemberType type) {
  switch (type) {
    case MemberType::kHardLink:
      return Count(LeftOut::kHardLink);
    case MemberType::kSymbolicLink:
      return Count(LeftOut::kSymbolicLink);
    case MemberType::kDirectory:
      return Count(LeftOut::kDirectory);
    default:
      return Count(LeftOut::kOther);
  }
}

void Remarks::CountName(NameKind kind) {
  switch (kind) {
    case NameKind::kDotfile:
      return Count(LeftOut::kDotfile);
    case NameKind::kMeta:
      return Count(LeftOut::kMeta);
    default:
      return Count(LeftOut::kNoExtension);
  }
}

void Remarks::TakeEnd(const Walker& walker) {
  has_no_end_marker = walker.has_no_end_marker();
  has_data_after_end = walker.has_data_after_end();
}

std::vector<Warning> Remarks::Warnings() const {
  std::vector<Warning> warnings;
  const uint64_t links = left_out[static_cast<size_t>(LeftOut::kHardLink)] +
                         left_out[static_cast<size_t>(LeftOut::kSymbolicLink)];
  if (links != 0) {
    warnings.push_back({"links", Counted(links, " link was", " links were") +
                                     " left out; links=\"resolve\" takes hard links for "
                                     "the earlier members that they name"});
  }
  if (returned_keys != 0) {
    warnings.push_back({"interleaved", Counted(returned_keys, " key", " keys") +
                                           " came back after other samples, and each time began "
                                           "a sample of its own; sort the shard's members"});
  }
  if (has_no_end_marker) {
    warnings.push_back(
        {"no_end_marker",
         "the shard ends without an end marker; compare its size with the original's"});
  }
  if (has_data_after_end) {
    warnings.push_back({"data_after_end", "bytes that are no archive follow the end marker"});
  }
  return warnings;
}

}  // namespace mlperf::shards
