#include "open_files.h"

#include <cerrno>

namespace mlperf::shards {

int OpenFiles::Get(size_t shard, const std::string& path, std::shared_ptr<const ShardFile>* file) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(shard);
    if (found != files_.end()) {
      *file = found->second;
      return 0;
    }
  }
  const auto opened = std::make_shared<ShardFile>();
  int error = opened->Open(path);
  if (error == EMFILE) {  // The process may have fewer files than are kept here.
    CloseAll();
    error = opened->Open(path);
  }
  if (error != 0) return error;
  *file = opened;
  const std::lock_guard lock(mutex_);
  if (!files_.insert_or_assign(shard, opened).second) return 0;
  opened_.push_back(shard);
  if (opened_.size() > kMaxFiles) {
    files_.erase(opened_.front());
    opened_.pop_front();
  }
  return 0;
}

void OpenFiles::CloseAll() {
  const std::lock_guard lock(mutex_);
  files_.clear();
  opened_.clear();
}

void OpenFiles::Forget(size_t shard) {
  const std::lock_guard lock(mutex_);
  files_.erase(shard);
  std::erase(opened_, shard);
}

}  // namespace mlperf::shards
