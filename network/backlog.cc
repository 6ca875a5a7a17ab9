#include "backlog.h"

#include <algorithm>

namespace mlperf::network {
namespace {

constexpr size_t kMostTogether = 512;  // Samples that go to a node at a time.
constexpr size_t kMostShared = 4096;   // Of those that wait, as many are shared out at a time.

}  // namespace

Backlog::Backlog(DispatchLimits limits)
    : limits_(limits), most_whole_(std::min(kMostTogether, limits.samples)) {}

void Backlog::Push(const QuerySample* samples, size_t count, int64_t issued_ns) {
  const uint64_t query = queries_++;
  for (size_t i = 0; i < count; ++i) {
    samples_.push_back({samples[i].id, samples[i].index, issued_ns, query});
  }
}

size_t Backlog::EndOfQuery(size_t place, size_t most) const {
  const size_t last = std::min(most, samples_.size());
  size_t end = place + 1;
  while (end < last && IsSameQuery(end, place)) ++end;
  return end;
}

size_t Backlog::Together() const {
  if (samples_.size() == 1 || samples_[0].query == begun_ || !IsSameQuery(0, 1)) return 1;
  const size_t size = EndOfQuery(0, most_whole_ + 1);
  return size <= most_whole_ ? size : 1;
}

size_t Backlog::ShareFor(size_t outstanding, size_t nodes_with_room) const {
  const size_t room = std::min(limits_.samples - outstanding, kMostTogether);
  const size_t waiting = std::min(samples_.size(), kMostShared);
  const size_t share = (waiting + nodes_with_room - 1) / nodes_with_room;
  const size_t count = std::min(std::max(share, Together()), room);
  if (count >= samples_.size() || !IsSameQuery(count, count - 1)) return count;
  size_t begin = count;
  while (begin > 0 && IsSameQuery(begin - 1, count)) --begin;
  if (begin == 0) return count;  // It is one that may be cut.
  const size_t end = EndOfQuery(count, room + 1);
  return end <= room ? end : begin;
}

bool Backlog::MayEndAfter(size_t count, uint64_t bytes, size_t together) const {
  if (count == samples_.size() || bytes >= limits_.payload_bytes) return true;
  const bool is_cut = together == 1 && IsSameQuery(count, 0);
  return is_cut || !IsSameQuery(count, count - 1);
}

void Backlog::Drop(size_t count) {
  begun_ = samples_[count - 1].query;
  samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace mlperf::network
