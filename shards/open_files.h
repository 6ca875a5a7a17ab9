// Files that stay open, so that small reads need not open them each time.
#ifndef MLPERF_SHARDS_OPEN_FILES_H_
#define MLPERF_SHARDS_OPEN_FILES_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "shard_file.h"

namespace mlperf::shards {

// The files of one library. All libraries together keep half of the files that the process may have
// open; the one that was opened first is closed first, whichever library has it.
class OpenFiles {
 public:
  explicit OpenFiles(size_t shard_count) : files_(shard_count) {}
  ~OpenFiles();
  OpenFiles(const OpenFiles&) = delete;
  OpenFiles& operator=(const OpenFiles&) = delete;

  // The file of a shard. Returns 0, or what errno was.
  int Get(size_t shard, const std::string& path, std::shared_ptr<const ShardFile>* file);
  // The next call opens it again.
  void Forget(size_t shard);

 private:
  std::vector<std::shared_ptr<const ShardFile>> files_;  // By shard; null: it is not open.
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_OPEN_FILES_H_
