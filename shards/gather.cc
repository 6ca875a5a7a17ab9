#include "gather.h"

#include <fcntl.h>
#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>

#include "mapped_allocator.h"
#include "run_threads.h"
#include "tar_header.h"

namespace mlperf::shards {
namespace {

constexpr uint64_t kMaxGap = 16 << 10;
constexpr uint64_t kPieceSize = 4 << 20;
constexpr size_t kMaxGroup = 256;   // Pieces.
constexpr size_t kMaxParts = 1024;  // IOV_MAX of Linux.

// Extents of one shard that are read by one call. What lies between the bodies, their headers
// included, goes to a scratch buffer.
struct Piece {
  size_t begin;
  size_t end;
};

// Pieces that one thread reads one after the other. The system learns of all of them first, so
// that the disk has several to do at a time.
struct Group {
  const ShardReads* reads;
  std::vector<Piece> pieces;
  uint64_t bytes = 0;
};

uint64_t BeginOf(const ShardReads& reads, const Piece& piece) {
  return reads.extents[piece.begin].offset - kBlockSize;
}

uint64_t SizeOf(const ShardReads& reads, const Piece& piece) {
  const Extent& last = reads.extents[piece.end - 1];
  return last.offset + last.size - BeginOf(reads, piece);
}

// Whether `next` is read together with what ends at `end`, where it is not too far away.
bool Joins(uint64_t begin, uint64_t end, const Extent& next) {
  const uint64_t header = next.offset - kBlockSize;
  return header >= end && header - end <= kMaxGap && next.offset + next.size - begin <= kPieceSize;
}

// The piece that begins with this extent.
Piece PieceFrom(const ShardReads& reads, size_t first) {
  const uint64_t begin = reads.extents[first].offset - kBlockSize;
  size_t next = first + 1;
  while (next < reads.extents.size() && 2 * (next - first + 1) <= kMaxParts) {
    const Extent& last = reads.extents[next - 1];
    if (!Joins(begin, last.offset + last.size, reads.extents[next])) break;
    ++next;
  }
  return {first, next};
}

void CutIntoGroups(const ShardReads& reads, std::vector<Group>* groups) {
  size_t next = 0;
  bool is_full = true;
  while (next < reads.extents.size()) {
    const Piece piece = PieceFrom(reads, next);
    const uint64_t size = SizeOf(reads, piece);
    is_full = is_full || groups->back().bytes + size > kPieceSize ||
              groups->back().pieces.size() == kMaxGroup;
    if (is_full) groups->push_back({&reads, {}});
    groups->back().pieces.push_back(piece);
    groups->back().bytes += size;
    is_full = false;
    next = piece.end;
  }
}

// What one thread needs to read pieces of an open file.
class Reader {
 public:
  explicit Reader(bool check_headers) : check_headers_(check_headers) {}

  Fault Read(const ShardFile& file, const ShardReads& reads, const Piece& piece) {
    Plan(reads, piece);
    Fault fault = ReadParts(file);
    if (!fault && check_headers_) fault = CheckHeaders(reads, piece);
    return fault;
  }

 private:
  // Where each byte of the piece goes.
  void Plan(const ShardReads& reads, const Piece& piece) {
    const std::vector<Extent>& extents = reads.extents;
    begin_ = BeginOf(reads, piece);
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

  Fault ReadParts(const ShardFile& file) {
    size_t part = 0;
    while (part < parts_.size()) {
      const int count = static_cast<int>(parts_.size() - part);
      const auto offset = static_cast<off_t>(begin_);
      const ssize_t got = preadv(file.descriptor(), &parts_[part], count, offset);
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

  Fault CheckHeaders(const ShardReads& reads, const Piece& piece) const {
    const char* gap_end = scratch_.data();
    for (size_t i = piece.begin; i < piece.end; ++i) {
      const Extent& extent = reads.extents[i];
      gap_end += gaps_[i - piece.begin];
      if (HashOfBlock(gap_end - kBlockSize) == extent.header_hash) continue;
      return Fault::ChangedHeader(extent.offset - kBlockSize);
    }
    return {};
  }

  const bool check_headers_;
  std::vector<uint64_t> gaps_;  // Before each body of the piece.
  std::vector<iovec> parts_;
  std::vector<char, MappedAllocator<char>> scratch_;
  uint64_t begin_ = 0;
};

void Announce(const ShardFile& file, const Group& group) {
  if (group.pieces.size() == 1) return;  // What the system reads ahead by itself is right.
  posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_RANDOM);
  for (const Piece& piece : group.pieces) {
    posix_fadvise(file.descriptor(), static_cast<off_t>(BeginOf(*group.reads, piece)),
                  static_cast<off_t>(SizeOf(*group.reads, piece)), POSIX_FADV_WILLNEED);
  }
}

Fault ReadGroup(const Group& group, Reader* reader) {
  ShardFile file;
  const int error = file.Open(*group.reads->path);
  if (error != 0) return Fault::System(error);
  Fault fault = CheckIdentity(file, group.reads->identity);
  if (fault) return fault;
  Announce(file, group);
  for (size_t i = 0; i < group.pieces.size() && !fault; ++i) {
    fault = reader->Read(file, *group.reads, group.pieces[i]);
  }
  return fault ? fault : CheckIdentity(file, group.reads->identity);
}

// Gives groups out, in order, and keeps the fault of the first one that has one.
class Work {
 public:
  Work(const std::vector<Group>& groups, bool check_headers, Interruption* interruption)
      : groups_(groups), check_headers_(check_headers), interruption_(*interruption) {}

  void Run() {
    Reader reader(check_headers_);
    while (!interruption_.Check()) {
      const size_t i = next_.fetch_add(1, std::memory_order_relaxed);
      if (i >= groups_.size()) return;
      Fault fault = ReadGroup(groups_[i], &reader);
      if (!fault) continue;
      next_.store(groups_.size(), std::memory_order_relaxed);  // The others stop.
      const std::lock_guard lock(mutex_);
      if (i < faulty_group_) {
        faulty_group_ = i;
        fault_ = std::move(fault);
        fault_.shard = groups_[i].reads->shard;
      }
      return;
    }
  }

  Fault TakeFault() { return std::move(fault_); }

 private:
  const std::vector<Group>& groups_;
  const bool check_headers_;
  Interruption& interruption_;
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;
  size_t faulty_group_ = SIZE_MAX;
  Fault fault_;
};

}  // namespace

Fault Gather(const std::vector<ShardReads>& shards, bool check_headers, int thread_count,
             Interruption* interruption) {
  std::vector<Group> groups;
  for (const ShardReads& reads : shards) CutIntoGroups(reads, &groups);
  Work work(groups, check_headers, interruption);
  RunThreads(std::min(static_cast<size_t>(thread_count), groups.size()), [&] { work.Run(); });
  return interruption->is_stopped() ? Fault::Stopped() : work.TakeFault();
}

}  // namespace mlperf::shards
