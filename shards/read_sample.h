// Reads one sample straight from its shard: what lies close together by one call.
#ifndef MLPERF_SHARDS_READ_SAMPLE_H_
#define MLPERF_SHARDS_READ_SAMPLE_H_

#include <cstddef>
#include <cstdint>

#include "fault.h"
#include "index_shard.h"
#include "loaded_batch.h"
#include "shard_file.h"

namespace mlperf::shards {

// `number` is the sample's place in its shard, `index` its place in the library. The file must be
// the one that was indexed, afterwards; with `check_headers`, so must be the header before each
// body.
Fault ReadSample(const ShardFile& file, const IndexedShard& shard, size_t number, uint64_t index,
                 bool check_headers, BatchHold* batch);

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_READ_SAMPLE_H_
