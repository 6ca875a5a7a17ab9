// Waits until a query is due: sleeps for most of the time and spins for the last stretch.
#ifndef MLPERF_LOADGEN_ISSUE_PACER_H_
#define MLPERF_LOADGEN_ISSUE_PACER_H_

#include <atomic>
#include <cstdint>

#include "platform/clock.h"
#include "platform/run_control.h"
#include "record/run_record.h"
#include "test_settings.h"

namespace mlperf::loadgen {

// How long to spin before a due time: a little longer than the wake-ups from sleep were late so
// far. Pure: wake-ups in, stretch out.
class SpinStretch {
 public:
  int64_t ns() const { return stretch_ns_; }
  // A sleep that should have ended at `wanted_ns` ended at `woke_ns`.
  void Observe(int64_t wanted_ns, int64_t woke_ns);

 private:
  static constexpr int64_t kShortestNs = 5000;
  static constexpr int64_t kLongestNs = 200000;
  int64_t stretch_ns_ = 60000;
};

// Sets the calling thread's timer slack to the least for a scope, so that sleeps end when they
// should and not 50 us later.
class PreciseSleep {
 public:
  PreciseSleep();
  ~PreciseSleep();
  PreciseSleep(const PreciseSleep&) = delete;
  PreciseSleep& operator=(const PreciseSleep&) = delete;

 private:
  int previous_slack_ns_;
};

// One thread's pacer. The gate is left during waits that are long enough to be worth it.
class Pacer {
 public:
  // `enough`: once it is true there is nothing to wait for any more.
  Pacer(Clock* clock, CallbackGate* gate, RunControl* control, Pacing pacing = Pacing::Auto,
        const std::atomic<bool>* enough = nullptr)
      : clock_(clock), gate_(gate), control_(control), pacing_(pacing), enough_(enough) {}

  // Returns the time at which the wait ended: not before `due_ns`, unless the test is to
  // stop or there was enough. `begin_ns` receives the time at which it began: what was due by then
  // could not be issued earlier.
  int64_t WaitUntil(int64_t due_ns, int64_t* begin_ns);

  int64_t spun_ns() const { return spun_ns_; }
  const LateWaits& late_waits() const { return late_waits_; }

 private:
  int64_t SleepAndSpin(int64_t due_ns);
  void NoteLate(int64_t due_ns, int64_t awake_ns, int64_t end_ns);
  int64_t PollBetween(int64_t now_ns);
  void PollNowAndThen(int64_t now_ns);
  bool GivesUp() const;
  int64_t StretchNs(int64_t now_ns, int64_t due_ns) const;

  Clock* clock_;
  CallbackGate* gate_;
  RunControl* control_;
  Pacing pacing_;
  const std::atomic<bool>* enough_;
  SpinStretch stretch_;
  int64_t spun_ns_ = 0;
  int64_t polled_ns_ = 0;
  int64_t poll_end_ns_ = 0;
  LateWaits late_waits_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_PACER_H_
