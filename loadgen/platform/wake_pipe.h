// A file descriptor that becomes readable when there is something to fetch, for event loops.
#ifndef MLPERF_LOADGEN_PLATFORM_WAKE_PIPE_H_
#define MLPERF_LOADGEN_PLATFORM_WAKE_PIPE_H_

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace mlperf::loadgen {

// Not thread-safe: its owner's lock is held for each call.
class WakePipe {
 public:
  WakePipe() {
    if (pipe(ends_) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    for (const int end : ends_) {
      fcntl(end, F_SETFL, O_NONBLOCK);
      fcntl(end, F_SETFD, FD_CLOEXEC);
    }
  }
  ~WakePipe() {
    for (const int end : ends_) close(end);
  }
  WakePipe(const WakePipe&) = delete;
  WakePipe& operator=(const WakePipe&) = delete;

  int fd() const { return ends_[0]; }
  bool raised() const { return raised_; }

  void Raise() {
    if (raised_) return;
    const char byte = 0;
    while (write(ends_[1], &byte, 1) < 0 && errno == EINTR) {
    }
    raised_ = true;
  }

  void Lower() {
    if (!raised_) return;
    char byte;
    while (read(ends_[0], &byte, 1) < 0 && errno == EINTR) {
    }
    raised_ = false;  // Also where a forked child, which has the same pipe, took the byte.
  }

 private:
  int ends_[2];
  bool raised_ = false;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_PLATFORM_WAKE_PIPE_H_
