// What a peer asks of this end's regions: OPEN, READ, WRITE, and REVOKE of either end's.
#include <utility>

#include "connection.h"
#include "connection_parts.h"
#include "engine_core.h"

namespace mlperf::transfer {
namespace {

constexpr size_t kMaxHandles = 65'536;

uint64_t NumberIn(std::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return number;
}

}  // namespace

const char* Connection::BeginOpen() {
  incoming_.bytes.resize(kOpenProofSize);
  const iovec place{incoming_.bytes.data(), incoming_.bytes.size()};
  reader_.PlaceAt({&place, 1});
  return nullptr;
}

const char* Connection::EndOpen() {
  const uint64_t op = reader_.head().op;
  const std::shared_ptr<Memory> memory = core_->regions().Find(NumberIn(incoming_.bytes));
  // An unknown region takes as long as a known one.
  const Digest expected =
      ProofOfKey(memory == nullptr ? RegionKey() : memory->key, connecting_, accepting_);
  const bool is_proved =
      SameInConstantTime(std::string_view(incoming_.bytes).substr(8), BytesOf(expected));
  if (memory == nullptr || !is_proved) {
    Reply(op, Answer::kRefused);
  } else if (handles_.size() >= kMaxHandles) {
    Reply(op, Answer::kNoRoom);
  } else {
    FrameHead head;
    head.kind = FrameKind::kReply;
    head.op = op;
    head.handle = next_handle_++;
    const bool is_handed_over = Export(memory, &head);
    handles_[head.handle] = {memory, is_handed_over};
  }
  released_.push_back(memory);
  return nullptr;
}

// Answers an OPEN with what the peer needs to reach the memory itself; whether it got any.
bool Connection::Export(const std::shared_ptr<Memory>& memory, FrameHead* head) {
  if (provider_ == "shm" && memory->can_be_mapped()) {
    head->flags = kHasDescriptor;
    OutFrame reply(OutFrame::Sort::kAnswer, *head);
    reply.passed_descriptor = memory->shared.descriptor().get();
    reply.memory = memory;
    writer_.Add(std::move(reply));
    return true;
  }
  // Where a provider cannot register it, the socket carries the bytes.
  const std::shared_ptr<ProviderMemory> registered =
      maker_ == nullptr ? nullptr : memory->RegisteredWith(maker_.get());
  const std::string exported = registered == nullptr ? "" : registered->exported();
  head->nbytes = exported.size();
  OutFrame reply(OutFrame::Sort::kAnswer, *head);
  reply.bytes += exported;
  writer_.Add(std::move(reply));
  return !exported.empty();
}

std::shared_ptr<Memory> Connection::FindHandle(uint32_t handle) const {
  const auto opened = handles_.find(handle);
  return opened == handles_.end() ? nullptr : opened->second.memory;
}

// The slices of the frame as places in the region.
Answer Connection::CheckSlices(const std::shared_ptr<Memory>& memory, Access wanted,
                               std::vector<iovec>* places) const {
  if (memory == nullptr) return Answer::kClosed;
  if (!Allows(memory->key.access, wanted)) return Answer::kRefused;
  places->reserve(reader_.slices().size());
  for (const WireSlice& slice : reader_.slices()) {
    const uint64_t size = memory->key.nbytes;
    if (slice.offset > size || slice.nbytes > size - slice.offset) return Answer::kOutOfBounds;
    if (slice.nbytes > 0) places->push_back({memory->data + slice.offset, slice.nbytes});
  }
  return Answer::kDone;
}

void Connection::EndRead() {
  std::shared_ptr<Memory> memory = FindHandle(reader_.head().handle);
  std::vector<iovec> places;
  const Answer answer = CheckSlices(memory, Access::kRead, &places);
  if (answer != Answer::kDone) {
    released_.push_back(std::move(memory));
    Reply(reader_.head().op, answer);
    return;
  }
  FrameHead head;
  head.kind = FrameKind::kReply;
  head.op = reader_.head().op;
  for (const iovec& place : places) head.nbytes += place.iov_len;
  OutFrame reply(OutFrame::Sort::kAnswer, head);
  reply.slices = reader_.head().count;
  reply.payload = std::move(places);
  reply.memory = std::move(memory);
  writer_.Add(std::move(reply));
}

const char* Connection::BeginWrite() {
  incoming_.memory = FindHandle(reader_.head().handle);
  std::vector<iovec> places;
  incoming_.answer = CheckSlices(incoming_.memory, Access::kWrite, &places);
  if (incoming_.answer == Answer::kDone) reader_.PlaceAt(places);
  return nullptr;
}

void Connection::EndWrite() {
  const FrameHead& head = reader_.head();
  Answer answer = incoming_.answer;
  if (answer == Answer::kDone && (head.flags & kHasImmediate) != 0 &&
      !core_->events().AddImmediate({number_, head.value, MonotonicNs()})) {
    answer = Answer::kNoRoom;
  }
  Reply(head.op, answer);
}

const char* Connection::TakeRevoke() {
  const FrameHead& head = reader_.head();
  if (head.flags == kReleased) {
    const auto opened = handles_.find(head.handle);
    if (opened == handles_.end()) return nullptr;  // Closed here at the same time.
    released_.push_back(std::move(opened->second.memory));
    handles_.erase(opened);
    return nullptr;
  }
  const auto found = remotes_.find(head.handle);
  std::shared_ptr<RemoteMemory> remote = found == remotes_.end() ? nullptr : found->second.lock();
  if (remote != nullptr) {
    // Who copies now does so for 1 MiB at most.
    remote->gate.Close();
    remote->gate.WaitUntilEmpty(kNever);
    remote->mapping = SharedMemory();
    released_.push_back(std::move(remote->target));
    released_.push_back(std::move(remote));
  }
  if (head.op == 0) return nullptr;
  FrameHead reply;
  reply.kind = FrameKind::kReply;
  reply.op = head.op;
  writer_.Add(OutFrame(OutFrame::Sort::kOther, reply));  // Not asked for by the program there.
  return nullptr;
}

}  // namespace mlperf::transfer
