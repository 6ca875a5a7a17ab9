// Copies from and to a peer's mapped memory: small ones at once, large ones in pieces by whoever
// has the time, in the order in which they were posted.
#ifndef MLPERF_TRANSFER_COPY_LINE_H_
#define MLPERF_TRANSFER_COPY_LINE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine.h"
#include "region_table.h"
#include "status.h"

namespace mlperf::transfer {

struct RemoteMemory;

// Copied at once, by the thread that posts; more than that goes by the line, in pieces of this
// size.
inline constexpr uint64_t kMaxCopyAtOnce = 1 << 20;

struct CopyJob {
  std::shared_ptr<Op> op;
  std::shared_ptr<RemoteMemory> remote;
  std::shared_ptr<Memory> local;
  bool is_write = false;
  std::vector<Slice> slices;
  std::optional<uint32_t> imm;

  // Of the line.
  size_t next_slice = 0;  // The first that is not claimed whole,
  uint64_t offset = 0;    // and how much of it is.
  uint32_t running = 0;   // Pieces that are being copied.
  Status fault;

  bool is_claimed() const { return next_slice == slices.size(); }
};

// The copy itself, in this thread. kRefused if a region was closed meanwhile.
Status CopySlices(const RemoteMemory& remote, const Memory& local, bool is_write,
                  std::span<const Slice> slices);

// Any thread.
class CopyLine {
 public:
  explicit CopyLine(Connection* connection) : connection_(connection) {}

  void Add(std::shared_ptr<CopyJob> job);
  bool is_empty() const;
  // Copies one piece, and finishes what is whole; false if there is nothing left to begin.
  bool Step();

 private:
  std::shared_ptr<CopyJob> FirstUnclaimed() const;
  // Moves what is whole to `finished`, whose end may take locks.
  void FinishFront(std::vector<std::shared_ptr<CopyJob>>* finished);

  Connection* const connection_;  // It owns the line.
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<CopyJob>> jobs_;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_COPY_LINE_H_
