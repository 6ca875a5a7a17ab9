// The outstanding samples of another process's test by their response ids: a hash table in one
// array, as each sample is put in, looked up and taken out while it is timed.
#ifndef MLPERF_LOADGEN_SERVE_SAMPLE_TABLE_H_
#define MLPERF_LOADGEN_SERVE_SAMPLE_TABLE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "query_sample.h"

namespace mlperf::loadgen {

struct OutstandingSample {
  ResponseId id = kResponseIdReserved;  // The reserved one: the place is free.
  uint64_t key = 0;                     // The caller's name of it.
  uint64_t index = 0;                   // In the sample library.
  int64_t received_ns = 0;
  int64_t issued_ns = 0;    // 0: not issued to the system yet.
  bool is_claimed = false;  // Being completed or failed.
};

// Not thread-safe. A pointer to a sample is good until the next change.
class SampleTable {
 public:
  void Insert(const OutstandingSample& sample) {
    if (2 * (size_ + 1) > places_.size()) Grow();
    places_[FreePlace(sample.id)] = sample;
    ++size_;
  }

  // Null if there is none.
  OutstandingSample* Find(ResponseId id) {
    if (size_ == 0 || id == kResponseIdReserved) return nullptr;
    for (size_t place = Home(id);; place = Next(place)) {
      if (places_[place].id == id) return &places_[place];
      if (IsFree(place)) return nullptr;
    }
  }

  void Erase(OutstandingSample* sample) {
    size_t hole = static_cast<size_t>(sample - places_.data());
    // Those behind it that are only there because it was in their way move up.
    for (size_t place = Next(hole); !IsFree(place); place = Next(place)) {
      const size_t home = Home(places_[place].id);
      if (((place - home) & Mask()) < ((place - hole) & Mask())) continue;
      places_[hole] = places_[place];
      hole = place;
    }
    places_[hole] = {};
    --size_;
  }

  void Clear() {
    places_ = {};
    size_ = 0;
  }

  // Calls `visit` with each sample, in no order.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const OutstandingSample& sample : places_) {
      if (sample.id != kResponseIdReserved) visit(sample);
    }
  }

 private:
  static constexpr size_t kFewest = 64;

  size_t Mask() const { return places_.size() - 1; }
  size_t Next(size_t place) const { return (place + 1) & Mask(); }
  bool IsFree(size_t place) const { return places_[place].id == kResponseIdReserved; }
  // Ids follow one another: multiplying spreads them, so that one that stays long is in few ways.
  size_t Home(ResponseId id) const {
    constexpr uint64_t kGoldenRatio = 0x9E3779B97F4A7C15u;
    return static_cast<size_t>((id * kGoldenRatio) >> (64 - std::countr_zero(places_.size())));
  }

  size_t FreePlace(ResponseId id) const {
    size_t place = Home(id);
    while (!IsFree(place)) place = Next(place);
    return place;
  }

  void Grow() {
    std::vector<OutstandingSample> old(places_.empty() ? kFewest : 2 * places_.size());
    std::swap(old, places_);
    for (const OutstandingSample& sample : old) {
      if (sample.id != kResponseIdReserved) places_[FreePlace(sample.id)] = sample;
    }
  }

  std::vector<OutstandingSample> places_;  // A power of two, at most half of them used.
  size_t size_ = 0;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SERVE_SAMPLE_TABLE_H_
