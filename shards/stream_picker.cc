#include "stream_picker.h"

#include <cstring>

#include "tar_header.h"

namespace mlperf::shards {

bool StreamPicker::Take(std::string_view piece) {
  using Event = MemberStream::Event;
  while (!is_done_ && !has_changed_) {
    switch (stream_.Next(&piece)) {
      case Event::kNeedsMore:
        return true;
      case Event::kMember:
        TakeMember(stream_.walker().member());
        break;
      case Event::kBody:
        TakeBody(stream_.body());
        break;
      case Event::kEndMarker:
        break;
      case Event::kDone:
        is_done_ = true;
        break;
      case Event::kError:
        has_changed_ = true;
        break;
    }
  }
  return !has_changed_;
}

void StreamPicker::TakeMember(const Member& member) {
  first_ = next_;
  copied_ = 0;
  while (next_ < extents_.size() && extents_[next_].offset <= member.body_offset) {
    const Extent& extent = extents_[next_++];
    has_changed_ |= extent.offset != member.body_offset || extent.size != member.size ||
                    extent.header_hash != HashOfBlock(member.header);
  }
}

void StreamPicker::TakeBody(std::string_view part) {
  for (size_t i = first_; i < next_; ++i) {
    std::memcpy(extents_[i].to + copied_, part.data(), part.size());
  }
  copied_ += part.size();
}

Fault StreamPicker::Finish() {
  if (!is_done_ && !has_changed_) has_changed_ = stream_.Finish() != MemberStream::Event::kDone;
  if (!has_changed_ && next_ == extents_.size()) return {};
  return Fault::Changed("its content is not what was indexed");
}

}  // namespace mlperf::shards
