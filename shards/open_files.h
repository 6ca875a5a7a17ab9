// Files that stay open, so that small reads need not open them each time.
#ifndef MLPERF_SHARDS_OPEN_FILES_H_
#define MLPERF_SHARDS_OPEN_FILES_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "shard_file.h"

namespace mlperf::shards {

class OpenFiles {
 public:
  static constexpr size_t kMaxFiles = 64;

  // The file of a shard. Returns 0, or what errno was.
  int Get(size_t shard, const std::string& path, std::shared_ptr<const ShardFile>* file);
  // The next call opens it again.
  void Forget(size_t shard);

 private:
  void CloseAll();

  std::mutex mutex_;
  std::unordered_map<size_t, std::shared_ptr<const ShardFile>> files_;
  std::deque<size_t> opened_;  // In this order; the first one is closed first.
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_OPEN_FILES_H_
