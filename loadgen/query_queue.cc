#include "query_queue.h"

#include <algorithm>
#include <utility>

namespace mlperf::loadgen {
namespace {

constexpr size_t kMostTaken = 4096;

}  // namespace

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
  std::vector<QueuedSample> taken;
  if (taken_ == 0 && samples_.size() <= most) {
    taken = std::exchange(samples_, {});
  } else {
    const auto first = samples_.begin() + static_cast<std::ptrdiff_t>(taken_);
    const size_t count = std::min(most, samples_.size() - taken_);
    taken.assign(first, first + static_cast<std::ptrdiff_t>(count));
    taken_ += count;
    // A queue that never runs empty must not keep all it ever held.
    if (taken_ == samples_.size() || taken_ >= std::max(kMostTaken, samples_.size() / 2)) {
      samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(taken_));
      taken_ = 0;
    }
  }
  if (samples_.empty()) wake_.Lower();
  return taken;
}

void QueryQueue::Clear() {
  std::lock_guard<std::mutex> lock(mutex_);
  samples_.clear();
  taken_ = 0;
  wake_.Lower();
}

}  // namespace mlperf::loadgen
