#include "issue/silence_report.h"

#include <chrono>
#include <optional>
#include <system_error>
#include <utility>

namespace mlperf::loadgen {
namespace {

constexpr int64_t kFirstNs = 10'000'000'000;
constexpr std::chrono::seconds kLookInterval(1);

std::string WholeSeconds(int64_t duration_ns) {
  return std::to_string(duration_ns / 1'000'000'000) + " s";
}

// What follows if it goes on.
std::string Prospect(const RunPlan& plan, const Silence& silence) {
  if (plan.stall_timeout_ms == 0) return "The test waits for ever (stall_timeout_ms is 0).";
  const std::string timeout = WholeSeconds(static_cast<int64_t>(plan.stall_timeout_ms) * 1'000'000);
  if (plan.stall_counts_from_issue) {
    return "The test ends when this lasts for " + timeout + " (stall_timeout_ms).";
  }
  if (silence.samples_completed == 0) {
    return "A system may answer a query of all samples at its end, so the test waits; set "
           "stall_timeout_ms for a limit.";
  }
  return "The test ends when this lasts for " + timeout +
         " and twice as long as any silence before (stall_timeout_ms).";
}

std::string Text(const RunPlan& plan, const Silence& silence) {
  return "mlperf_loadgen: no sample was completed for " + WholeSeconds(silence.silent_ns) +
         ". Outstanding samples: " + std::to_string(silence.samples_outstanding) +
         ", the oldest for " + WholeSeconds(silence.oldest_outstanding_ns) + ". " +
         Prospect(plan, silence);
}

}  // namespace

SilenceReport::SilenceReport(const RunPlan& plan, const WatchedSet* watched, Say say)
    : plan_(plan), watched_(watched), say_(std::move(say)), next_ns_(kFirstNs) {}

void SilenceReport::Look(int64_t now_ns) {
  const std::optional<Silence> silence = watched_->LookForSilence(now_ns);
  if (!silence) {
    next_ns_ = kFirstNs;
  } else if (silence->silent_ns >= next_ns_) {
    say_(Text(plan_, *silence));
    while (next_ns_ <= silence->silent_ns) next_ns_ *= 2;
  }
}

SilenceWatcher::SilenceWatcher(SilenceReport* report, const Clock* clock)
    : report_(report), clock_(clock) {
  try {
    thread_ = std::thread([this] { Watch(); });
  } catch (const std::system_error&) {
  }
}

SilenceWatcher::~SilenceWatcher() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
  }
  ended_now_.notify_all();
  thread_.join();
}

void SilenceWatcher::Watch() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!ended_now_.wait_for(lock, kLookInterval, [this] { return ended_; })) {
    report_->Look(clock_->NowNs());
  }
}

}  // namespace mlperf::loadgen
