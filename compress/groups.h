// Groups of consecutive weights, each with a number of bits of its own, in one range of levels.
#ifndef MLPERF_COMPRESS_GROUPS_H_
#define MLPERF_COMPRESS_GROUPS_H_

#include <cstddef>
#include <cstdint>

#include "grids.h"

namespace mlperf::compress {

// The last group may be shorter.
struct GroupGrid {
  const uint8_t* widths;  // The bits of each group's codes.
  size_t group_size;
  Range range;
};

// Where the codes of each width lie: those of all groups of that width, in order, are one bit
// stream that begins on a whole byte; the narrowest comes first. Lengths are in bytes.
struct GroupStreams {
  size_t code_counts[kMaxBits + 1] = {};
  size_t begins[kMaxBits + 1] = {};
  size_t size = 0;
};

// The widths must be 1 to kMaxBits.
GroupStreams StreamsOf(const GroupGrid& grid, size_t count);

}  // namespace mlperf::compress

#endif  // MLPERF_COMPRESS_GROUPS_H_
