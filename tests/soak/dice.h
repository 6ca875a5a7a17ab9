// Small random numbers that are cheap to seed: one generator for each decision that must not depend
// on the order in which threads come by.
#ifndef MLPERF_LOADGEN_TESTS_SOAK_DICE_H_
#define MLPERF_LOADGEN_TESTS_SOAK_DICE_H_

#include <cstdint>

namespace mlperf::soak {

// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
class Dice {
 public:
  explicit Dice(uint64_t seed, uint64_t stream = 0)
      : state_(seed * 0x9E3779B97F4A7C15u ^ stream * 0xD1B54A32D192ED03u) {
    Next();
  }

  uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15u;
    uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return mixed ^ (mixed >> 31);
  }
  uint64_t Below(uint64_t end) { return Next() % end; }
  uint64_t From(uint64_t first, uint64_t last) { return first + Below(last - first + 1); }
  bool Chance(double probability) { return Unit() < probability; }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

}  // namespace mlperf::soak

#endif  // MLPERF_LOADGEN_TESTS_SOAK_DICE_H_
