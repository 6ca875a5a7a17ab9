// Where the members of a shard's samples lie, as a structure of arrays.
#ifndef MLPERF_SHARDS_SHARD_INDEX_H_
#define MLPERF_SHARDS_SHARD_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "grouping.h"
#include "remarks.h"
#include "walker.h"

namespace mlperf::shards {

struct IndexOptions {
  bool resolve_links = false;      // A hard link is the earlier member of that name.
  bool split_interleaved = false;  // A key that comes back begins a sample of its own.
  bool read_concatenated = false;

  bool operator==(const IndexOptions&) const = default;
};

struct ShardIndex {
  // A sample: its key, and its first member; its members end where the next sample's begin.
  TextList keys;
  std::vector<uint64_t> first_member;
  // A member: its field, its body, and the hash of the header before the body.
  std::vector<uint32_t> field;
  std::vector<uint64_t> offset;
  std::vector<uint64_t> size;
  std::vector<uint32_t> header_hash;

  TextList fields;
  Remarks remarks;

  size_t sample_count() const { return keys.size(); }
  // The places of a sample's first member and the one after its last.
  std::pair<uint64_t, uint64_t> MembersOf(size_t sample) const {
    const bool is_last = sample + 1 == first_member.size();
    return {first_member[sample], is_last ? offset.size() : first_member[sample + 1]};
  }
};

// Collects the members of a walk.
class IndexBuilder {
 public:
  IndexBuilder(const IndexOptions& options, Grouping::Lower lower)
      : options_(options), grouping_(std::move(lower)) {}

  // Takes a step of `walker`. Returns kContinue to go on, else kDone or kError.
  Step Take(const Walker& walker, Step step);

  const FormatError& error() const { return error_; }
  // After kDone.
  ShardIndex TakeIndex();

 private:
  struct Body {
    uint64_t offset;
    uint64_t size;
    uint32_t header_hash;
  };

  bool TakeMember(const Member& member);
  bool TakeBody(const Member& member, const Body& body);
  bool Fail(ErrorKind kind, const Member& member, std::string what);

  const IndexOptions options_;
  Grouping grouping_;
  ShardIndex index_;
  std::unordered_map<std::string, Body> bodies_;  // By name, if links are resolved.
  FormatError error_;
};

// What is wrong with a member that does not fit into the samples before it.
std::string TextOf(ErrorKind kind, std::string_view key, std::string_view field);

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_SHARD_INDEX_H_
