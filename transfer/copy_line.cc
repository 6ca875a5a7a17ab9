#include "copy_line.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "connection.h"

namespace mlperf::transfer {
namespace {

// Takes the next piece of a job, of kMaxCopyAtOnce bytes at most.
std::vector<Slice> Claim(CopyJob* job) {
  std::vector<Slice> piece;
  uint64_t left = kMaxCopyAtOnce;
  while (left > 0 && !job->is_claimed()) {
    const Slice& slice = job->slices[job->next_slice];
    const uint64_t step = std::min(left, slice.nbytes - job->offset);
    piece.push_back({slice.local_offset + job->offset, slice.remote_offset + job->offset, step});
    left -= step;
    job->offset += step;
    if (job->offset == slice.nbytes) {
      ++job->next_slice;
      job->offset = 0;
    }
  }
  return piece;
}

}  // namespace

Status CopySlices(const RemoteMemory& remote, const Memory& local, bool is_write,
                  std::span<const Slice> slices) {
  Gate& local_gate = const_cast<Gate&>(local.gate);
  Gate& remote_gate = const_cast<Gate&>(remote.gate);
  if (!local_gate.Enter()) return Status::Refused("the local region is closed");
  if (!remote_gate.Enter()) {
    local_gate.Leave();
    return Status::Refused("the peer closed the region");
  }
  char* const there = remote.mapping.data();
  for (const Slice& slice : slices) {
    char* const mine = local.data + slice.local_offset;
    char* const other = there + slice.remote_offset;
    std::memcpy(is_write ? other : mine, is_write ? mine : other, slice.nbytes);
  }
  remote_gate.Leave();
  local_gate.Leave();
  return {};
}

void CopyLine::Add(std::shared_ptr<CopyJob> job) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
}

bool CopyLine::is_empty() const {
  const std::lock_guard lock(mutex_);
  return jobs_.empty();
}

std::shared_ptr<CopyJob> CopyLine::FirstUnclaimed() const {
  for (const std::shared_ptr<CopyJob>& job : jobs_) {
    if (!job->is_claimed()) return job;
  }
  return nullptr;
}

bool CopyLine::Step() {
  std::vector<std::shared_ptr<CopyJob>> finished;
  std::unique_lock lock(mutex_);
  FinishFront(&finished);  // A job without slices is whole from the start.
  const std::shared_ptr<CopyJob> job = FirstUnclaimed();
  if (job == nullptr) return false;
  const std::vector<Slice> piece = Claim(job.get());
  ++job->running;
  lock.unlock();
  Status status = connection_->alive() ? CopySlices(*job->remote, *job->local, job->is_write, piece)
                                       : connection_->LostStatus();
  lock.lock();
  --job->running;
  if (!status.ok()) {
    job->fault = std::move(status);
    job->next_slice = job->slices.size();  // The rest is not copied any more.
  }
  FinishFront(&finished);
  return true;
}

// In order, and so under the lock: an immediate must not overtake that of an earlier write.
void CopyLine::FinishFront(std::vector<std::shared_ptr<CopyJob>>* finished) {
  while (!jobs_.empty() && jobs_.front()->is_claimed() && jobs_.front()->running == 0) {
    finished->push_back(std::move(jobs_.front()));
    jobs_.pop_front();
    connection_->FinishCopy(*finished->back());
  }
}

}  // namespace mlperf::transfer
