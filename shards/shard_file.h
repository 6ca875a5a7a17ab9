// A file to read from at any place, and what shows whether it is still the same one.
#ifndef MLPERF_SHARDS_SHARD_FILE_H_
#define MLPERF_SHARDS_SHARD_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "fault.h"

namespace mlperf::shards {

struct FileIdentity {
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  uint64_t inode = 0;
  uint64_t device = 0;
  uint64_t has_name = 0;  // 0: it was removed, and only those read it who had it open.

  bool operator==(const FileIdentity&) const = default;
};

// Every call returns 0, or what errno was.
class ShardFile {
 public:
  ShardFile() = default;
  ~ShardFile() { Close(); }
  ShardFile(const ShardFile&) = delete;
  ShardFile& operator=(const ShardFile&) = delete;

  int Open(const std::string& path);
  void Close();
  int Identify(FileIdentity* identity) const;
  static int Identify(const std::string& path, FileIdentity* identity);
  // Reads up to the end of the file at most; `count` is how many bytes.
  int ReadAt(uint64_t offset, char* buffer, size_t size, size_t* count) const;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

// Whether the file is still the one that was indexed.
Fault CheckIdentity(const ShardFile& file, const FileIdentity& indexed);

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_SHARD_FILE_H_
