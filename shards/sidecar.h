// The index of a shard as a file, so that the next start need not walk through the shard.
//
// It is never trusted: a sidecar of another version, of another file, or with a bit that is not as
// it was written is as good as none. Numbers are as this machine has them.
#ifndef MLPERF_SHARDS_SIDECAR_H_
#define MLPERF_SHARDS_SIDECAR_H_

#include <string>

#include "index_shard.h"

namespace mlperf::shards {

// The sidecar of a shard in a folder: the shard's own name, and a hash of its whole path.
std::string SidecarPath(const std::string& folder, const std::string& shard_path);

// Whether `path` is the sidecar of the file with `shard->identity`, with these options; `shard` has
// its index then.
bool ReadSidecar(const std::string& path, const IndexOptions& options, IndexedShard* shard);

// Who reads it meanwhile does not find it whole. A folder that cannot be written to is no error.
void WriteSidecar(const std::string& path, const IndexOptions& options, const IndexedShard& shard);

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_SIDECAR_H_
