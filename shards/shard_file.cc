#include "shard_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace mlperf::shards {
namespace {

int Take(const struct stat& status, FileIdentity* identity) {
  if (S_ISDIR(status.st_mode)) return EISDIR;
  constexpr int64_t kNsPerS = 1'000'000'000;
  identity->size = static_cast<uint64_t>(status.st_size);
  identity->mtime_ns = status.st_mtim.tv_sec * kNsPerS + status.st_mtim.tv_nsec;
  identity->inode = status.st_ino;
  identity->device = status.st_dev;
  identity->has_name = status.st_nlink > 0;
  return 0;
}

}  // namespace

int ShardFile::Open(const std::string& path) {
  Close();
  do {
    descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  } while (descriptor_ < 0 && errno == EINTR);
  return descriptor_ < 0 ? errno : 0;
}

void ShardFile::Close() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

int ShardFile::Identify(FileIdentity* identity) const {
  struct stat status;
  return fstat(descriptor_, &status) == 0 ? Take(status, identity) : errno;
}

int ShardFile::Identify(const std::string& path, FileIdentity* identity) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 ? Take(status, identity) : errno;
}

int ShardFile::ReadAt(uint64_t offset, char* buffer, size_t size, size_t* count) const {
  *count = 0;
  while (*count < size) {
    const ssize_t got =
        pread(descriptor_, buffer + *count, size - *count, static_cast<off_t>(offset + *count));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    *count += static_cast<size_t>(got);
  }
  return 0;
}

Fault CheckIdentity(const ShardFile& file, const FileIdentity& indexed) {
  FileIdentity now;
  const int error = file.Identify(&now);
  if (error != 0) return Fault::System(error);
  if (now == indexed) return {};
  if (now.size != indexed.size) {
    return Fault::Changed("it had " + std::to_string(indexed.size) + " bytes and has " +
                          std::to_string(now.size));
  }
  return Fault::Changed("it was written to or replaced");
}

}  // namespace mlperf::shards
