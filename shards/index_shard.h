// The index of one shard, from its file or from its bytes as they come.
#ifndef MLPERF_SHARDS_INDEX_SHARD_H_
#define MLPERF_SHARDS_INDEX_SHARD_H_

#include <string>
#include <string_view>
#include <vector>

#include "fault.h"
#include "member_stream.h"
#include "shard_file.h"
#include "shard_index.h"

namespace mlperf::shards {

struct IndexedShard {
  FileIdentity identity;
  bool is_compressed = false;
  ShardIndex index;
};

// What the first bytes of a file say, whatever its name is: gzip, bzip2, xz or zstd.
bool IsCompressed(std::string_view first_bytes);

// Walks through the headers of a file. Of a compressed one only the identity is found. `buffer` may
// be anything, and is there for the next file.
Fault IndexFile(const std::string& path, const IndexOptions& options, const Grouping::Lower& lower,
                std::vector<char>* buffer, IndexedShard* shard);

// The same from the bytes of an archive that come in pieces.
class StreamIndexer {
 public:
  StreamIndexer(const IndexOptions& options, Grouping::Lower lower)
      : stream_(options.read_concatenated), builder_(options, std::move(lower)) {}

  // False: no more is wanted.
  bool Take(std::string_view piece);
  Fault Finish(ShardIndex* index);

 private:
  bool TakeEvent(MemberStream::Event event);

  MemberStream stream_;
  IndexBuilder builder_;
  Step step_ = Step::kContinue;
};

// Leaves of each sample the fields that are named. A sample that lacks one is an error, or left
// out.
Fault SelectFields(const std::vector<std::string>& fields, bool skip_missing, ShardIndex* index);

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_INDEX_SHARD_H_
