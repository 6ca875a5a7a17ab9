// Says while a set is issued that nothing is completed.
#ifndef MLPERF_LOADGEN_ISSUE_SILENCE_REPORT_H_
#define MLPERF_LOADGEN_ISSUE_SILENCE_REPORT_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "issue/watched_set.h"
#include "plan/run_plan.h"
#include "platform/clock.h"

namespace mlperf::loadgen {

// Says it when a silence has lasted for ten seconds, and again each time it has become twice as
// long.
class SilenceReport {
 public:
  // Gets a sentence or two.
  using Say = std::function<void(const std::string& text)>;

  SilenceReport(const RunPlan& plan, const WatchedSet* watched, Say say);

  void Look(int64_t now_ns);

 private:
  const RunPlan& plan_;
  const WatchedSet* watched_;
  Say say_;
  int64_t next_ns_;  // How long a silence has to be to be reported.
};

// Looks once a second on a thread of its own: a system that keeps the issuing thread in IssueQuery
// may be silent as well.
class SilenceWatcher {
 public:
  // Without a thread left, there are no looks.
  SilenceWatcher(SilenceReport* report, const Clock* clock);
  ~SilenceWatcher();
  SilenceWatcher(const SilenceWatcher&) = delete;
  SilenceWatcher& operator=(const SilenceWatcher&) = delete;

 private:
  void Watch();

  SilenceReport* report_;
  const Clock* clock_;
  std::mutex mutex_;
  std::condition_variable ended_now_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_SILENCE_REPORT_H_
