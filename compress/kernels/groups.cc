// Weights of groups with widths of their own. A group takes codes from the stream of its width, of
// which some are unpacked at a time, or adds codes to those that wait to be packed.
#include "groups.h"

#include <cstddef>
#include <cstdint>

#include "bit_stream.h"
#include "kernels/levels.h"
#include "kernels/path.h"
#include "kernels/runs.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {
namespace {

constexpr size_t kWaiting = 512;  // Codes; their streams end on whole bytes.
constexpr size_t kWidths = kMaxBits + 1;

// Levels of each width.
struct LevelsOfWidths {
  explicit LevelsOfWidths(Range range) {
    for (int width = 1; width <= kMaxBits; ++width) of[width] = AffineLevels(range, width);
  }
  AffineLevels of[kWidths];
};

// Codes between weights and the stream of one width.
struct Waiting {
  template <typename Code>
  Code* Codes() {
    if constexpr (sizeof(Code) == 1) {
      return bytes;
    } else {
      return codes;
    }
  }

  union {
    uint8_t bytes[kWaiting];
    uint16_t codes[kWaiting];
  };
  size_t begin = 0;  // Codes before it were taken.
  size_t end = 0;
};

template <typename Code>
void Flush(int width, Waiting* waiting, uint8_t** stream) {
  Pack(waiting->Codes<Code>(), waiting->end, width, *stream);
  *stream += PackedSize(waiting->end, width);
  waiting->end = 0;
}

template <typename Code>
inline void Append(const float* weights, size_t count, const AffineLevels& levels, int width,
                   Waiting* waiting, uint8_t** stream) {
  while (count != 0) {
    const size_t taken = Least(count, kWaiting - waiting->end);
    QuantizeRun(weights, taken, levels, waiting->Codes<Code>() + waiting->end);
    waiting->end += taken;
    weights += taken;
    count -= taken;
    if (waiting->end == kWaiting) Flush<Code>(width, waiting, stream);
  }
}

template <typename Code>
void Refill(int width, Waiting* waiting, const uint8_t** stream, size_t* left) {
  const size_t count = Least(*left, kWaiting);
  Unpack(*stream, count, width, waiting->Codes<Code>());
  *stream += PackedSize(count, width);
  *left -= count;
  waiting->begin = 0;
  waiting->end = count;
}

template <typename Code>
inline void Take(float* weights, size_t count, const AffineLevels& levels, int width,
                 Waiting* waiting, const uint8_t** stream, size_t* left) {
  while (count != 0) {
    if (waiting->begin == waiting->end) Refill<Code>(width, waiting, stream, left);
    const size_t taken = Least(count, waiting->end - waiting->begin);
    DequantizeRun(waiting->Codes<Code>() + waiting->begin, taken, levels, weights);
    waiting->begin += taken;
    weights += taken;
    count -= taken;
  }
}

}  // namespace

void RestoreGroups(const float* weights, size_t count, const GroupGrid& grid, float* restored) {
  const LevelsOfWidths levels(grid.range);
  ForEachRun(grid.group_size, 0, count, [&](size_t group, size_t at, size_t run) {
    RestoreRun(weights + at, run, levels.of[grid.widths[group]], restored + at);
  });
}

void EncodeGroups(const float* weights, size_t count, const GroupGrid& grid,
                  const GroupStreams& streams, uint8_t* to) {
  const LevelsOfWidths levels(grid.range);
  Waiting waiting[kWidths];
  uint8_t* ends[kWidths];
  for (size_t width = 0; width < kWidths; ++width) ends[width] = to + streams.begins[width];
  ForEachRun(grid.group_size, 0, count, [&](size_t group, size_t at, size_t run) {
    const int width = grid.widths[group];
    if (width <= 8) {
      Append<uint8_t>(weights + at, run, levels.of[width], width, &waiting[width], &ends[width]);
    } else {
      Append<uint16_t>(weights + at, run, levels.of[width], width, &waiting[width], &ends[width]);
    }
  });
  for (int width = 1; width <= kMaxBits; ++width) {
    if (width <= 8) {
      Flush<uint8_t>(width, &waiting[width], &ends[width]);
    } else {
      Flush<uint16_t>(width, &waiting[width], &ends[width]);
    }
  }
}

void DecodeGroups(const uint8_t* from, size_t count, const GroupGrid& grid,
                  const GroupStreams& streams, float* weights) {
  const LevelsOfWidths levels(grid.range);
  Waiting waiting[kWidths];
  const uint8_t* nexts[kWidths];
  size_t left[kWidths];
  for (size_t width = 0; width < kWidths; ++width) {
    nexts[width] = from + streams.begins[width];
    left[width] = streams.code_counts[width];
  }
  ForEachRun(grid.group_size, 0, count, [&](size_t group, size_t at, size_t run) {
    const int width = grid.widths[group];
    if (width <= 8) {
      Take<uint8_t>(weights + at, run, levels.of[width], width, &waiting[width], &nexts[width],
                    &left[width]);
    } else {
      Take<uint16_t>(weights + at, run, levels.of[width], width, &waiting[width], &nexts[width],
                     &left[width]);
    }
  });
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH
