#include "prepared_samples.h"

#include <cstring>
#include <utility>

#include "lane_wire.h"

namespace mlperf::network {
namespace {

constexpr size_t kLeastSharedBytes = 256 << 10;  // Less is sent as fast as it is found elsewhere.

// Copies `size` bytes and the zeros of their padding. Returns where the next ones belong.
std::byte* CopyPadded(const void* from, size_t size, std::byte* to) {
  if (size > 0) std::memcpy(to, from, size);
  std::memset(to + size, 0, Padded(size) - size);
  return to + Padded(size);
}

}  // namespace

std::shared_ptr<const PreparedSample> PreparedSamples::Find(uint64_t index) const {
  const auto found = samples_.find(index);
  return found == samples_.end() ? nullptr : found->second;
}

std::shared_ptr<PreparedSample> PreparedSamples::Make(std::string_view layout,
                                                      const std::vector<Part>& parts,
                                                      uint64_t payload_bytes, Arena* arena) {
  auto sample = std::make_shared<PreparedSample>();
  for (const Part& part : parts) sample->size = Padded(sample->size) + part.size();
  sample->layout_bytes = static_cast<uint32_t>(layout.size());
  sample->payload_bytes = payload_bytes;
  sample->nbytes = Padded(layout.size()) + Padded(sample->size);
  if (arena != nullptr && sample->nbytes >= kLeastSharedBytes) {
    sample->block = arena->Take(sample->nbytes);
  }
  if (!sample->block) sample->own = std::make_unique_for_overwrite<std::byte[]>(sample->nbytes);
  sample->bytes = sample->block ? sample->block->data() : sample->own.get();
  std::byte* to = CopyPadded(layout.data(), layout.size(), sample->bytes);
  for (const Part& part : parts) to = CopyPadded(part.data(), part.size(), to);
  return sample;
}

bool PreparedSamples::Put(uint64_t index, std::shared_ptr<PreparedSample> sample) {
  sample->kept = kept_bytes_ + sample->nbytes <= most_bytes_;
  const bool kept = sample->kept;
  if (kept) kept_bytes_ += sample->nbytes;
  samples_.insert_or_assign(index, std::move(sample));
  return kept;
}

void PreparedSamples::Refuse(uint64_t index, std::string reason) {
  auto sample = std::make_shared<PreparedSample>();
  sample->refusal = std::move(reason);
  sample->kept = true;
  samples_.insert_or_assign(index, std::move(sample));
}

void PreparedSamples::Use(uint64_t index, const PreparedSample& sample) {
  if (!sample.kept) samples_.erase(index);
}

void PreparedSamples::Clear() {
  samples_.clear();
  kept_bytes_ = 0;
}

}  // namespace mlperf::network
