#include "open_files.h"

#include <sys/resource.h>

#include <cerrno>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>

namespace mlperf::shards {
namespace {

using File = std::shared_ptr<const ShardFile>;

// Of all libraries. It is never destroyed: a library may end after everything else.
struct Kept {
  std::mutex mutex;          // Of the places that `opened` points to as well.
  std::deque<File*> opened;  // In this order.

  static Kept& Get() {
    static auto* const kept = new Kept;
    return *kept;
  }

  // Who reads a file has it until that is done.
  void CloseUpTo(size_t max_count) {
    for (; opened.size() > max_count; opened.pop_front()) opened.front()->reset();
  }
};

// The limit may change while the process runs.
size_t MaxFiles() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
  return limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : limit.rlim_cur / 2;
}

int Open(const std::string& path, Kept* kept, File* file) {
  const auto opened = std::make_shared<ShardFile>();
  int error = opened->Open(path);
  if (error == EMFILE) {  // The rest of the process has many open.
    const std::lock_guard lock(kept->mutex);
    kept->CloseUpTo(0);
    error = opened->Open(path);
  }
  *file = opened;
  return error;
}

}  // namespace

OpenFiles::~OpenFiles() {
  Kept& kept = Kept::Get();
  const std::lock_guard lock(kept.mutex);
  const auto is_own = [this](const File* file) {
    return !files_.empty() && file >= &files_.front() && file <= &files_.back();
  };
  std::erase_if(kept.opened, is_own);
}

int OpenFiles::Get(size_t shard, const std::string& path, File* file) {
  Kept& kept = Kept::Get();
  {
    const std::lock_guard lock(kept.mutex);
    *file = files_[shard];
    if (*file != nullptr) return 0;
  }
  const int error = Open(path, &kept, file);
  if (error != 0) return error;
  const std::lock_guard lock(kept.mutex);
  if (std::exchange(files_[shard], *file) == nullptr) kept.opened.push_back(&files_[shard]);
  kept.CloseUpTo(MaxFiles());
  return 0;
}

void OpenFiles::Forget(size_t shard) {
  Kept& kept = Kept::Get();
  const std::lock_guard lock(kept.mutex);
  if (files_[shard] == nullptr) return;
  files_[shard].reset();
  std::erase(kept.opened, &files_[shard]);
}

}  // namespace mlperf::shards
