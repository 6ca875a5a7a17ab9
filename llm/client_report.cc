#include "client_report.h"

namespace mlperf::llm {

void ClientCounts::Merge(const ClientCounts& other) {
  opened += other.opened;
  reused += other.reused;
  repeated += other.repeated;
  cancelled += other.cancelled;
  most_outstanding += other.most_outstanding;
  reads += other.reads;
  reads_by_kernel += other.reads_by_kernel;
  events += other.events;
  faults += other.faults;
  bytes += other.bytes;
  clock_steps += other.clock_steps;
  for (const auto& [reason, count] : other.failures) failures[reason] += count;
  for (const auto& [status, count] : other.statuses) statuses[status] += count;
  lags.Merge(other.lags);
}

}  // namespace mlperf::llm
