#include "held_payloads.h"

#include <cstring>
#include <utility>

namespace mlperf::network {
namespace {

std::shared_ptr<const HeldPayload> Keep(Received<SampleRecord>* received,
                                        const ForeignArena& arena) {
  if (arena != nullptr) return std::make_shared<const HeldPayload>(received->record, arena);
  OwnedBytes bytes = std::move(received->owned);
  if (bytes == nullptr) {
    bytes = std::make_unique_for_overwrite<std::byte[]>(received->bytes.size());
    std::memcpy(bytes.get(), received->bytes.data(), received->bytes.size());
  }
  return std::make_shared<const HeldPayload>(received->record, std::move(bytes));
}

}  // namespace

HeldPayload::HeldPayload(const SampleRecord& record, OwnedBytes bytes)
    : owned_(std::move(bytes)),
      bytes_(owned_.get()),
      layout_bytes_(record.layout_bytes),
      size_(record.size) {}

HeldPayload::HeldPayload(const SampleRecord& record, ForeignArena arena)
    : arena_(std::move(arena)),
      bytes_(reinterpret_cast<const std::byte*>(arena_->data()) + record.place),
      layout_bytes_(record.layout_bytes),
      size_(record.size) {}

std::string_view HeldPayload::layout() const {
  return {reinterpret_cast<const char*>(bytes_), layout_bytes_};
}

Bytes HeldPayload::parts() const { return {bytes_ + Padded(layout_bytes_), size_}; }

void HeldPayloads::Hold(Received<SampleRecord>* received, const ForeignArena& arena) {
  const uint64_t index = received->record.index;
  std::lock_guard<std::mutex> lock(mutex_);
  Held& held = held_[index];
  if (held.count++ == 0) held.payload = Keep(received, arena);
}

void HeldPayloads::Release(uint64_t index) {
  std::shared_ptr<const HeldPayload> gone;  // Outlives the lock: freeing much takes its time.
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = held_.find(index);
  if (found == held_.end() || --found->second.count > 0) return;
  gone = std::move(found->second.payload);
  held_.erase(found);
}

std::shared_ptr<const HeldPayload> HeldPayloads::Find(uint64_t index) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto* samples : {&held_, &of_run_before_}) {
    const auto found = samples->find(index);
    if (found != samples->end()) return found->second.payload;
  }
  return nullptr;
}

void HeldPayloads::BeginRun() {
  std::lock_guard<std::mutex> lock(mutex_);
  of_run_before_ = std::exchange(held_, {});
}

}  // namespace mlperf::network
