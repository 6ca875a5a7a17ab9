// How late bytes were read, as counts of ranges that are 1/16 wide: percentiles in little memory.
#ifndef MLPERF_LLM_LAG_HISTOGRAM_H_
#define MLPERF_LLM_LAG_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace mlperf::llm {

class LagHistogram {
 public:
  void Add(uint32_t lag_ns) {
    ++counts_[RangeOf(lag_ns)];
    ++count_;
    most_ns_ = std::max(most_ns_, lag_ns);
  }

  void Merge(const LagHistogram& other) {
    for (size_t range = 0; range < counts_.size(); ++range) counts_[range] += other.counts_[range];
    count_ += other.count_;
    most_ns_ = std::max(most_ns_, other.most_ns_);
  }

  uint64_t count() const { return count_; }
  uint32_t most_ns() const { return most_ns_; }

  // The upper end of the range that the percentile at `share` lies in; 0 without lags.
  uint32_t AtNs(double share) const {
    const auto place = static_cast<uint64_t>(share * static_cast<double>(count_));
    uint64_t before = 0;
    for (size_t range = 0; range < counts_.size(); ++range) {
      before += counts_[range];
      if (before > place) return std::min(EndOf(range), most_ns_);
    }
    return most_ns_;
  }

 private:
  static constexpr int kBits = 4;  // Of a value's leading digits.
  static constexpr size_t kPerOctave = 1 << kBits;

  static size_t RangeOf(uint32_t value) {
    const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - kBits - 1);
    return static_cast<size_t>(shift) * kPerOctave + (value >> shift);
  }
  static uint32_t EndOf(size_t range) {
    if (range < 2 * kPerOctave) return static_cast<uint32_t>(range);
    const size_t shift = range / kPerOctave - 1;
    const uint64_t leading = range - shift * kPerOctave;
    return static_cast<uint32_t>(((leading + 1) << shift) - 1);
  }

  std::array<uint64_t, (32 - kBits + 1) * kPerOctave> counts_{};
  uint64_t count_ = 0;
  uint32_t most_ns_ = 0;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_LAG_HISTOGRAM_H_
