#include "gather.h"

#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>

#include "run_threads.h"
#include "tar_header.h"

namespace mlperf::shards {
namespace {

constexpr uint64_t kMaxGap = 64 << 10;
constexpr uint64_t kPieceSize = 4 << 20;
constexpr size_t kMaxParts = 1024;  // IOV_MAX of Linux.

// Extents of one shard that are read by one call. What lies between the bodies, their headers
// included, goes to a scratch buffer.
struct Piece {
  const ShardReads* reads;
  size_t begin;
  size_t end;
};

// Whether `next` is read together with what ends at `end`, where it is not too far away.
bool Joins(uint64_t begin, uint64_t end, const Extent& next) {
  const uint64_t header = next.offset - kBlockSize;
  return header >= end && header - end <= kMaxGap && next.offset + next.size - begin <= kPieceSize;
}

void CutIntoPieces(const ShardReads& reads, std::vector<Piece>* pieces) {
  size_t first = 0;
  while (first < reads.extents.size()) {
    const uint64_t begin = reads.extents[first].offset - kBlockSize;
    size_t next = first + 1;
    while (next < reads.extents.size() && 2 * (next - first + 1) <= kMaxParts) {
      const Extent& last = reads.extents[next - 1];
      if (!Joins(begin, last.offset + last.size, reads.extents[next])) break;
      ++next;
    }
    pieces->push_back({&reads, first, next});
    first = next;
  }
}

// One thread's work: its open file and its buffers.
class Reader {
 public:
  explicit Reader(bool check_headers) : check_headers_(check_headers) {}

  Fault Read(const Piece& piece) {
    Fault fault = Open(*piece.reads);
    if (!fault) {
      Plan(piece);
      fault = ReadParts();
    }
    if (!fault && check_headers_) fault = CheckHeaders(piece);
    if (!fault) fault = CheckIdentity(*piece.reads);
    fault.shard = piece.reads->shard;
    return fault;
  }

 private:
  Fault Open(const ShardReads& reads) {
    if (reads_ == &reads) return {};
    reads_ = nullptr;
    const int error = file_.Open(*reads.path);
    if (error != 0) return Fault::System(error);
    Fault fault = CheckIdentity(reads);
    if (!fault) reads_ = &reads;
    return fault;
  }

  Fault CheckIdentity(const ShardReads& reads) {
    FileIdentity now;
    const int error = file_.Identify(&now);
    if (error != 0) return Fault::System(error);
    if (now == reads.identity) return {};
    if (now.size != reads.identity.size) {
      return Fault::Changed("it had " + std::to_string(reads.identity.size) + " bytes and has " +
                            std::to_string(now.size));
    }
    return Fault::Changed("it was written to or replaced");
  }

  // Where each byte of the piece goes.
  void Plan(const Piece& piece) {
    const std::vector<Extent>& extents = piece.reads->extents;
    begin_ = extents[piece.begin].offset - kBlockSize;
    gaps_.clear();
    uint64_t at = begin_;
    size_t scratch_size = 0;
    for (size_t i = piece.begin; i < piece.end; ++i) {
      gaps_.push_back(extents[i].offset - at);
      scratch_size += gaps_.back();
      at = extents[i].offset + extents[i].size;
    }
    if (scratch_.size() < scratch_size) scratch_.resize(scratch_size);
    parts_.clear();
    char* scratch = scratch_.data();
    for (size_t i = piece.begin; i < piece.end; ++i) {
      parts_.push_back({scratch, gaps_[i - piece.begin]});
      scratch += gaps_[i - piece.begin];
      if (extents[i].size != 0) parts_.push_back({extents[i].to, extents[i].size});
    }
  }

  Fault ReadParts() {
    size_t part = 0;
    while (part < parts_.size()) {
      const int count = static_cast<int>(parts_.size() - part);
      const auto offset = static_cast<off_t>(begin_);
      const ssize_t got = preadv(file_.descriptor(), &parts_[part], count, offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Fault::System(errno);
      if (got == 0) return Fault::Changed("it ends before the place of a sample");
      begin_ += static_cast<uint64_t>(got);
      part = Advance(part, static_cast<size_t>(got));
    }
    return {};
  }

  // Takes what was read off the parts; returns the first that is not full.
  size_t Advance(size_t part, size_t got) {
    while (part < parts_.size() && got >= parts_[part].iov_len) got -= parts_[part++].iov_len;
    if (got != 0) {
      parts_[part].iov_base = static_cast<char*>(parts_[part].iov_base) + got;
      parts_[part].iov_len -= got;
    }
    return part;
  }

  Fault CheckHeaders(const Piece& piece) const {
    const char* gap_end = scratch_.data();
    for (size_t i = piece.begin; i < piece.end; ++i) {
      const Extent& extent = piece.reads->extents[i];
      gap_end += gaps_[i - piece.begin];
      if (HashOfBlock(gap_end - kBlockSize) == extent.header_hash) continue;
      return Fault::Changed("the header at byte " + std::to_string(extent.offset - kBlockSize) +
                            " is not the one that was indexed");
    }
    return {};
  }

  const bool check_headers_;
  const ShardReads* reads_ = nullptr;  // Whose file is open.
  ShardFile file_;
  std::vector<uint64_t> gaps_;  // Before each body of the piece.
  std::vector<iovec> parts_;
  std::vector<char> scratch_;
  uint64_t begin_ = 0;
};

// Gives pieces out, in order, and keeps the fault of the first piece that has one.
class Work {
 public:
  Work(const std::vector<Piece>& pieces, bool check_headers)
      : pieces_(pieces), check_headers_(check_headers) {}

  void Run() {
    Reader reader(check_headers_);
    while (true) {
      const size_t piece = next_.fetch_add(1, std::memory_order_relaxed);
      if (piece >= pieces_.size()) return;
      Fault fault = reader.Read(pieces_[piece]);
      if (!fault) continue;
      next_.store(pieces_.size(), std::memory_order_relaxed);  // The others stop.
      const std::lock_guard lock(mutex_);
      if (piece < faulty_piece_) {
        faulty_piece_ = piece;
        fault_ = std::move(fault);
      }
      return;
    }
  }

  Fault TakeFault() { return std::move(fault_); }

 private:
  const std::vector<Piece>& pieces_;
  const bool check_headers_;
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;
  size_t faulty_piece_ = SIZE_MAX;
  Fault fault_;
};

}  // namespace

Fault Gather(const std::vector<ShardReads>& shards, bool check_headers, int thread_count) {
  std::vector<Piece> pieces;
  for (const ShardReads& reads : shards) CutIntoPieces(reads, &pieces);
  Work work(pieces, check_headers);
  RunThreads(std::min(static_cast<size_t>(thread_count), pieces.size()), [&] { work.Run(); });
  return work.TakeFault();
}

}  // namespace mlperf::shards
