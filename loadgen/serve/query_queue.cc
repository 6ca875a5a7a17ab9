#include "serve/query_queue.h"

#include <algorithm>
#include <cstddef>

namespace mlperf::loadgen {
void QueryQueue::Push(const QuerySample* samples, size_t count, int64_t now_ns) {
  std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t query = queries_++;
  for (size_t i = 0; i < count; ++i) {
    samples_.push_back({samples[i].id, samples[i].index, now_ns, query});
  }
  if (count > 0) wake_.Raise();
}

std::vector<QueuedSample> QueryQueue::Take(size_t most) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto count = static_cast<std::ptrdiff_t>(std::min(most, samples_.size()));
  const std::vector<QueuedSample> taken(samples_.begin(), samples_.begin() + count);
  samples_.erase(samples_.begin(), samples_.begin() + count);
  if (samples_.empty()) wake_.Lower();
  return taken;
}

void QueryQueue::Clear() {
  std::lock_guard<std::mutex> lock(mutex_);
  samples_.clear();
  wake_.Lower();
}

}  // namespace mlperf::loadgen
