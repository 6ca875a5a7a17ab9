// Reads bodies that lie scattered over shards: in the order of the disk, neighbours joined, by
// several threads.
#ifndef MLPERF_SHARDS_GATHER_H_
#define MLPERF_SHARDS_GATHER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fault.h"
#include "interruption.h"
#include "shard_file.h"

namespace mlperf::shards {

// A body, the hash of the header right before it, and where the bytes go.
struct Extent {
  uint64_t offset;
  uint64_t size;
  uint32_t header_hash;
  char* to;
};

// What is read of one shard, by offset.
struct ShardReads {
  size_t shard;
  const std::string* path;
  FileIdentity identity;
  std::vector<Extent> extents;
};

// Reads all. The files must be those that were indexed, before and after; with `check_headers`, so
// must be the header before each body.
Fault Gather(const std::vector<ShardReads>& shards, bool check_headers, int thread_count,
             Interruption* interruption);

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_GATHER_H_
