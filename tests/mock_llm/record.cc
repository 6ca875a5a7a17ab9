#include "record.h"

#include <time.h>

#include <algorithm>

namespace mlperf::mock_llm {
namespace {

// `values` are ascending.
int64_t Percentile(const std::vector<int64_t>& values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<size_t>(share * static_cast<double>(values.size()));
  return values[std::min(at, values.size() - 1)];
}

std::string Member(const char* name, int64_t value) {
  return '"' + std::string(name) + "\":" + std::to_string(value);
}

}  // namespace

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void Record::Streams(int64_t change) {
  counts.streams += change;
  counts.most_streams = std::max(counts.most_streams, counts.streams);
}

void Record::Connections(int64_t change) {
  counts.connections += change;
  counts.most_connections = std::max(counts.most_connections, counts.connections);
  if (change > 0) counts.opened += change;
}

void Record::Sent(int64_t due_ns, int64_t before_ns) {
  ++counts.events;
  late_ns_.push_back(before_ns - due_ns);
}

void Record::SentOf(int64_t mark, int64_t before_ns, int64_t after_ns) {
  sent_[mark].emplace_back(before_ns, after_ns);
}

std::string Record::StatsJson() const {
  std::vector<int64_t> late = late_ns_;
  std::sort(late.begin(), late.end());
  return '{' + Member("requests", counts.requests) + ',' + Member("refused", counts.refused) + ',' +
         Member("cut", counts.cut) + ',' + Member("finished", counts.finished) + ',' +
         Member("abandoned", counts.abandoned) + ',' + Member("events", counts.events) + ',' +
         Member("streams", counts.streams) + ',' + Member("most_streams", counts.most_streams) +
         ',' + Member("connections", counts.connections) + ',' +
         Member("most_connections", counts.most_connections) + ',' +
         Member("opened", counts.opened) + ",\"late_ns\":{" + Member("p50", Percentile(late, 0.5)) +
         ',' + Member("p99", Percentile(late, 0.99)) + ',' + Member("max", Percentile(late, 1)) +
         "}}";
}

std::string Record::SentJson() const {
  std::string json = "{";
  for (const auto& [mark, times] : sent_) {
    if (json.size() > 1) json += ',';
    json += '"' + std::to_string(mark) + "\":[";
    for (const auto& [before_ns, after_ns] : times) {
      if (json.back() != '[') json += ',';
      json += '[' + std::to_string(before_ns) + ',' + std::to_string(after_ns) + ']';
    }
    json += ']';
  }
  return json + '}';
}

void Record::Reset() {
  const Counts open = counts;
  *this = {};
  counts.streams = counts.most_streams = open.streams;
  counts.connections = counts.most_connections = open.connections;
}

}  // namespace mlperf::mock_llm
