// How many queries should be ready: raised by those who issue, awaited by the thread that makes
// queries.
#ifndef MLPERF_LOADGEN_ISSUE_QUERY_DEMAND_H_
#define MLPERF_LOADGEN_ISSUE_QUERY_DEMAND_H_

#include <atomic>
#include <cstdint>
#include <limits>

namespace mlperf::loadgen {

// The number and the end are one value: a wait that has read it cannot miss what comes next.
class QueryDemand {
 public:
  // At least `wanted` queries should be ready.
  void Raise(uint64_t wanted) {
    uint64_t before = wanted_.load(std::memory_order_relaxed);
    while (before < wanted && !wanted_.compare_exchange_weak(before, wanted)) {
    }
    wanted_.notify_one();
  }

  // Nothing is wanted any more.
  void End() {
    wanted_.store(kEnded);
    wanted_.notify_all();
  }

  // Waits until more than `ready()` queries are wanted. False: nothing is wanted any more.
  template <typename Ready>
  bool Await(const Ready& ready) const {
    while (true) {
      const uint64_t wanted = wanted_.load();
      if (wanted == kEnded) return false;
      if (ready() < wanted) return true;
      wanted_.wait(wanted);
    }
  }

 private:
  static constexpr uint64_t kEnded = std::numeric_limits<uint64_t>::max();
  std::atomic<uint64_t> wanted_{0};
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_QUERY_DEMAND_H_
