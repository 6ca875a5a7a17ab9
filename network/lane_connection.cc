#include "lane_connection.h"

#include <cstring>

namespace mlperf::network {
namespace {

constexpr size_t kMostCopiedBytes = 16 << 10;  // What is larger is written from where it lies.

}  // namespace

void LaneConnection::Add(uint64_t key, uint64_t index, bool ends_query,
                         const std::shared_ptr<const PreparedSample>& sample) {
  SampleRecord record;
  record.ends_query = ends_query ? 1 : 0;
  record.layout_bytes = sample->layout_bytes;
  record.key = key;
  record.index = index;
  record.size = sample->size;
  pending_keys.push_back(key);
  if (sees_arena && sample->block) {
    record.kind = SampleKind::kPlaced;
    record.place = sample->block->place();
    std::memcpy(pending.Extend(sizeof(record)), &record, sizeof(record));
    return;
  }
  const bool is_copied = sample->nbytes <= kMostCopiedBytes;
  std::byte* to = pending.Extend(sizeof(record) + (is_copied ? sample->nbytes : 0));
  std::memcpy(to, &record, sizeof(record));
  if (is_copied) {
    std::memcpy(to + sizeof(record), sample->bytes, sample->nbytes);
  } else {
    pending.Refer({sample->bytes, sample->nbytes}, sample);
  }
}

void LaneConnection::AddFlush() {
  SampleRecord record;
  record.kind = SampleKind::kFlush;
  std::memcpy(pending.Extend(sizeof(record)), &record, sizeof(record));
}

}  // namespace mlperf::network
