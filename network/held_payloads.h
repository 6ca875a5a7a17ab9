// The payloads of the samples that a hosted system works on, as bytes, until it has answered them.
#ifndef MLPERF_LOADGEN_NETWORK_HELD_PAYLOADS_H_
#define MLPERF_LOADGEN_NETWORK_HELD_PAYLOADS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "record_reader.h"
#include "shared_memory.h"

namespace mlperf::network {

// Memory that a load generator of this machine shares, and puts samples into.
using ForeignArena = std::shared_ptr<const transfer::SharedMemory>;

// The bytes of a sample as they came, or where they lie in an arena. Whoever asks for them may keep
// them longer; in an arena they change once the sample is answered.
class HeldPayload {
 public:
  HeldPayload(const SampleRecord& record, OwnedBytes bytes);
  HeldPayload(const SampleRecord& record, ForeignArena arena);

  // What the bytes mean: JSON as in qdl/wire/payload.py.
  std::string_view layout() const;
  // The parts, each padded to kAlignment and aligned to it.
  Bytes parts() const;

 private:
  OwnedBytes owned_;
  ForeignArena arena_;
  const std::byte* bytes_;
  size_t layout_bytes_;
  size_t size_;
};

// Samples by their index. A sample may be worked on several times at once; its payload is then the
// one that came first, until the last of them is answered. Any thread may call any method.
class HeldPayloads {
 public:
  // One more sample of this index is worked on. `arena`: where its bytes lie at the place that the
  // record has, which is in it; null: they came with the record.
  void Hold(Received<SampleRecord>* received, const ForeignArena& arena = nullptr);
  // One of them is answered.
  void Release(uint64_t index);
  // Null if none of this index is worked on.
  std::shared_ptr<const HeldPayload> Find(uint64_t index);
  // Another run begins. What the one before was still at stays until the next time, as the system
  // may be at work on it.
  void BeginRun();

 private:
  struct Held {
    std::shared_ptr<const HeldPayload> payload;
    size_t count = 0;
  };

  std::mutex mutex_;
  std::unordered_map<uint64_t, Held> held_;
  std::unordered_map<uint64_t, Held> of_run_before_;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_HELD_PAYLOADS_H_
