#include "node_lane.h"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <utility>

#include "platform/clock.h"

namespace mlperf::network {
namespace {

constexpr size_t kMostSamplesOfAQuery = 4096;  // Beyond that it is divided.
constexpr int kMostReads = 16;                 // Before other threads may have what is there.

}  // namespace

NodeLane::NodeLane(std::shared_ptr<HostedSystem> system, transfer::Descriptor socket,
                   ForeignArena arena, LaneLimits limits, std::function<void(LaneEnd)> ended)
    : system_(std::move(system)),
      socket_(std::make_shared<const transfer::Descriptor>(std::move(socket))),
      arena_(std::move(arena)),
      ended_(std::move(ended)),
      last_received_ns_(loadgen::MonotonicClock().NowNs()),
      reader_(limits.max_payload_bytes) {
  AnswerWriter::Options options;
  options.socket = socket_;
  options.max_answer_bytes = limits.max_answer_bytes;
  options.max_unread_answers = limits.max_unread_answers;
  options.payloads = &system_->payloads;
  options.poller = &system_->poller;
  options.lost = [ended = ended_](std::string reason) {
    ended({LaneEnd::Kind::kBroken, std::move(reason)});
  };
  writer_ = std::make_shared<AnswerWriter>(std::move(options));
}

void NodeLane::Open() {
  writer_->Open();
  system_->served->SetOutlet(writer_);
  system_->poller.Watch(socket_->get(), EPOLLIN, [self = shared_from_this()](uint32_t) {
    std::lock_guard<std::mutex> lock(self->mutex_);
    try {
      self->Read();
    } catch (const std::exception& error) {  // Of memory, say, for a large sample.
      self->End(LaneEnd::Kind::kBroken, std::string("is given up: ") + error.what());
    }
  });
}

void NodeLane::Close() {
  system_->poller.Forget(socket_->get());
  writer_->Close();
  std::lock_guard<std::mutex> lock(mutex_);
  if (std::exchange(is_closed_, true)) return;
  shutdown(socket_->get(), SHUT_RDWR);
  read_to_end_.notify_all();
}

bool NodeLane::WaitForEnd(int timeout_ms) {
  std::unique_lock<std::mutex> lock(mutex_);
  return read_to_end_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                               [&] { return is_at_end_ || is_closed_; });
}

// A thread that waited for work has enough with the first of it: who has nothing to do reads on.
void NodeLane::Read() {
  bool may_have_more = true;
  for (int i = 0; may_have_more && i < kMostReads && query_ends_.empty(); ++i) {
    if (is_closed_ || !ReadOnce(&may_have_more)) return;
  }
  IssueWhole();
  system_->poller.Arm(socket_->get(), EPOLLIN);
}

// False if nothing more will come.
bool NodeLane::ReadOnce(bool* may_have_more) {
  const std::span<std::byte> room = reader_.Room();
  const ssize_t count = recv(socket_->get(), room.data(), room.size(), 0);
  const int error = errno;
  *may_have_more = count == static_cast<ssize_t>(room.size());
  if (count < 0 && (error == EAGAIN || error == EINTR)) return true;
  if (count <= 0) {
    is_at_end_ = true;
    read_to_end_.notify_all();
    if (count < 0) End(LaneEnd::Kind::kBroken, std::string("closed its lane: ") + strerror(error));
    return false;
  }
  const int64_t now_ns = loadgen::MonotonicClock().NowNs();
  last_received_ns_ = now_ns;
  reader_.Filled(static_cast<size_t>(count));
  TakeRecords(now_ns);
  return !is_closed_;
}

void NodeLane::TakeRecords(int64_t now_ns) {
  Received<SampleRecord> received;
  while (reader_.Next(&received)) {
    const SampleKind kind = received.record.kind;
    if (kind == SampleKind::kSample ||
        (kind == SampleKind::kPlaced && IsInArena(received.record))) {
      TakeSample(&received, now_ns);
    } else if (kind == SampleKind::kFlush) {
      IssueWhole();
      system_->work.Push({Work::Kind::kFlush, {}, {}});
    } else {
      return End(LaneEnd::Kind::kNonsense, "a place in memory that is not shared");
    }
  }
  if (!reader_.fault().empty()) End(LaneEnd::Kind::kNonsense, reader_.fault());
}

bool NodeLane::IsInArena(const SampleRecord& record) const {
  const uint64_t nbytes = arena_ != nullptr ? arena_->nbytes() : 0;
  const uint64_t size = Padded(record.layout_bytes) + Padded(record.size);
  return record.place % kAlignment == 0 && record.place <= nbytes && size <= nbytes - record.place;
}

void NodeLane::TakeSample(Received<SampleRecord>* received, int64_t now_ns) {
  const SampleRecord& record = received->record;
  samples_.push_back({record.key, record.index, now_ns});
  const size_t begun_at = query_ends_.empty() ? 0 : query_ends_.back();
  if (record.ends_query != 0 || samples_.size() - begun_at == kMostSamplesOfAQuery) {
    query_ends_.push_back(samples_.size());
  }
  system_->payloads.Hold(received, record.kind == SampleKind::kPlaced ? arena_ : nullptr);
}

// Of a query that is not read to its end, the samples stay.
void NodeLane::IssueWhole() {
  if (query_ends_.empty()) return;
  const size_t count = query_ends_.back();
  const ResponseId first = system_->served->Admit(samples_.data(), count);
  Work work;
  work.samples.reserve(count);
  for (size_t i = 0; i < count; ++i) work.samples.push_back({first + i, samples_[i].index});
  work.query_ends = std::exchange(query_ends_, {});
  samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(count));
  system_->work.Push(std::move(work));
}

void NodeLane::End(LaneEnd::Kind kind, std::string text) {
  if (std::exchange(is_closed_, true)) return;
  shutdown(socket_->get(), SHUT_RDWR);
  ended_({kind, std::move(text)});
}

}  // namespace mlperf::network
