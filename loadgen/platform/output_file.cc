#include "platform/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace mlperf::loadgen {
namespace {

// Where a standard stream is closed, a file would take its place, and get what is printed.
void MoveAboveStandardStreams(int* fd) {
  const int above = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int error = errno;
  close(*fd);
  errno = error;
  *fd = above;
}

}  // namespace

OutputFile::OutputFile(const std::string& path) : path_(path) {
  // A pipe without a reader is an error instead of an endless wait.
  fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0666);
  if (fd_ >= 0) fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) & ~O_NONBLOCK);
  if (fd_ >= 0 && fd_ <= STDERR_FILENO) MoveAboveStandardStreams(&fd_);
  if (fd_ < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot open log file '" + path + "'");
  }
}

OutputFile::OutputFile(OutputFile&& other) noexcept { *this = std::move(other); }

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  if (this == &other) return *this;
  Close();
  path_ = std::move(other.path_);
  fd_ = std::exchange(other.fd_, -1);
  error_ = std::exchange(other.error_, 0);
  removed_ = std::exchange(other.removed_, false);
  buffer_ = std::move(other.buffer_);
  used_ = std::exchange(other.used_, 0);
  return *this;
}

OutputFile::~OutputFile() { Close(); }

void OutputFile::Append(std::string_view bytes) {
  if (bytes.size() >= kBufferSize) {
    Flush();
    WriteAll(bytes.data(), bytes.size());
    return;
  }
  std::memcpy(Reserve(bytes.size()), bytes.data(), bytes.size());
  Commit(bytes.size());
}

char* OutputFile::Reserve(size_t size) {
  if (size > kBufferSize) throw std::length_error("OutputFile::Reserve: more than the buffer");
  if (!buffer_) buffer_.reset(new char[kBufferSize]);
  if (used_ + size > kBufferSize) Flush();
  return buffer_.get() + used_;
}

void OutputFile::Commit(size_t used) { used_ += used; }

void OutputFile::Flush() {
  WriteAll(buffer_.get(), used_);
  used_ = 0;
}

void OutputFile::Overwrite(uint64_t offset, std::string_view bytes) {
  Flush();
  if (fd_ < 0) return;
  const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (written != static_cast<ssize_t>(bytes.size()) && error_ == 0) {
    error_ = written < 0 ? errno : EIO;
  }
}

void OutputFile::Close() {
  if (fd_ < 0) return;
  Flush();
  struct stat status;
  removed_ = fstat(fd_, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 0;
  if (close(fd_) != 0 && error_ == 0) error_ = errno;
  fd_ = -1;
  buffer_.reset();
}

std::string OutputFile::Failure() const {
  if (removed_) {
    return "log file '" + path_ + "' was removed while the test ran; its contents are lost";
  }
  if (error_ == 0) return "";
  return "cannot write log file '" + path_ + "': " + std::strerror(error_) +
         "; its contents are incomplete";
}

void OutputFile::WriteAll(const char* data, size_t size) {
  while (size > 0 && fd_ >= 0 && error_ == 0) {
    const ssize_t written = write(fd_, data, size);
    if (written < 0) {
      if (errno == EINTR) continue;
      error_ = errno;
      return;
    }
    data += written;
    size -= static_cast<size_t>(written);
  }
}

}  // namespace mlperf::loadgen
