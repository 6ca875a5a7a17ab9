// Noise on weights, and sums of gradients times the same noise: it is made in blocks that stay in
// the cache of the first level.
#include "noise.h"

#include <cstddef>
#include <cstdint>

#include "kernels/lanes.h"
#include "kernels/path.h"
#include "kernels/runs.h"
#if defined(__AVX512F__)
#include "kernels/noise_avx512.h"
#endif

namespace mlperf::compress::MLPERF_COMPRESS_PATH {
#if !defined(__AVX512F__)
inline const float* MakeNoiseHere(uint64_t key, const float* table, size_t begin, size_t count,
                                  float* to) {
  return MakeNoise(key, table, begin, count, to);
}
#endif

namespace {

constexpr size_t kBlock = 1024;
// The noise of some weights.
class Block {
 public:
  const float* Make(uint64_t key, const float* table, size_t begin, size_t count) {
    return MakeNoiseHere(key, table, begin, count, values_);
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

// The products of gradients and noise, 0 behind them up to a multiple of `group_size`.
void Multiply(const float* upstream, const float* noise, size_t count, size_t group_size,
              double* products) {
  ForEachNumber(count, [=]<typename Number>(size_t i) {
    ToArray(LoadAs<Number>(upstream + i) * LoadAs<Number>(noise + i), products + i);
  });
  for (size_t i = count; i % group_size != 0; ++i) products[i] = 0;
}

// The sums of neighbours: half as many numbers.
void AddPairs(const double* numbers, size_t sums, double* __restrict to) {
  for (size_t i = 0; i < sums; ++i) to[i] = numbers[2 * i] + numbers[2 * i + 1];
}

// The sums of groups whose size is a power of two, of a block that holds whole groups.
class GroupSums {
 public:
  void Find(const float* upstream, const float* noise, size_t count, size_t group_size,
            float* sums) {
    Multiply(upstream, noise, count, group_size, numbers_);
    const size_t groups = (count + group_size - 1) / group_size;
    double* numbers = numbers_;
    double* others = others_;
    for (size_t left = group_size / 2; left != 0; left /= 2) {
      AddPairs(numbers, groups * left, others);
      double* const swapped = numbers;
      numbers = others;
      others = swapped;
    }
    for (size_t i = 0; i < groups; ++i) sums[i] = static_cast<float>(numbers[i]);
  }

 private:
  double numbers_[kBlock];
  double others_[kBlock / 2];
};

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
              const float* table, float* sums, float* copy) {
  const bool is_power_of_two = (group_size & (group_size - 1)) == 0;
  Block block;
  GroupSums group_sums;
  double sum = 0;
  ForEachBlock(group_size, count, [&](size_t begin, size_t size) {
    const float* const noise = block.Make(key, table, begin, size);
    if (copy != nullptr) __builtin_memcpy(copy + begin, upstream + begin, size * sizeof(float));
    if (is_power_of_two && group_size <= kBlock) {
      return group_sums.Find(upstream + begin, noise, size, group_size, sums + begin / group_size);
    }
    ForEachRun(group_size, begin, begin + size, [&](size_t group, size_t at, size_t run) {
      // A group that is larger than a block comes in several runs.
      if (at % group_size == 0) sum = 0;
      sum += SumRun(upstream + at, noise + (at - begin), run);
      Store(sum, sums + group);
    });
  });
}

}  // namespace mlperf::compress::MLPERF_COMPRESS_PATH
