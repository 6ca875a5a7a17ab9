// Memory that nodes of this machine read: payloads that lie there need not be sent.
#ifndef MLPERF_LOADGEN_NETWORK_ARENA_H_
#define MLPERF_LOADGEN_NETWORK_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "shared_memory.h"
#include "status.h"

namespace mlperf::network {

// Any thread may call any method. Takes no memory before it is used.
class Arena : public std::enable_shared_from_this<Arena> {
 public:
  // A piece, which is free for others when it is destroyed.
  class Block {
   public:
    Block(std::shared_ptr<Arena> arena, uint64_t place) : arena_(std::move(arena)), place_(place) {}
    ~Block() { arena_->Free(); }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    uint64_t place() const { return place_; }
    std::byte* data() const;

   private:
    std::shared_ptr<Arena> arena_;
    uint64_t place_;
  };

  static transfer::Status Make(uint64_t nbytes, std::shared_ptr<Arena>* arena);

  // Null if it is full: what is freed is used again once all is free.
  std::unique_ptr<Block> Take(uint64_t nbytes);

  const transfer::SharedMemory& memory() const { return memory_; }

 private:
  void Free();

  transfer::SharedMemory memory_;
  std::mutex mutex_;
  uint64_t top_ = 0;     // Of what was taken.
  uint64_t blocks_ = 0;  // That are in use.
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_ARENA_H_
