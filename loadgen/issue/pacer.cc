#include "issue/pacer.h"

#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <exception>
#include <thread>

#include "platform/cpu_relax.h"

namespace mlperf::loadgen {
namespace {

// Leaving and entering the gate costs about as much as this.
constexpr int64_t kWorthLeavingGateNs = 1000;
// The longest sleep without a look at requests to stop.
constexpr int64_t kPollIntervalNs = 20000000;
// The end of a wait is late by some of this on any machine.
constexpr int64_t kNoticeablyLateNs = 10000;

}  // namespace

void SpinStretch::Observe(int64_t wanted_ns, int64_t woke_ns) {
  const int64_t needed_ns = 2 * std::max<int64_t>(woke_ns - wanted_ns, 0);
  // Longer at once, shorter by and by: one late query weighs more than some spinning. A rare
  // preemption of milliseconds must not make it spin for ever.
  if (needed_ns > kLongestNs) return;
  stretch_ns_ = needed_ns > stretch_ns_ ? needed_ns : stretch_ns_ - (stretch_ns_ - needed_ns) / 16;
  stretch_ns_ = std::clamp(stretch_ns_, kShortestNs, kLongestNs);
}

#if defined(__linux__)
PreciseSleep::PreciseSleep() : previous_slack_ns_(prctl(PR_GET_TIMERSLACK)) {
  prctl(PR_SET_TIMERSLACK, 1);
}
PreciseSleep::~PreciseSleep() {
  if (previous_slack_ns_ > 0) prctl(PR_SET_TIMERSLACK, previous_slack_ns_);
}
#else
PreciseSleep::PreciseSleep() : previous_slack_ns_(0) {}
PreciseSleep::~PreciseSleep() = default;
#endif

int64_t Pacer::WaitUntil(int64_t due_ns, int64_t* begin_ns) {
  const int64_t now_ns = clock_->NowNs();
  *begin_ns = now_ns;
  if (now_ns >= due_ns) return PollBetween(now_ns);
  if (due_ns - now_ns < kWorthLeavingGateNs) {
    int64_t spin_ns = now_ns;
    while (spin_ns < due_ns) spin_ns = clock_->NowNs();
    NoteLate(due_ns, spin_ns, spin_ns);
    return spin_ns;
  }
  gate_->Leave();
  int64_t awake_ns = due_ns;
  try {
    awake_ns = SleepAndSpin(due_ns);
  } catch (...) {
    control_->ReportException(std::current_exception());
  }
  gate_->Enter();
  const int64_t end_ns = clock_->NowNs();
  NoteLate(due_ns, awake_ns, end_ns);
  return end_ns;
}

// The thread runs all the time until `awake_ns`, but for what the machine takes from it and for
// looks at requests to stop, and then waits for the gate.
void Pacer::NoteLate(int64_t due_ns, int64_t awake_ns, int64_t end_ns) {
  if (end_ns - due_ns < kNoticeablyLateNs) return;
  const int64_t machine_ns = std::max<int64_t>(awake_ns - std::max(due_ns, poll_end_ns_), 0);
  if (machine_ns >= kNoticeablyLateNs) late_waits_.machine_ns += machine_ns;
  if (const int64_t gate_ns = end_ns - due_ns - machine_ns; gate_ns >= kNoticeablyLateNs) {
    late_waits_.gate_ns += gate_ns;
  }
}

// How much of the wait from now on is spun.
int64_t Pacer::StretchNs(int64_t now_ns, int64_t due_ns) const {
  switch (pacing_) {
    case Pacing::Auto:
      break;
    case Pacing::Sleep:
      return 0;
    case Pacing::Spin:
      return due_ns - now_ns;
  }
  // A spinning thread would keep the only CPU from the system under test.
  static const bool single_cpu = std::thread::hardware_concurrency() == 1;
  return single_cpu ? 0 : stretch_.ns();
}

// There may never be anything to wait for. Returns the time after the look, if there was one.
int64_t Pacer::PollBetween(int64_t now_ns) {
  if (polled_ns_ == 0) polled_ns_ = now_ns;
  if (now_ns - polled_ns_ < kPollIntervalNs) return now_ns;
  gate_->Leave();
  try {
    PollNowAndThen(now_ns);
  } catch (...) {
    control_->ReportException(std::current_exception());
  }
  gate_->Enter();
  return clock_->NowNs();
}

// Not at each wake-up: a look at signals may take as long as the query is late.
void Pacer::PollNowAndThen(int64_t now_ns) {
  if (now_ns - polled_ns_ < kPollIntervalNs) return;
  polled_ns_ = now_ns;
  gate_->Poll();
  poll_end_ns_ = clock_->NowNs();
}

bool Pacer::GivesUp() const {
  if (control_->stop_requested()) return true;
  return enough_ != nullptr && enough_->load(std::memory_order_relaxed);
}

// Returns the last time that was read.
int64_t Pacer::SleepAndSpin(int64_t due_ns) {
  int64_t now_ns = clock_->NowNs();
  if (polled_ns_ == 0) polled_ns_ = now_ns;
  const int64_t spin_from_ns = due_ns - StretchNs(now_ns, due_ns);
  while (now_ns < spin_from_ns && !GivesUp()) {
    const int64_t wake_ns = std::min(spin_from_ns, now_ns + kPollIntervalNs);
    clock_->SleepUntilNs(wake_ns);
    now_ns = clock_->NowNs();
    stretch_.Observe(wake_ns, now_ns);
    PollNowAndThen(now_ns);
  }
  const int64_t spin_start_ns = now_ns;
  while (now_ns < due_ns && !GivesUp()) {
    CpuRelax();
    now_ns = clock_->NowNs();
    PollNowAndThen(now_ns);
  }
  spun_ns_ += now_ns - spin_start_ns;
  return now_ns;
}

}  // namespace mlperf::loadgen
