// Copies bodies out of an archive whose bytes come in pieces.
#ifndef MLPERF_SHARDS_STREAM_PICKER_H_
#define MLPERF_SHARDS_STREAM_PICKER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "fault.h"
#include "gather.h"
#include "member_stream.h"

namespace mlperf::shards {

class StreamPicker {
 public:
  // `extents`, sorted by offset, must be there as long as this.
  StreamPicker(const std::vector<Extent>& extents, bool read_concatenated)
      : extents_(extents), stream_(read_concatenated) {}

  // False: no more is wanted, for the archive is not the one that was indexed.
  bool Take(std::string_view piece);
  Fault Finish();

 private:
  void TakeMember(const Member& member);
  void TakeBody(std::string_view part);

  const std::vector<Extent>& extents_;
  MemberStream stream_;
  bool is_done_ = false;
  bool has_changed_ = false;
  size_t next_ = 0;   // The first extent that begins after the member.
  size_t first_ = 0;  // The member's extents are those from here to `next_`.
  uint64_t copied_ = 0;
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_STREAM_PICKER_H_
