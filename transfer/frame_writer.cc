#include "frame_writer.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mlperf::transfer {
namespace {

constexpr size_t kMaxParts = 64;
// More at once makes sender and receiver fight for the socket: 1 MB on loopback takes twice as
// long.
constexpr size_t kMaxBytes = 512 << 10;

iovec PartOf(const OutFrame& frame, size_t part) {
  if (part > 0) return frame.payload[part - 1];
  return {const_cast<char*>(frame.bytes.data()), frame.bytes.size()};
}

}  // namespace

OutFrame::OutFrame(Sort frame_sort, const FrameHead& frame_head)
    : sort(frame_sort), head(frame_head), bytes(kHeadSize, '\0') {
  WriteHead(head, bytes.data());
}

struct FrameWriter::Parts {
  iovec parts[kMaxParts];
  size_t count = 0;
  size_t nbytes = 0;
  int descriptor = -1;

  bool is_full() const { return count == kMaxParts || nbytes >= kMaxBytes; }
};

bool FrameWriter::HasRoomFor(const OutFrame& frame) const {
  return unanswered_ < kMaxUnansweredFrames &&
         unanswered_slices_ + frame.slices <= kMaxUnansweredSlices;
}

void FrameWriter::Add(OutFrame frame) {
  if (frame.sort == OutFrame::Sort::kRequest && (!waiting_.empty() || !HasRoomFor(frame))) {
    waiting_.push_back(std::move(frame));
  } else {
    Admit(std::move(frame));
  }
}

bool FrameWriter::HoldsMessage(uint64_t op) const {
  return std::ranges::any_of(queue_, [&](const OutFrame& frame) {
    return frame.head.kind == FrameKind::kSend && frame.head.op == op;
  });
}

void FrameWriter::Admit(OutFrame frame) {
  if (frame.sort == OutFrame::Sort::kRequest) {
    ++unanswered_;
    unanswered_slices_ += frame.slices;
  } else if (frame.sort == OutFrame::Sort::kAnswer) {
    ++answers_;
    answer_slices_ += frame.slices;
  }
  queue_.push_back(std::move(frame));
}

void FrameWriter::Answered(uint32_t slices) {
  --unanswered_;
  unanswered_slices_ -= slices;
  AdmitWaiting();
}

void FrameWriter::AdmitWaiting() {
  while (!waiting_.empty() && HasRoomFor(waiting_.front())) {
    Admit(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

// False if no more fits behind this frame.
bool FrameWriter::GatherFrame(const OutFrame& frame, size_t skip_parts, size_t skip_bytes,
                              Parts* parts) const {
  for (size_t i = skip_parts; i <= frame.payload.size(); ++i) {
    if (parts->is_full()) return false;
    iovec part = PartOf(frame, i);
    part.iov_base = static_cast<char*>(part.iov_base) + skip_bytes;
    part.iov_len = std::min(part.iov_len - skip_bytes, kMaxBytes - parts->nbytes);
    skip_bytes = 0;
    parts->nbytes += part.iov_len;
    parts->parts[parts->count++] = part;
  }
  return true;
}

void FrameWriter::Gather(Parts* parts) const {
  for (const OutFrame& frame : queue_) {
    const bool is_front = &frame == &queue_.front();
    // A descriptor goes with the first byte of its frame.
    if (frame.passed_descriptor >= 0 && !is_front) return;
    const bool is_begun = is_front && is_front_begun_;
    if (!is_begun) parts->descriptor = frame.passed_descriptor;
    const bool has_room =
        GatherFrame(frame, is_front ? front_part_ : 0, is_front ? front_offset_ : 0, parts);
    if (!has_room || parts->descriptor >= 0) return;
  }
}

FrameWriter::Sent FrameWriter::Send(int socket) {
  while (!queue_.empty()) {
    Parts parts;
    Gather(&parts);
    msghdr message{};
    message.msg_iov = parts.parts;
    message.msg_iovlen = parts.count;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (parts.descriptor >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(head), &parts.descriptor, sizeof(int));
    }
    const ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN ? Sent::kBlocked : Sent::kFailed;
    Advance(static_cast<size_t>(sent));
  }
  return Sent::kAll;
}

void FrameWriter::Advance(size_t nbytes) {
  while (nbytes > 0) {
    const OutFrame& front = queue_.front();
    is_front_begun_ = true;
    const size_t left = PartOf(front, front_part_).iov_len - front_offset_;
    const size_t step = std::min(left, nbytes);
    nbytes -= step;
    front_offset_ += step;
    if (step < left) return;
    front_offset_ = 0;
    if (++front_part_ > front.payload.size()) PopFront();
  }
}

void FrameWriter::PopFront() {
  if (queue_.front().sort == OutFrame::Sort::kAnswer) {
    --answers_;
    answer_slices_ -= queue_.front().slices;
  } else if (queue_.front().sort == OutFrame::Sort::kRequest) {
    last_request_ = queue_.front().head.op;
  }
  if (queue_.front().memory != nullptr) released_->push_back(std::move(queue_.front().memory));
  queue_.pop_front();
  is_front_begun_ = false;
  front_part_ = 0;
  front_offset_ = 0;
}

void FrameWriter::TakeOut(const Memory* memory, std::vector<OutFrame>* taken) {
  const auto take_from = [&](std::deque<OutFrame>* frames, size_t first) {
    for (size_t i = first; i < frames->size();) {
      OutFrame& frame = (*frames)[i];
      if (frame.memory.get() != memory) {
        ++i;
        continue;
      }
      taken->push_back(std::move(frame));
      frames->erase(frames->begin() + static_cast<ptrdiff_t>(i));
    }
  };
  const size_t before = taken->size();
  take_from(&queue_, is_front_begun_ ? 1 : 0);
  for (size_t i = before; i < taken->size(); ++i) {
    const OutFrame& frame = (*taken)[i];
    if (frame.sort == OutFrame::Sort::kRequest) {
      --unanswered_;
      unanswered_slices_ -= frame.slices;
    } else if (frame.sort == OutFrame::Sort::kAnswer) {
      --answers_;
      answer_slices_ -= frame.slices;
    }
  }
  take_from(&waiting_, 0);
  AdmitWaiting();
}

void FrameWriter::Clear() {
  for (OutFrame& frame : queue_) released_->push_back(std::move(frame.memory));
  for (OutFrame& frame : waiting_) released_->push_back(std::move(frame.memory));
  queue_.clear();
  waiting_.clear();
  is_front_begun_ = false;
  front_part_ = 0;
  front_offset_ = 0;
}

}  // namespace mlperf::transfer
