// A file for the input of a fuzzer whose reader takes a path.
#ifndef MLPERF_LOADGEN_TESTS_FUZZ_MEMORY_FILE_H_
#define MLPERF_LOADGEN_TESTS_FUZZ_MEMORY_FILE_H_

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "fuzz_targets.h"

namespace mlperf::loadgen {

// A file without a name in any folder, but with a path.
class MemoryFile {
 public:
  MemoryFile() : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
    Require(fd_ >= 0, "(of this check: a file in memory can be made)");
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(fd_); }

  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

  void Write(std::string_view text) {
    const bool written = ftruncate(fd_, 0) == 0 && pwrite(fd_, text.data(), text.size(), 0) ==
                                                       static_cast<ssize_t>(text.size());
    Require(written, "(of this check: a file in memory can be written)");
  }

 private:
  int fd_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_FUZZ_MEMORY_FILE_H_
