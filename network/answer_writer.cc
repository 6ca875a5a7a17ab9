#include "answer_writer.h"

#include <fcntl.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "platform/clock.h"

namespace mlperf::network {
namespace {

using loadgen::ServedEvent;
using loadgen::ServedRow;

// Above this, answers are gathered: until there are kMostGatheredBytes, the system's thread is
// through with what it took, or kGatherNs have passed.
constexpr int64_t kHighPacePerS = 40'000;
constexpr int64_t kGatherNs = 200'000;
constexpr size_t kMostGatheredBytes = 32 << 10;
constexpr size_t kLargeBytes = 32 << 10;  // From here on, bytes are not put among the others.

int Require(int made, const char* call) {
  if (made < 0) throw std::system_error(errno, std::generic_category(), call);
  return made;
}

std::string TooLarge(uint64_t size, uint64_t most) {
  return "an answer has " + std::to_string(size) + " bytes, more than the " + std::to_string(most) +
         " the load generator takes: give it a higher max_answer_bytes";
}

}  // namespace

AnswerWriter::AnswerWriter(Options options)
    : options_(std::move(options)),
      writable_(Require(fcntl(options_.socket->get(), F_DUPFD_CLOEXEC, 0), "fcntl")),
      timer_(
          Require(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")),
      pace_(kHighPacePerS) {}

void AnswerWriter::Open() {
  const auto self = shared_from_this();
  options_.poller->Watch(writable_.get(), 0, [self](uint32_t) { self->Flush(); });
  options_.poller->Watch(timer_.get(), 0, [self](uint32_t) { self->EndGathering(); });
}

void AnswerWriter::Close() {
  options_.poller->Forget(writable_.get());
  options_.poller->Forget(timer_.get());
  std::lock_guard<std::mutex> lock(mutex_);
  is_closed_ = true;
}

void AnswerWriter::Take(const ServedRow& row, const void* data) {
  const auto kind = static_cast<AnswerKind>(row.event);
  if (row.size > options_.max_answer_bytes) {
    const std::string text = TooLarge(row.size, options_.max_answer_bytes);
    Add(row, row.ends() ? AnswerKind::kFailed : AnswerKind::kFault, text.data(), text.size());
  } else {
    Add(row, kind, data, row.size);
  }
  if (row.ends()) options_.payloads->Release(row.index);
}

void AnswerWriter::Add(const ServedRow& row, AnswerKind kind, const void* data, size_t size) {
  AnswerRecord record;
  record.kind = kind;
  record.key = row.key;
  record.n_tokens = row.n_tokens;
  record.size = size;
  record.received_ns = row.received_ns;
  record.issued_ns = row.issued_ns;
  record.completed_ns = row.time_ns;
  const size_t padded = Padded(size);
  std::shared_ptr<std::byte[]> large;
  if (size >= kLargeBytes) {
    large = std::make_shared_for_overwrite<std::byte[]>(padded);
    std::memcpy(large.get(), data, size);
    std::memset(large.get() + size, 0, padded - size);
  }
  std::lock_guard<std::mutex> lock(mutex_);
  if (is_closed_) return;
  if (sent_record_ == nullptr) sent_record_ = gathered_.Extend(sizeof(record));
  std::byte* room = gathered_.Extend(sizeof(record) + (large ? 0 : padded));
  std::memcpy(room, &record, sizeof(record));
  if (large != nullptr) {
    gathered_.Refer({large.get(), padded}, large);
  } else if (size > 0) {
    std::memset(room + sizeof(record) + padded - kAlignment, 0, kAlignment);
    std::memcpy(room + sizeof(record), data, size);
  }
  ++gathered_count_;
  ++unpublished_count_;
}

void AnswerWriter::Publish() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const int64_t now_ns = loadgen::MonotonicClock().NowNs();
    pace_.Add(std::exchange(unpublished_count_, 0), now_ns);
    if (pace_.IsHigh(now_ns) && gathered_.bytes() < kMostGatheredBytes) return Gather();
  }
  Flush();
}

void AnswerWriter::Gather() {
  if (timer_runs_ || is_closed_) return;
  timer_runs_ = true;
  itimerspec due = {};
  due.it_value.tv_nsec = kGatherNs;
  timerfd_settime(timer_.get(), 0, &due, nullptr);
  options_.poller->Arm(timer_.get(), EPOLLIN);
}

void AnswerWriter::EndGathering() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    timer_runs_ = false;
  }
  Flush();
}

// What comes while a thread writes is written by that thread, too.
void AnswerWriter::Flush() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (is_writing_) return;
  is_writing_ = true;
  WriteEnd end = WriteEnd::kDone;
  while (!is_closed_ && end == WriteEnd::kDone && !(sending_.empty() && gathered_.empty())) {
    if (sending_.empty()) BeginWrite();
    lock.unlock();
    end = sending_.WriteTo(options_.socket->get(), SIZE_MAX);
    lock.lock();
    if (end == WriteEnd::kDone) sending_count_ = 0;
  }
  is_writing_ = false;
  if (is_closed_) return;
  if (end == WriteEnd::kBroken) return Lose("closed its lane");
  if (end != WriteEnd::kFull) return;
  if (gathered_count_ + sending_count_ > options_.max_unread_answers) {
    return Lose("does not take its answers and is given up");
  }
  options_.poller->Arm(writable_.get(), EPOLLOUT);
}

void AnswerWriter::BeginWrite() {
  AnswerRecord sent;
  sent.kind = AnswerKind::kSent;
  sent.sent_ns = loadgen::MonotonicClock().NowNs();
  std::memcpy(sent_record_, &sent, sizeof(sent));
  sent_record_ = nullptr;
  std::swap(gathered_, sending_);
  sending_count_ = std::exchange(gathered_count_, 0);
}

void AnswerWriter::Lose(std::string reason) {
  is_closed_ = true;
  gathered_.Clear();
  sending_.Clear();
  options_.lost(std::move(reason));
}

}  // namespace mlperf::network
