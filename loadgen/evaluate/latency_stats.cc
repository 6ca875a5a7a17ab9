#include "evaluate/latency_stats.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

namespace mlperf::loadgen {
namespace {

// A percentile that is wanted and where its value goes.
struct WantedRank {
  size_t index;
  int64_t* value_ns;
};

// Selects ascending ranks: what was selected bounds the rest from below, so that each selection
// only has to look at the values above the one before.
void SelectAscendingRanks(std::span<int64_t> values_ns, std::span<const WantedRank> ranks) {
  size_t begin = 0;
  for (const WantedRank& rank : ranks) {
    *rank.value_ns = SelectRank(values_ns.subspan(begin), rank.index - begin);
    begin = rank.index;
  }
}

}  // namespace

size_t PercentileIndex(size_t count, double percentile) {
  const double index = static_cast<double>(count) * percentile;
  if (!(index > 0)) return 0;
  if (index >= static_cast<double>(count)) return count - 1;
  return static_cast<size_t>(index);
}

int64_t SelectRank(std::span<int64_t> values_ns, size_t index) {
  const auto nth = values_ns.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(values_ns.begin(), nth, values_ns.end());
  return *nth;
}

LatencyStats ComputeLatencyStats(std::span<int64_t> values_ns, double target_percentile) {
  LatencyStats stats;
  stats.count = values_ns.size();
  if (values_ns.empty()) return stats;

  __extension__ __int128 sum_ns = 0;  // 5 million latencies of an hour exceed 64 bits.
  stats.min_ns = stats.max_ns = values_ns.front();
  for (const int64_t value_ns : values_ns) {
    sum_ns += value_ns;
    stats.min_ns = std::min(stats.min_ns, value_ns);
    stats.max_ns = std::max(stats.max_ns, value_ns);
  }
  stats.mean_ns = static_cast<int64_t>(sum_ns / static_cast<int64_t>(values_ns.size()));

  std::array<WantedRank, kReportedPercentiles.size() + 1> ranks;
  for (size_t i = 0; i < kReportedPercentiles.size(); ++i) {
    ranks[i] = {PercentileIndex(values_ns.size(), kReportedPercentiles[i]),
                &stats.percentiles_ns[i]};
  }
  ranks.back() = {PercentileIndex(values_ns.size(), target_percentile),
                  &stats.target_percentile_ns};
  std::sort(ranks.begin(), ranks.end(),
            [](const WantedRank& a, const WantedRank& b) { return a.index < b.index; });
  SelectAscendingRanks(values_ns, ranks);
  return stats;
}

int64_t PercentileWithFailures(std::span<int64_t> values_ns, uint64_t failed_count,
                               double percentile) {
  const size_t count = values_ns.size() + failed_count;
  if (count == 0) return 0;
  const size_t index = PercentileIndex(count, percentile);
  return index < values_ns.size() ? SelectRank(values_ns, index)
                                  : std::numeric_limits<int64_t>::max();
}

uint64_t CountOver(std::span<const int64_t> values_ns, uint64_t bound_ns) {
  return static_cast<uint64_t>(
      std::count_if(values_ns.begin(), values_ns.end(),
                    [=](int64_t value_ns) { return std::cmp_greater(value_ns, bound_ns); }));
}

std::vector<int64_t> SampleLatencies(const RunRecord& record) {
  std::vector<int64_t> latencies_ns;
  latencies_ns.reserve(record.samples_answered());
  record.ForEachIssuedQuery([&](uint64_t query) {
    const int64_t scheduled_ns = record.ScheduledNs(query);
    const uint64_t samples_per_query = record.slots->samples_per_query;
    const uint64_t begin = query * samples_per_query;
    for (uint64_t sample = begin; sample < begin + samples_per_query; ++sample) {
      const int64_t answered_ns = record.AnsweredNs(sample);
      if (answered_ns != 0) latencies_ns.push_back(answered_ns - scheduled_ns);
    }
  });
  return latencies_ns;
}

int64_t QueryDoneNs(const RunRecord& record, uint64_t query) {
  const uint64_t samples_per_query = record.slots->samples_per_query;
  const uint64_t begin = query * samples_per_query;
  int64_t done_ns = 0;
  for (uint64_t sample = begin; sample < begin + samples_per_query; ++sample) {
    const int64_t completed_ns = record.CompletedNs(sample);
    if (completed_ns == 0) return 0;
    done_ns = std::max(done_ns, completed_ns);
  }
  return done_ns;
}

bool QueryAnswered(const RunRecord& record, uint64_t query) {
  const uint64_t samples_per_query = record.slots->samples_per_query;
  const uint64_t begin = query * samples_per_query;
  for (uint64_t sample = begin; sample < begin + samples_per_query; ++sample) {
    if (record.AnsweredNs(sample) == 0) return false;
  }
  return true;
}

namespace {

bool QueryFailed(const RunRecord& record, uint64_t query) {
  const uint64_t samples_per_query = record.slots->samples_per_query;
  const uint64_t begin = query * samples_per_query;
  for (uint64_t sample = begin; sample < begin + samples_per_query; ++sample) {
    if (record.Failed(sample)) return true;
  }
  return false;
}

}  // namespace

uint64_t CountFailedQueries(const RunRecord& record) {
  if (record.samples_failed == 0) return 0;
  uint64_t count = 0;
  record.ForEachIssuedQuery([&](uint64_t query) {
    if (QueryDoneNs(record, query) != 0 && QueryFailed(record, query)) ++count;
  });
  return count;
}

std::vector<int64_t> QueryLatencies(const RunRecord& record) {
  std::vector<int64_t> latencies_ns;
  latencies_ns.reserve(record.queries_issued);
  record.ForEachIssuedQuery([&](uint64_t query) {
    if (!QueryAnswered(record, query)) return;
    latencies_ns.push_back(QueryDoneNs(record, query) - record.ScheduledNs(query));
  });
  return latencies_ns;
}

Lateness ComputeLateness(const RunRecord& record, LateQueries which) {
  const auto is_meant = [&](uint64_t query) {
    if (which == LateQueries::kAll) return true;
    const bool held_up = !record.slots->held_up.empty() && record.slots->held_up[query] != 0;
    return held_up == (which == LateQueries::kHeldUp);
  };
  std::vector<int64_t> lateness_ns;
  lateness_ns.reserve(record.queries_issued);
  record.ForEachIssuedQuery([&](uint64_t query) {
    if (!is_meant(query)) return;
    lateness_ns.push_back(record.IssuedNs(query) - record.ScheduledNs(query));
  });
  Lateness lateness;
  lateness.held_up_by_sut = record.queries_held_up_by_sut;
  lateness.count = lateness_ns.size();
  if (lateness_ns.empty()) return lateness;

  std::array<WantedRank, 5> ranks = {{
      {PercentileIndex(lateness_ns.size(), 0.50), &lateness.p50_ns},
      {PercentileIndex(lateness_ns.size(), 0.90), &lateness.p90_ns},
      {PercentileIndex(lateness_ns.size(), 0.99), &lateness.p99_ns},
      {PercentileIndex(lateness_ns.size(), 0.999), &lateness.p999_ns},
      {lateness_ns.size() - 1, &lateness.max_ns},
  }};
  SelectAscendingRanks(lateness_ns, ranks);
  return lateness;
}

}  // namespace mlperf::loadgen
