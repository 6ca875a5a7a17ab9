// When the queries of an open loop are due: the gaps between them, in ns. Pure: no clock, no
// thread.
//
// A new process is one file like poisson_arrivals.h and one row of the table in arrival_process.cc.
// A run uses the one that its plan names (plan/run_plan.cc); there is no setting for it, as there
// is one process.
#ifndef MLPERF_LOADGEN_TRAFFIC_ARRIVAL_PROCESS_H_
#define MLPERF_LOADGEN_TRAFFIC_ARRIVAL_PROCESS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "plan/run_plan.h"

namespace mlperf::loadgen {

class ArrivalProcess {
 public:
  virtual ~ArrivalProcess() = default;

  // The gaps that come next, each from 0 to 2^61 ns, into all of `gaps_ns`. They do not depend on
  // how many are drawn at a time.
  virtual void Draw(std::span<int64_t> gaps_ns) = 0;

  // Another that draws the same gaps from here on.
  virtual std::unique_ptr<ArrivalProcess> Copy() const = 0;
};

// The process that the plan names. Throws SettingsError if there is none of that name.
std::unique_ptr<ArrivalProcess> MakeArrivalProcess(const RunPlan& plan);

// The gaps of a process one by one, drawn in blocks.
class ArrivalGaps {
 public:
  explicit ArrivalGaps(std::unique_ptr<ArrivalProcess> process) : process_(std::move(process)) {}
  ArrivalGaps(const ArrivalGaps& other)
      : process_(other.process_->Copy()), block_ns_(other.block_ns_), next_(other.next_) {}
  ArrivalGaps& operator=(const ArrivalGaps&) = delete;

  int64_t NextNs() {
    if (next_ == block_ns_.size()) {
      process_->Draw(block_ns_);
      next_ = 0;
    }
    return block_ns_[next_++];
  }

 private:
  std::unique_ptr<ArrivalProcess> process_;
  std::array<int64_t, 64> block_ns_{};
  size_t next_ = block_ns_.size();  // All before this were handed out.
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TRAFFIC_ARRIVAL_PROCESS_H_
