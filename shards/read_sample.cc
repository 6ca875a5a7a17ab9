#include "read_sample.h"

#include <cerrno>

#include "tar_header.h"

namespace mlperf::shards {
namespace {

// As much between two bodies is read with them: that takes less time than another call.
constexpr uint64_t kMaxGap = 4 << 10;
constexpr uint64_t kRunAlignment = 64;

// Members that one call reads, from the header of the first to the end of the last body.
struct Run {
  uint64_t first;
  uint64_t end;
  uint64_t offset;
  uint64_t size;

  // What it takes of the memory: bodies lie in it as they do in the file.
  uint64_t room() const { return (size + kRunAlignment - 1) / kRunAlignment * kRunAlignment; }
};

Run RunFrom(const ShardIndex& index, uint64_t first, uint64_t end) {
  const uint64_t begin = index.offset[first] - kBlockSize;
  uint64_t at = index.offset[first] + index.size[first];
  uint64_t next = first + 1;
  for (; next < end; ++next) {
    const uint64_t header = index.offset[next] - kBlockSize;
    if (header < at || header - at > kMaxGap) break;  // The body of a link may lie anywhere.
    at = index.offset[next] + index.size[next];
  }
  return {first, next, begin, at - begin};
}

// `fields` are those of the run's members.
Fault ReadRun(const ShardFile& file, const ShardIndex& index, const Run& run, bool check_headers,
              char* to, LoadedField* fields) {
  size_t count = 0;
  const int error = file.ReadAt(run.offset, to, run.size, &count);
  if (error != 0) return Fault::System(error);
  if (count < run.size) return Fault::Changed("it ends before the place of a sample");
  for (uint64_t member = run.first; member < run.end; ++member) {
    const char* const body = to + (index.offset[member] - run.offset);
    if (check_headers && HashOfBlock(body - kBlockSize) != index.header_hash[member]) {
      return Fault::ChangedHeader(index.offset[member] - kBlockSize);
    }
    *fields++ = {index.field[member], index.size[member], body};
  }
  return {};
}

}  // namespace

Fault ReadSample(const ShardFile& file, const IndexedShard& shard, size_t number, uint64_t index,
                 bool check_headers, BatchHold* batch) {
  const ShardIndex& places = shard.index;
  const auto [first, end] = places.MembersOf(number);
  uint64_t room = 0;
  for (uint64_t member = first; member < end;) {
    const Run run = RunFrom(places, member, end);
    room += run.room();
    member = run.end;
  }
  *batch = BatchHold(LoadedBatch::Make(1, end - first, room, BatchMemory::kHeap));
  if (batch->get() == nullptr) return Fault::System(ENOMEM);
  LoadedField* const fields = (*batch)->fields();
  (*batch)->samples()[0] = {batch->get(), index, fields, end - first};
  char* to = (*batch)->bodies();
  for (uint64_t member = first; member < end;) {
    const Run run = RunFrom(places, member, end);
    Fault fault = ReadRun(file, places, run, check_headers, to, fields + (member - first));
    if (fault) return fault;
    to += run.room();
    member = run.end;
  }
  return CheckIdentity(file, shard.identity);
}

}  // namespace mlperf::shards
