#include "frame_reader.h"

#include <algorithm>
#include <cstring>

namespace mlperf::transfer {

FrameReader::FrameReader() : staging_(std::make_unique_for_overwrite<char[]>(kStagingSize)) {}

std::span<iovec> FrameReader::Room() {
  size_t parts = 0;
  direct_room_ = 0;
  if (begin_ > 0) {
    std::memmove(staging_.get(), staging_.get() + begin_, staged());
    end_ -= begin_;
    begin_ = 0;
  }
  if (state_ == State::kPayload && end_ == 0) {
    for (size_t i = place_; i < places_.size() && parts < kMaxParts - 1; ++i) {
      room_[parts++] = places_[i];
      direct_room_ += places_[i].iov_len;
    }
  }
  // Bytes of the staging buffer come after all places, or they would be the payload's.
  if (direct_room_ == 0 || direct_room_ == payload_left_) {
    room_[parts++] = {staging_.get() + end_, kStagingSize - end_};
  }
  return {room_.data(), parts};
}

void FrameReader::Received(size_t nbytes) {
  const size_t direct = std::min(nbytes, direct_room_);
  if (direct > 0) Advance(direct);
  end_ += nbytes - direct;
}

FrameReader::Step FrameReader::Next() {
  switch (state_) {
    case State::kHead:
      return TakeHead();
    case State::kSlices:
      return TakeSlices();
    case State::kFrame:
      state_ = State::kPayload;
      return TakePayload();
    case State::kPayload:
      return TakePayload();
    case State::kBroken:
      break;
  }
  return Step::kBroken;
}

FrameReader::Step FrameReader::TakeHead() {
  if (staged() < kHeadSize) return Step::kMore;
  const char* from = staging_.get() + begin_;
  head_ = ReadHead(from);
  const char* fault = FaultOf(head_, from);
  if (fault != nullptr) return Fail(fault);
  begin_ += kHeadSize;
  slices_.clear();
  slices_.reserve(head_.count);
  state_ = State::kSlices;
  return TakeSlices();
}

FrameReader::Step FrameReader::TakeSlices() {
  while (slices_.size() < head_.count && staged() >= kSliceSize) {
    slices_.push_back(ReadSlice(staging_.get() + begin_));
    begin_ += kSliceSize;
  }
  if (slices_.size() < head_.count) return Step::kMore;
  const char* fault = FaultOf(head_, slices_);
  if (fault != nullptr) return Fail(fault);
  payload_left_ = head_.nbytes;
  places_.clear();
  place_ = 0;
  state_ = State::kFrame;
  return Step::kFrame;
}

void FrameReader::PlaceAt(std::span<const iovec> places) {
  for (const iovec& place : places) {
    if (place.iov_len > 0) places_.push_back(place);
  }
}

void FrameReader::DropPayload() {
  places_.clear();
  place_ = 0;
  direct_room_ = 0;
}

// Takes what was staged of the payload to its places.
FrameReader::Step FrameReader::TakePayload() {
  size_t count = static_cast<size_t>(std::min<uint64_t>(staged(), payload_left_));
  while (count > 0) {
    size_t step = count;
    if (place_ < places_.size()) {
      step = std::min(count, places_[place_].iov_len);
      std::memcpy(places_[place_].iov_base, staging_.get() + begin_, step);
    }
    begin_ += step;
    count -= step;
    Advance(step);
  }
  if (payload_left_ > 0) return Step::kMore;
  state_ = State::kHead;
  return Step::kPayload;
}

// So many bytes of the payload are in place, or were dropped.
void FrameReader::Advance(size_t nbytes) {
  payload_left_ -= nbytes;
  while (nbytes > 0 && place_ < places_.size()) {
    iovec& place = places_[place_];
    const size_t step = std::min(nbytes, place.iov_len);
    place.iov_base = static_cast<char*>(place.iov_base) + step;
    place.iov_len -= step;
    nbytes -= step;
    if (place.iov_len == 0) ++place_;
  }
}

FrameReader::Step FrameReader::Fail(const char* fault) {
  fault_ = fault;
  state_ = State::kBroken;
  return Step::kBroken;
}

}  // namespace mlperf::transfer
