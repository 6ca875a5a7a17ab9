// What waits to be written to a stream socket: small pieces gathered in one place, large ones where
// they lie.
#ifndef MLPERF_LOADGEN_NETWORK_OUTBOX_H_
#define MLPERF_LOADGEN_NETWORK_OUTBOX_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <span>

namespace mlperf::network {

enum class WriteEnd {
  kDone,    // All is written.
  kFull,    // The socket takes no more for now.
  kBroken,  // The other end is gone.
};

// Not thread-safe.
class Outbox {
 public:
  // Room for `size` bytes after all that was added, for the caller to fill at once.
  std::byte* Extend(size_t size);
  // Adds bytes that stay where they are as long as `keeper` is held.
  void Refer(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper);

  size_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }
  void Clear();

  // Writes to a socket that does not block, at most `most_bytes`, and forgets what is written. An
  // end that is gone raises no signal.
  WriteEnd WriteTo(int fd, size_t most_bytes);

 private:
  // Gathered bytes, or those of a keeper.
  struct Piece {
    std::unique_ptr<std::byte[]> gathered;
    size_t capacity = 0;
    std::shared_ptr<const void> keeper;
    const std::byte* data = nullptr;  // What is not written yet.
    size_t size = 0;
  };

  void Written(size_t count);
  void DropFront();

  std::deque<Piece> pieces_;
  Piece spare_;  // An emptied piece, kept for its memory.
  size_t bytes_ = 0;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_OUTBOX_H_
