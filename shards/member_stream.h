// An archive's members with their bodies, from bytes that come in pieces of any size.
#ifndef MLPERF_SHARDS_MEMBER_STREAM_H_
#define MLPERF_SHARDS_MEMBER_STREAM_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "walker.h"

namespace mlperf::shards {

class MemberStream {
 public:
  enum class Event : uint8_t {
    kNeedsMore,  // The piece is used up.
    kMember,     // walker().member() begins.
    kBody,       // body() is the next part of a file's body.
    kEndMarker,
    kDone,
    kError,
  };

  explicit MemberStream(bool read_concatenated) : walker_(read_concatenated) {}

  // Takes bytes from the front of `piece`, up to the next event. What it took must stay where it is
  // until the next call. No call may follow kDone or kError.
  Event Next(std::string_view* piece);

  // The archive ends here. Returns kDone or kError.
  Event Finish();

  const Walker& walker() const { return walker_; }
  std::string_view body() const { return body_; }

 private:
  Event TakeWanted(std::string_view* piece);
  Event EventOf(Step step);

  Walker walker_;
  uint64_t position_ = 0;  // Of the next byte.
  uint64_t body_end_ = 0;
  std::string gathered_;  // Of the bytes that the walker wants, those of earlier pieces.
  std::string taken_;     // What was gathered for the last step, which the member's header is in.
  std::string_view body_;
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_MEMBER_STREAM_H_
