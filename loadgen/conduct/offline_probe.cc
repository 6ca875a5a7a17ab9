#include "conduct/offline_probe.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "evaluate/latency_stats.h"
#include "evaluate/verdict.h"
#include "plan/run_plan.h"
#include "record/run_record.h"
#include "traffic/loadable_set.h"

namespace mlperf::loadgen {
namespace {

// A query of so many times as many samples shows whether the system is faster with more.
constexpr double kGrowth = 8;

// How many samples the next query has: as many as the time that is left holds at this speed.
uint64_t NextCount(uint64_t count, double took_ns, double left_ns) {
  const double fits = std::max(0.0, static_cast<double>(count) * left_ns / took_ns);
  const double next = std::min(fits, static_cast<double>(count) * kGrowth);
  return static_cast<uint64_t>(std::min(next, static_cast<double>(kMaxOfflineSamples)));
}

double LongestLatencyNs(const RunRecord& record) {
  std::vector<int64_t> latencies_ns = SampleLatencies(record);
  return latencies_ns.empty() ? 0 : static_cast<double>(std::ranges::max(latencies_ns));
}

OfflineProbe ProbeLoaded(Conductor* test, const LoadableSet& set) {
  OfflineProbe probe;
  double left_ns = static_cast<double>(test->plan().offline_probe_duration_ms) * 1e6;
  for (uint64_t count = 1; count > probe.sample_count;) {
    const RunRecord record =
        test->Issue(set, Phase::kWarmUp, OfflineProbePlan(test->plan(), count));
    if (record.slots == nullptr) return {};
    test->logs()->detail().WriteConduct(record, "probe: ", test->NowNs());
    test->AddConduct(record, "probe: ");
    const bool is_sound = record.samples_failed == 0 && ContractReasons(record).empty();
    if (test->Stopped() || !is_sound) return {};
    const double took_ns = std::max(1.0, LongestLatencyNs(record));
    left_ns -= took_ns;
    probe.sample_count = count;
    probe.duration_s = took_ns / 1e9;
    probe.samples_per_second = static_cast<double>(count) / probe.duration_s;
    count = NextCount(count, took_ns, left_ns);
  }
  return probe;
}

}  // namespace

OfflineProbe ProbeOffline(Conductor* test) {
  OfflineProbe probe;
  const std::vector<LoadableSet> sets = test->MakeSets(Phase::kPerformance);
  if (test->Stopped()) return probe;
  test->WithLoaded(sets.front(), [&] { probe = ProbeLoaded(test, sets.front()); });
  return probe;
}

}  // namespace mlperf::loadgen
