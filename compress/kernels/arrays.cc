// Whole arrays: ranges of so many weights each, codes, and bit streams of them. Streams are made
// and read by blocks of codes that stay in the cache of the first level.
#include <cstddef>
#include <cstdint>

#include "kernels/levels.h"
#include "kernels/path.h"
#include "kernels/runs.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {
namespace {

constexpr size_t kBlock = 4096;  // Codes; their streams end on whole bytes.

// Calls work(Code()) with the type of codes of so many bits.
template <typename Work>
void WithCodeType(int bits, Work work) {
  if (bits <= 8) {
    work(uint8_t{});
  } else {
    work(uint16_t{});
  }
}

template <typename Grid, typename Code>
void QuantizeBlock(const float* weights, size_t begin, size_t end, const Grid& grid, Code* codes) {
  ForEachRun(grid.per_range, begin, end, [&](size_t range, size_t at, size_t count) {
    QuantizeRun(weights + at, count, LevelsOf(grid, range), codes + (at - begin));
  });
}

template <typename Grid, typename Code>
void DequantizeBlock(const Code* codes, size_t begin, size_t end, const Grid& grid,
                     float* weights) {
  ForEachRun(grid.per_range, begin, end, [&](size_t range, size_t at, size_t count) {
    DequantizeRun(codes + (at - begin), count, LevelsOf(grid, range), weights + at);
  });
}

template <typename Grid>
void QuantizeArray(const float* weights, size_t count, const Grid& grid, void* codes) {
  WithCodeType(grid.bits, [&](auto code) {
    QuantizeBlock(weights, 0, count, grid, static_cast<decltype(code)*>(codes));
  });
}

template <typename Grid>
void DequantizeArray(const void* codes, size_t count, const Grid& grid, float* weights) {
  WithCodeType(grid.bits, [&](auto code) {
    DequantizeBlock(static_cast<const decltype(code)*>(codes), 0, count, grid, weights);
  });
}

template <typename Grid>
void RestoreArray(const float* weights, size_t count, const Grid& grid, float* restored) {
  ForEachRun(grid.per_range, 0, count, [&](size_t range, size_t at, size_t run) {
    RestoreRun(weights + at, run, LevelsOf(grid, range), restored + at);
  });
}

template <typename Grid>
void EncodeArray(const float* weights, size_t count, const Grid& grid, uint8_t* stream) {
  WithCodeType(grid.bits, [&](auto code) {
    decltype(code) codes[kBlock];
    for (size_t begin = 0; begin < count; begin += kBlock) {
      const size_t end = Least(begin + kBlock, count);
      QuantizeBlock(weights, begin, end, grid, codes);
      Pack(codes, end - begin, grid.bits, stream + PackedSize(begin, grid.bits));
    }
  });
}

template <typename Grid>
void DecodeArray(const uint8_t* stream, size_t count, const Grid& grid, float* weights) {
  WithCodeType(grid.bits, [&](auto code) {
    decltype(code) codes[kBlock];
    for (size_t begin = 0; begin < count; begin += kBlock) {
      const size_t end = Least(begin + kBlock, count);
      Unpack(stream + PackedSize(begin, grid.bits), end - begin, grid.bits, codes);
      DequantizeBlock(codes, begin, end, grid, weights);
    }
  });
}

template <typename Grid>
constexpr GridKernels<Grid> kGridKernels = {QuantizeArray, DequantizeArray, RestoreArray,
                                            EncodeArray, DecodeArray};

}  // namespace

constinit const GridKernels<AffineGrid> kAffineKernels = kGridKernels<AffineGrid>;
constinit const GridKernels<ZeroGrid> kZeroKernels = kGridKernels<ZeroGrid>;

bool FindRanges(const float* weights, size_t count, size_t per_range, Range* ranges) {
  // It becomes NaN or infinite with the first weight that is.
  Lanes lane_sums = Fill(0);
  double sum = 0;
  ForEachRun(per_range, 0, count, [&](size_t range, size_t at, size_t run) {
    const float* const from = weights + at;
    double lo = from[0];
    double hi = from[0];
    size_t i = 0;
    if (run >= kLanes) {
      Lanes lows = Load(from);
      Lanes highs = lows;
      for (; i + kLanes <= run; i += kLanes) {
        const Lanes x = Load(from + i);
        lows = Min(lows, x);
        highs = Max(highs, x);
        lane_sums = lane_sums + x;
      }
      lo = Reduce(lows, [](double a, double b) { return Min(a, b); });
      hi = Reduce(highs, [](double a, double b) { return Max(a, b); });
    }
    for (; i < run; ++i) {
      lo = Min(lo, from[i]);
      hi = Max(hi, from[i]);
      sum += from[i];
    }
    // The sum with 0 makes +0 of -0, which of the two had come first.
    ranges[range] = {static_cast<float>(lo + 0.0), static_cast<float>(hi + 0.0)};
  });
  const double check = (Sum(lane_sums) + sum) * 0;
  return check == 0;
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH
