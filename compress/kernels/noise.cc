// Noise on weights, and sums of gradients times the same noise: it is made in blocks that stay in
// the cache of the first level.
#include "noise.h"

#include <cstddef>
#include <cstdint>

#include "kernels/lanes.h"
#include "kernels/path.h"
#include "kernels/runs.h"

namespace mlperf::compress::MLPERF_COMPRESS_PATH {
namespace {

constexpr size_t kBlock = 1024;
// The noise of some weights.
class Block {
 public:
  const float* Make(uint64_t key, const float* table, size_t begin, size_t count) {
    return MakeNoise(key, table, begin, count, values_);
  }

 private:
  float values_[kBlock + kNoiseMargin];
};

// Calls work(begin, count) for blocks of the weights, which end where a group ends if a block holds
// a whole group.
template <typename Work>
void ForEachBlock(size_t group_size, size_t count, Work work) {
  if (group_size <= kBlock) {
    const size_t whole = kBlock - kBlock % group_size;
    for (size_t at = 0; at < count; at += whole) work(at, Least(whole, count - at));
    return;
  }
  ForEachRun(group_size, 0, count, [&](size_t, size_t begin, size_t run) {
    for (size_t at = 0; at < run; at += kBlock) work(begin + at, Least(kBlock, run - at));
  });
}

void AddRun(const float* weights, const float* noise, size_t count, double step, float* noisy) {
  ForEachNumber(count, [=]<typename Number>(size_t i) {
    const Number change = Same<Number>(step) * LoadAs<Number>(noise + i);
    Store(LoadAs<Number>(weights + i) + change, noisy + i);
  });
}

double SumRun(const float* upstream, const float* noise, size_t count) {
  Total total;
  ForEachNumber(count, [=, &total]<typename Number>(size_t i) {
    total.Add(LoadAs<Number>(upstream + i) * LoadAs<Number>(noise + i));
  });
  return total.Get();
}

// Groups of one weight, each with its own step.
void AddEach(const float* weights, const float* noise, size_t count, const float* steps,
             float* noisy) {
  ForEachNumber(count, [=]<typename Number>(size_t i) {
    const Number change = LoadAs<Number>(steps + i) * LoadAs<Number>(noise + i);
    Store(LoadAs<Number>(weights + i) + change, noisy + i);
  });
}

void MultiplyEach(const float* upstream, const float* noise, size_t count, float* products) {
  ForEachNumber(count, [=]<typename Number>(size_t i) {
    Store(LoadAs<Number>(upstream + i) * LoadAs<Number>(noise + i), products + i);
  });
}

}  // namespace

void AddNoise(const float* weights, size_t count, size_t group_size, const float* steps,
              uint64_t key, const float* table, float* noisy) {
  Block block;
  ForEachBlock(group_size, count, [&](size_t begin, size_t size) {
    const float* const noise = block.Make(key, table, begin, size);
    if (group_size == 1) {
      return AddEach(weights + begin, noise, size, steps + begin, noisy + begin);
    }
    ForEachRun(group_size, begin, begin + size, [&](size_t group, size_t at, size_t run) {
      AddRun(weights + at, noise + (at - begin), run, steps[group], noisy + at);
    });
  });
}

void SumNoise(const float* upstream, size_t count, size_t group_size, uint64_t key,
              const float* table, float* sums) {
  Block block;
  double sum = 0;
  ForEachBlock(group_size, count, [&](size_t begin, size_t size) {
    const float* const noise = block.Make(key, table, begin, size);
    if (group_size == 1) return MultiplyEach(upstream + begin, noise, size, sums + begin);
    ForEachRun(group_size, begin, begin + size, [&](size_t group, size_t at, size_t run) {
      // A group that is larger than a block comes in several runs.
      if (at % group_size == 0) sum = 0;
      sum += SumRun(upstream + at, noise + (at - begin), run);
      Store(sum, sums + group);
    });
  });
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH
