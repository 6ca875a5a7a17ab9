#include "groups.h"

#include "bit_stream.h"

namespace mlperf::compress {

GroupStreams StreamsOf(const GroupGrid& grid, size_t count) {
  GroupStreams streams;
  const size_t group_count = RangeCount(count, grid.group_size);
  for (size_t i = 0; i < group_count; ++i) streams.code_counts[grid.widths[i]] += grid.group_size;
  if (group_count != 0) {
    streams.code_counts[grid.widths[group_count - 1]] -= group_count * grid.group_size - count;
  }
  for (int width = 1; width <= kMaxBits; ++width) {
    const auto at = static_cast<size_t>(width);
    streams.begins[at] = streams.size;
    streams.size += PackedSize(streams.code_counts[at], width);
  }
  return streams;
}

}  // namespace mlperf::compress
