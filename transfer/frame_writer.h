// What a connection has to write: whole frames in order, each sent from where its bytes lie.
#ifndef MLPERF_TRANSFER_FRAME_WRITER_H_
#define MLPERF_TRANSFER_FRAME_WRITER_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "region_table.h"
#include "wire.h"

namespace mlperf::transfer {

struct OutFrame {
  enum class Sort : uint8_t {
    kRequest,  // The peer answers it; so many may be unanswered.
    kAnswer,   // To a request of the peer.
    kOther,
  };

  Sort sort = Sort::kOther;
  FrameHead head;
  std::string bytes;               // Head and slices, and payload that only it holds.
  std::vector<iovec> payload;      // In `memory`.
  std::shared_ptr<Memory> memory;  // Null if there is no such payload.
  uint32_t slices = 0;             // What it counts for, in the peer's memory or in this one's.
  int passed_descriptor = -1;  // Goes beside it, over a Unix socket; kept by `descriptor_owner`.
  std::shared_ptr<void> descriptor_owner;

  OutFrame(Sort frame_sort, const FrameHead& frame_head);
};

// One thread at a time.
class FrameWriter {
 public:
  // Memory that is no longer sent from is moved to `released`, for its end may take locks.
  explicit FrameWriter(std::vector<std::shared_ptr<void>>* released) : released_(released) {}

  // Requests beyond what may be unanswered wait until Answered().
  void Add(OutFrame frame);
  // A request that counted for so many slices was answered.
  void Answered(uint32_t slices);

  // Whether the request with this op was sent whole: no peer can answer it sooner.
  bool HasSent(uint64_t op) const { return op <= last_request_; }
  // Whether the bytes of an announced message still lie here.
  bool HoldsMessage(uint64_t op) const;

  // The answers that wait here are more than an honest peer can have asked for.
  bool is_overrun() const {
    return answers_ > kMaxUnansweredFrames || answer_slices_ > kMaxUnansweredSlices ||
           queue_.size() > kMaxFrames;
  }

  // Of all sorts: handles to revoke and to release, of which there are 65,536 each, and the rest.
  static constexpr size_t kMaxFrames = 262'144;

  enum class Sent : uint8_t { kAll, kBlocked, kFailed };
  // Writes until everything is sent or the socket takes no more. kFailed: errno says why.
  Sent Send(int socket);

  // Frames whose payload lies in `memory` are taken out, but for one that is partly sent.
  void TakeOut(const Memory* memory, std::vector<OutFrame>* taken);
  bool is_sending(const Memory* memory) const {
    return !queue_.empty() && is_front_begun_ && queue_.front().memory.get() == memory;
  }
  void Clear();

 private:
  struct Parts;

  bool HasRoomFor(const OutFrame& frame) const;
  void Admit(OutFrame frame);
  void AdmitWaiting();
  void Gather(Parts* parts) const;
  bool GatherFrame(const OutFrame& frame, size_t skip_parts, size_t skip_bytes, Parts* parts) const;
  void Advance(size_t nbytes);
  void PopFront();

  std::vector<std::shared_ptr<void>>* const released_;
  std::deque<OutFrame> queue_;    // The front may be partly sent.
  std::deque<OutFrame> waiting_;  // Requests that must wait for answers.
  bool is_front_begun_ = false;
  size_t front_part_ = 0;      // Of the front: how many parts were sent whole, and
  size_t front_offset_ = 0;    // how much of the next.
  uint64_t last_request_ = 0;  // The op of the last request that was sent; they are sent in order.
  uint32_t unanswered_ = 0;
  uint32_t unanswered_slices_ = 0;
  uint32_t answers_ = 0;
  uint32_t answer_slices_ = 0;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_FRAME_WRITER_H_
