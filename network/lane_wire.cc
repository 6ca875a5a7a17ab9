#include "lane_wire.h"

#include <algorithm>

namespace mlperf::network {
namespace {

// What a sample's bytes may have beyond the agreed size: the padding of 1024 parts. An answer that
// is a text may have as many, however small answers are.
constexpr uint64_t kMostBeyond = 64 << 10;
constexpr uint64_t kMostLayoutBytes = 8 << 20;

std::string TooLarge(const char* what, uint64_t size, uint64_t most) {
  return std::string(what) + " of " + std::to_string(size) + " bytes, more than " +
         std::to_string(most);
}

// Of a size that was agreed on; below what sums and padding could bring to an overflow.
uint64_t Most(uint64_t agreed) { return std::min(agreed, uint64_t{1} << 62) + kMostBeyond; }

}  // namespace

uint64_t BytesAfter(const SampleRecord& record) {
  if (record.kind != SampleKind::kSample) return 0;
  return Padded(record.layout_bytes) + Padded(record.size);
}

uint64_t BytesAfter(const AnswerRecord& record) {
  return record.kind == AnswerKind::kPlaced ? 0 : Padded(record.size);
}

std::string FaultOf(const SampleRecord& record, uint64_t most_bytes) {
  const bool has_bytes = record.kind == SampleKind::kSample || record.kind == SampleKind::kPlaced;
  if (!has_bytes && record.kind != SampleKind::kFlush && record.kind != SampleKind::kFreed) {
    return "a record of the unknown kind " + std::to_string(static_cast<uint16_t>(record.kind));
  }
  if (!has_bytes && (record.size > 0 || record.layout_bytes > 0)) {
    return "a record without a payload that has a size";
  }
  if (record.ends_query > 1) return "a sample that neither ends its query nor goes on with it";
  if (record.layout_bytes > kMostLayoutBytes) {
    return TooLarge("a layout", record.layout_bytes, kMostLayoutBytes);
  }
  return record.size > Most(most_bytes) ? TooLarge("a sample", record.size, most_bytes) : "";
}

std::string FaultOf(const AnswerRecord& record, uint64_t most_bytes) {
  if (record.kind > AnswerKind::kPlaced) {
    return "an answer of the unknown kind " + std::to_string(static_cast<uint64_t>(record.kind));
  }
  if (record.kind == AnswerKind::kSent && record.size > 0) return "a time that has a size";
  return record.size > Most(most_bytes) ? TooLarge("an answer", record.size, most_bytes) : "";
}

}  // namespace mlperf::network
