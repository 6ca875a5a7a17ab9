// A system under test whose answers have times of their own (CompleteAt).
#ifndef MLPERF_LOADGEN_ISSUE_TIMING_SYSTEM_H_
#define MLPERF_LOADGEN_ISSUE_TIMING_SYSTEM_H_

namespace mlperf::loadgen {

class TimingSystem {
 public:
  virtual ~TimingSystem() = default;
  // True: a first token becomes known with its answer only, and then it is in the past. Who watches
  // a running test must not take an answer that is not there yet for one that is late.
  virtual bool TimesItsAnswers() const = 0;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_TIMING_SYSTEM_H_
