#include "member_stream.h"

#include <algorithm>
#include <cstddef>

namespace mlperf::shards {

MemberStream::Event MemberStream::Next(std::string_view* piece) {
  while (!piece->empty()) {
    if (position_ >= walker_.offset()) {
      const Event event = TakeWanted(piece);
      if (event != Event::kNeedsMore) return event;
      continue;
    }
    const bool is_body = position_ < body_end_;
    const uint64_t end = is_body ? body_end_ : walker_.offset();
    const size_t size = std::min<uint64_t>(end - position_, piece->size());
    body_ = piece->substr(0, size);
    piece->remove_prefix(size);
    position_ += size;
    if (is_body) return Event::kBody;
  }
  return Event::kNeedsMore;
}

MemberStream::Event MemberStream::TakeWanted(std::string_view* piece) {
  const size_t wanted = walker_.wanted();
  if (gathered_.empty() && piece->size() >= wanted) {
    const char* bytes = piece->data();
    piece->remove_prefix(wanted);
    position_ += wanted;
    return EventOf(walker_.Take(bytes));
  }
  const size_t size = std::min(wanted - gathered_.size(), piece->size());
  gathered_.append(*piece, 0, size);
  piece->remove_prefix(size);
  position_ += size;
  if (gathered_.size() < wanted) return Event::kNeedsMore;
  taken_.swap(gathered_);
  gathered_.clear();
  return EventOf(walker_.Take(taken_.data()));
}

MemberStream::Event MemberStream::EventOf(Step step) {
  switch (step) {
    case Step::kContinue:
      return Event::kNeedsMore;
    case Step::kMember: {
      const Member& member = walker_.member();
      const bool is_file = member.type == MemberType::kFile;
      body_end_ = member.body_offset + (is_file ? member.size : 0);
      return Event::kMember;
    }
    case Step::kEndMarker:
      return Event::kEndMarker;
    case Step::kDone:
      return Event::kDone;
    case Step::kError:
      break;
  }
  return Event::kError;
}

MemberStream::Event MemberStream::Finish() { return EventOf(walker_.Finish(position_, gathered_)); }

}  // namespace mlperf::shards
