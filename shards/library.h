// The samples of many shards: where each lies, and those that are in memory.
#ifndef MLPERF_SHARDS_LIBRARY_H_
#define MLPERF_SHARDS_LIBRARY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fault.h"
#include "gather.h"
#include "index_shard.h"
#include "loaded_batch.h"
#include "open_files.h"

namespace mlperf::shards {

struct LibraryOptions {
  IndexOptions index;
  std::optional<std::vector<std::string>> fields;  // Nothing: all.
  bool skip_missing = false;  // Samples that lack one of `fields` are left out.
  bool check_headers = true;
  int thread_count = 0;   // 0: one for each core, 8 at most.
  std::string index_dir;  // The folder of the sidecars; empty: none are read and written.
  // Asked now and then during long calls, by the thread that makes them: true stops them.
  std::function<bool()> is_interrupted;
};

class Library {
 public:
  // Gives all bytes of a compressed shard, decompressed, to a function, until that returns false.
  using Take = std::function<bool(std::string_view)>;
  using Decompress = std::function<Fault(size_t shard, const Take& take)>;

  // What was found wrong; the first shard's, if it is several.
  static Fault Open(std::vector<std::string> paths, const LibraryOptions& options,
                    const Grouping::Lower& lower, const Decompress& decompress,
                    std::unique_ptr<Library>* library);

  ~Library();

  size_t sample_count() const { return first_sample_.back(); }
  size_t shard_count() const { return shards_.size(); }
  const std::string& path(size_t shard) const { return paths_[shard]; }
  const IndexedShard& shard(size_t shard) const { return shards_[shard]; }
  const TextList& fields() const { return fields_; }

  // The shard of a sample, and its number there.
  std::pair<size_t, size_t> Locate(uint64_t sample) const;
  std::string_view Key(uint64_t sample) const;
  // The samples with this key, two at most.
  std::vector<uint64_t> Find(std::string_view key) const;

  // The bytes of their fields. A sample that is named twice counts once.
  uint64_t BytesOf(std::vector<uint64_t> samples) const;
  // How many samples take no more memory than `bytes`, whichever they are.
  size_t CountThatFits(uint64_t bytes) const;

  // Brings samples into memory, or counts once more those that are there. Each is to be unloaded as
  // many times as it was named. Calls may overlap. After a fault nothing is loaded, but `counted`
  // are those that were there and count once more: the caller unloads them, where no other thread
  // is about to hold what it found by Loaded().
  Fault Load(const std::vector<uint64_t>& samples, const Decompress& decompress,
             std::vector<uint64_t>* counted);
  // False, and nothing is done: one of them is not loaded as many times.
  bool Unload(const std::vector<uint64_t>& samples);
  // Null if it is not loaded. What it points to stays until the sample is unloaded; a thread that
  // holds the batch keeps it for longer.
  const LoadedSample* Loaded(uint64_t sample) const {
    return loaded_[sample].load(std::memory_order_acquire);
  }
  // A sample of its own, straight from its shard.
  Fault Read(uint64_t sample, const Decompress& decompress, BatchHold* batch);

  uint64_t loaded_bytes() const { return loaded_bytes_.load(std::memory_order_relaxed); }

 private:
  Library(std::vector<std::string> paths, std::vector<IndexedShard> shards,
          const LibraryOptions& options);

  Fault ReadBatch(const std::vector<uint64_t>& samples, const Decompress& decompress,
                  BatchHold* batch) const;
  BatchHold MakeBatch(const std::vector<uint64_t>& samples) const;
  std::vector<ShardReads> ReadsOf(LoadedBatch* batch, size_t sample_count) const;
  Fault ReadCompressed(const ShardReads& reads, const Decompress& decompress) const;
  void Commit(const std::vector<uint64_t>& samples, size_t read_count, LoadedBatch* batch);
  void LetGo(uint64_t sample);
  Fault ReadPlain(size_t shard, uint64_t sample, BatchHold* batch);

  std::vector<std::string> paths_;
  std::vector<IndexedShard> shards_;
  std::vector<uint64_t> first_sample_;  // Of each shard, and the number of all.
  TextList fields_;
  LibraryOptions options_;
  OpenFiles open_files_;  // For reading samples one by one.

  std::mutex mutex_;             // Of what follows; reading `loaded_` needs none.
  std::vector<uint32_t> holds_;  // How many times each sample is loaded.
  std::vector<std::atomic<const LoadedSample*>> loaded_;
  std::atomic<uint64_t> loaded_bytes_ = 0;
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_LIBRARY_H_
