// The sample library of a C++ program whose samples lie in shards.
#ifndef MLPERF_SHARDS_SHARD_SAMPLE_LIBRARY_H_
#define MLPERF_SHARDS_SHARD_SAMPLE_LIBRARY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "library.h"
#include "query_sample_library.h"

namespace mlperf::shards {

// Shards are files on this machine, not compressed; of names of fields, ASCII letters become small.
// Throws std::runtime_error, which names the shard, the place and the fix.
class ShardSampleLibrary : public QuerySampleLibrary {
 public:
  explicit ShardSampleLibrary(std::vector<std::string> paths, const LibraryOptions& options = {});

  const std::string& Name() override { return name_; }
  size_t TotalSampleCount() override { return library_->sample_count(); }
  // As many as fit into `memory_bytes`, whichever they are; all, if that was not set.
  size_t PerformanceSampleCount() override { return performance_sample_count_; }
  void set_memory_bytes(uint64_t memory_bytes);
  void LoadSamplesToRam(const std::vector<QuerySampleIndex>& samples) override;
  void UnloadSamplesFromRam(const std::vector<QuerySampleIndex>& samples) override;

  // The bytes of a field of a loaded sample. They stay where they are until it is unloaded. Throws
  // std::out_of_range if the sample is not loaded or has no such field.
  std::string_view Field(QuerySampleIndex sample, std::string_view field) const;

  // The bytes of a field of several loaded samples, one after the other, into `block`. Throws
  // std::length_error if their sizes are not `size`.
  void CopyField(const std::vector<QuerySampleIndex>& samples, std::string_view field, size_t size,
                 char* block) const;

 private:
  void Require(const Fault& fault) const;

  std::string name_ = "ShardSampleLibrary";
  std::vector<std::string> paths_;
  std::unique_ptr<Library> library_;
  size_t performance_sample_count_ = 0;
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_SHARD_SAMPLE_LIBRARY_H_
