#include "cuda/cuda_copier.h"

#include <utility>

namespace mlperf::transfer {

CudaCopier::CudaCopier(const CudaDriver& driver)
    : state_(std::make_shared<State>(driver)),
      thread_(std::make_unique<std::thread>([state = state_] { state->Run(); })) {}

CudaCopier::~CudaCopier() {
  if (generation_ != ProcessGeneration()) {  // The thread is the parent's: there is none to join.
    static_cast<void>(thread_.release());
    return;
  }
  Stop();
  // A batch that has just ended can be the last owner of this.
  if (thread_->get_id() == std::this_thread::get_id()) {
    thread_->detach();
  } else {
    thread_->join();
  }
}

Status CudaCopier::Add(CudaBatch batch) {
  const std::lock_guard lock(state_->mutex);
  if (state_->is_stopped) return Status::PeerLost("the connection is closed");
  state_->waiting.push_back(std::move(batch));
  state_->changed.notify_all();
  return {};
}

void CudaCopier::Stop() {
  if (generation_ != ProcessGeneration()) return;
  std::deque<CudaBatch> left;
  {
    std::unique_lock lock(state_->mutex);
    state_->is_stopped = true;
    left.swap(state_->waiting);
    state_->changed.notify_all();
    state_->changed.wait(lock, [&] { return !state_->is_copying; });
  }
  for (const CudaBatch& batch : left) batch.done(Status::PeerLost("the connection is closed"));
}

void CudaCopier::State::Run() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [&] { return is_stopped || !waiting.empty(); });
    if (waiting.empty()) return;
    CudaBatch batch = std::move(waiting.front());
    waiting.pop_front();
    is_copying = true;
    lock.unlock();
    Status status = Copy(batch);
    lock.lock();
    is_copying = false;
    changed.notify_all();
    lock.unlock();
    batch.done(std::move(status));
    batch = {};  // What it kept alive goes without the lock.
    lock.lock();
  }
}

Status CudaCopier::State::Copy(const CudaBatch& batch) {
  Status status = driver.Check("cuCtxSetCurrent", driver.CtxSetCurrent(batch.context));
  if (!status.ok()) return status;
  CUstream stream = nullptr;
  status = driver.Check("cuStreamCreate", driver.StreamCreate(&stream, kCudaNonBlockingStream));
  if (!status.ok()) return status;
  for (const CudaCopy& copy : batch.copies) {
    if (copy.nbytes == 0) continue;
    status =
        driver.Check("cuMemcpyAsync", driver.MemcpyAsync(copy.to, copy.from, copy.nbytes, stream));
    if (!status.ok()) break;
  }
  // Also after a fault: what was begun must not touch memory any more.
  const Status ended = driver.Check("cuStreamSynchronize", driver.StreamSynchronize(stream));
  driver.StreamDestroy(stream);
  return status.ok() ? ended : status;
}

}  // namespace mlperf::transfer
