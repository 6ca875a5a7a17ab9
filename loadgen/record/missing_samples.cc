#include "record/missing_samples.h"

#include <algorithm>
#include <cstdio>

#include "settings/count_text.h"

namespace mlperf::loadgen {
namespace {

constexpr size_t kFirst = 10;

std::string Seconds(int64_t duration_ns) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.3g s", static_cast<double>(duration_ns) / 1e9);
  return text;
}

}  // namespace

MissingSamples FindMissingSamples(const RunRecord& record) {
  MissingSamples missing;
  if (record.samples_completed >= record.samples_issued) return missing;
  const uint64_t samples_per_query = record.slots->samples_per_query;
  const uint64_t first_query = record.FirstShownQuery(), first_sample = record.FirstShownSample();
  record.ForEachIssuedQuery([&](uint64_t query) {
    const int64_t age_ns = record.drained_ns - record.IssuedNs(query);
    const uint64_t before = missing.sample_count;
    for (uint64_t i = 0; i < samples_per_query; ++i) {
      const uint64_t sample = query * samples_per_query + i;
      if (record.CompletedNs(sample) != 0) continue;
      ++missing.sample_count;
      if (missing.first.size() == kFirst) continue;
      missing.first.push_back({first_query + query, first_sample + sample, age_ns});
    }
    if (missing.sample_count == before) return;
    ++missing.query_count;
    missing.oldest_ns = std::max(missing.oldest_ns, age_ns);
  });
  return missing;
}

std::string MissingSamples::Words(uint64_t samples_issued) const {
  return std::to_string(sample_count) + " of " + Counted(samples_issued, "issued sample") +
         " (of " + Counted(query_count, "query", "queries") +
         (sample_count == 1 ? ") was" : ") were") + " never completed, the oldest issued " +
         Seconds(oldest_ns) + " before the end";
}

std::string MissingSamples::FirstInWords() const {
  std::string list;
  for (const Sample& missing : first) {
    if (!list.empty()) list += ", ";
    list += "sample " + std::to_string(missing.sample) + " (query " +
            std::to_string(missing.query) + ", " + Seconds(missing.age_ns) + ")";
  }
  return list;
}

}  // namespace mlperf::loadgen
