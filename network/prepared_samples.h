// Payloads of samples, ready to be sent as often as they are asked for.
#ifndef MLPERF_LOADGEN_NETWORK_PREPARED_SAMPLES_H_
#define MLPERF_LOADGEN_NETWORK_PREPARED_SAMPLES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "arena.h"

namespace mlperf::network {

// Of one sample; does not change once it is there.
struct PreparedSample {
  std::unique_ptr<std::byte[]> own;     // Where the bytes are,
  std::unique_ptr<Arena::Block> block;  // or, if it is not null, where nodes can read them.
  std::byte* bytes = nullptr;           // As they follow a SampleRecord: layout, parts, padded.
  size_t nbytes = 0;
  uint32_t layout_bytes = 0;
  uint64_t size = 0;           // Of the parts: SampleRecord::size.
  uint64_t payload_bytes = 0;  // As limits count them: without padding.
  std::string refusal;         // Why it cannot be sent; empty if it can.
  bool kept = false;           // For good; else for one use.
};

// Not thread-safe.
class PreparedSamples {
 public:
  using Part = std::span<const std::byte>;

  // At most `most_bytes` are kept; a payload beyond that is there until it is used once.
  explicit PreparedSamples(uint64_t most_bytes) : most_bytes_(most_bytes) {}

  // Copies the parts; if they are large into the arena, unless that is null or full.
  static std::shared_ptr<PreparedSample> Make(std::string_view layout,
                                              const std::vector<Part>& parts,
                                              uint64_t payload_bytes, Arena* arena);

  // Null if it is not there.
  std::shared_ptr<const PreparedSample> Find(uint64_t index) const;
  // Returns whether it is kept.
  bool Put(uint64_t index, std::shared_ptr<PreparedSample> sample);
  // The sample cannot be sent.
  void Refuse(uint64_t index, std::string reason);
  // It was used once.
  void Use(uint64_t index, const PreparedSample& sample);
  void Clear();

 private:
  uint64_t most_bytes_;
  uint64_t kept_bytes_ = 0;
  std::unordered_map<uint64_t, std::shared_ptr<const PreparedSample>> samples_;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_PREPARED_SAMPLES_H_
