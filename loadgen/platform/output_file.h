// A log file: buffered, append-only, with errors kept instead of thrown, so that a full disk
// cannot disturb a run. No locks: one thread writes a file.
#ifndef MLPERF_LOADGEN_PLATFORM_OUTPUT_FILE_H_
#define MLPERF_LOADGEN_PLATFORM_OUTPUT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace mlperf::loadgen {

class OutputFile {
 public:
  // Stays in the cache of a core.
  static constexpr size_t kBufferSize = size_t{1} << 18;

  OutputFile() = default;
  // Creates or truncates `path`. Throws std::system_error naming the path.
  explicit OutputFile(const std::string& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  bool is_open() const { return fd_ >= 0; }
  const std::string& path() const { return path_; }

  void Append(std::string_view bytes);
  // Space for `size` bytes, kBufferSize at most, at the end, to be filled by the caller and given
  // back by Commit(used).
  char* Reserve(size_t size);
  void Commit(size_t used);
  // Hands what is buffered to the operating system.
  void Flush();
  // Flushes, then replaces the bytes at `offset` (a header that is known only at the end).
  void Overwrite(uint64_t offset, std::string_view bytes);
  // Flushes and closes; the error, if any, stays readable.
  void Close();

  // errno of the first failed operation, 0 if all went well.
  int error() const { return error_; }
  // What went wrong, in words, once the file is closed; empty if nothing did.
  std::string Failure() const;

 private:
  void WriteAll(const char* data, size_t size);

  std::string path_;
  int fd_ = -1;
  int error_ = 0;
  bool removed_ = false;  // By another program, before it was closed.
  std::unique_ptr<char[]> buffer_;
  size_t used_ = 0;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_PLATFORM_OUTPUT_FILE_H_
