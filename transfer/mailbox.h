// Tagged messages and the receives that wait for them: those of one tag match in order.
#ifndef MLPERF_TRANSFER_MAILBOX_H_
#define MLPERF_TRANSFER_MAILBOX_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "op.h"
#include "region_table.h"

namespace mlperf::transfer {

// A receive that was posted.
struct Receive {
  std::shared_ptr<Op> op;
  std::shared_ptr<Memory> memory;
  char* to = nullptr;
  uint64_t nbytes = 0;
};

// A message that is not received yet: its bytes, or that it is announced.
struct KeptMessage {
  std::string bytes;
  bool is_announced = false;
  uint64_t op = 0;  // The sender's, if it is announced.
  uint64_t nbytes = 0;
};

// One thread at a time.
class Mailbox {
 public:
  static constexpr size_t kMaxKept = 256;

  bool has_room() const { return kept_count_ < kMaxKept; }
  void Keep(uint32_t tag, KeptMessage message);
  std::optional<KeptMessage> TakeMessage(uint32_t tag);

  void Add(uint32_t tag, Receive receive);
  std::optional<Receive> TakeReceive(uint32_t tag);
  // Those into `memory`; null: all.
  std::vector<Receive> TakeReceivesInto(const Memory* memory);

 private:
  std::unordered_map<uint32_t, std::deque<KeptMessage>> kept_;
  std::unordered_map<uint32_t, std::deque<Receive>> receives_;
  size_t kept_count_ = 0;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_MAILBOX_H_
