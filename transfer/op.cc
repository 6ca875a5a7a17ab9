#include "op.h"

#include <utility>

#include "connection.h"
#include "futex.h"

namespace mlperf::transfer {

Op::Op(std::shared_ptr<Region> local, std::shared_ptr<Connection> connection, uint64_t nbytes)
    : local_(std::move(local)),
      connection_(std::move(connection)),
      nbytes_(nbytes),
      posted_ns_(MonotonicNs()) {}

Op::~Op() = default;

Status Op::status() const {
  return done() ? status_ : Status::Timeout("the operation is not done yet");
}

Status Op::Wait(double timeout_s) {
  if (done()) return status_;
  if (!connection_->is_of_this_process()) return Connection::ForkedStatus();
  const int64_t deadline_ns = DeadlineAfter(timeout_s);
  while (!done()) {
    if (!connection_->Help(*this, deadline_ns)) SleepUntil(deadline_ns);
    if (!done() && MonotonicNs() >= deadline_ns) {
      return Status::Timeout("the operation was not done in time; it goes on");
    }
  }
  return status_;
}

bool Op::OnDone(std::function<void()> call) {
  on_done_ = std::move(call);
  return (state_.fetch_or(kHasCall, std::memory_order_acq_rel) & kDone) == 0;
}

void Op::Complete(Status status) {
  if (is_completing_.exchange(true, std::memory_order_acq_rel)) return;
  status_ = std::move(status);
  completed_ns_ = MonotonicNs();
  const uint32_t before = state_.fetch_or(kDone);
  if (sleepers_.load() > 0) FutexWakeAll(&state_);
  if ((before & kHasCall) != 0) on_done_();
}

void Op::SleepUntil(int64_t deadline_ns) {
  ++sleepers_;
  const uint32_t state = state_.load();
  if ((state & kDone) == 0) FutexWait(&state_, state, deadline_ns);
  --sleepers_;
}

}  // namespace mlperf::transfer
