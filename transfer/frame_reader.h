// Reads frames from a stream: a state machine that is fed with bytes, in pieces of any size.
//
// It does no input itself, so that any bytes can be tried on it. Its caller receives into Room(),
// says how many bytes came, and takes steps until more are needed. Payload goes straight to where
// the caller wants it; what is not wanted is dropped. A peer's numbers make it allocate nothing but
// the slices of a frame, of which there are 16,384 at most.
#ifndef MLPERF_TRANSFER_FRAME_READER_H_
#define MLPERF_TRANSFER_FRAME_READER_H_

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "wire.h"

namespace mlperf::transfer {

class FrameReader {
 public:
  enum class Step : uint8_t {
    kMore,     // Receive more.
    kFrame,    // head() and slices() are there; say where the payload goes with PlaceAt().
    kPayload,  // All of it is in place (also where there is none): the frame is over.
    kBroken,   // fault() says why; nothing more can be read.
  };
  static constexpr size_t kStagingSize = 65'536;
  static constexpr size_t kMaxParts = 64;

  FrameReader();

  // Where the next bytes belong: what is left of the payload's places, the staging buffer last.
  // Valid until the next call of any other method.
  std::span<iovec> Room();
  void Received(size_t nbytes);

  Step Next();

  const FrameHead& head() const { return head_; }
  std::span<const WireSlice> slices() const { return slices_; }
  const char* fault() const { return fault_; }

  // After kFrame: the payload goes to `places`, of head().nbytes bytes together. Without this call
  // it is dropped.
  void PlaceAt(std::span<const iovec> places);
  // What is left of the payload is dropped: its places are no longer touched.
  void DropPayload();

  // Whether a frame, or a part of one, is on its way.
  bool is_between_frames() const { return state_ == State::kHead && begin_ == end_; }

 private:
  enum class State : uint8_t { kHead, kSlices, kFrame, kPayload, kBroken };

  size_t staged() const { return end_ - begin_; }
  Step TakeHead();
  Step TakeSlices();
  Step TakePayload();
  Step Fail(const char* fault);
  void Advance(size_t nbytes);

  State state_ = State::kHead;
  FrameHead head_;
  std::vector<WireSlice> slices_;
  uint64_t payload_left_ = 0;
  std::vector<iovec> places_;  // Empty: the payload is dropped.
  size_t place_ = 0;           // The first of them that is not full.
  const char* fault_ = nullptr;

  std::unique_ptr<char[]> staging_;
  size_t begin_ = 0;  // Of the bytes in the staging buffer that were not taken yet.
  size_t end_ = 0;
  std::array<iovec, kMaxParts> room_;
  size_t direct_room_ = 0;  // How much of the room lies in places.
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_FRAME_READER_H_
