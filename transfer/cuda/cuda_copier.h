// A thread that copies to, from and between GPUs, one batch after the other.
//
// The driver's calls can wait for a GPU, and its errors come at the end of a stream: so they are
// made here, where a batch's end is known when the stream has run dry.
#ifndef MLPERF_TRANSFER_CUDA_CUDA_COPIER_H_
#define MLPERF_TRANSFER_CUDA_CUDA_COPIER_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cuda/cuda_driver.h"
#include "descriptor.h"
#include "status.h"

namespace mlperf::transfer {

struct CudaCopy {
  CUdeviceptr to = 0;
  CUdeviceptr from = 0;
  size_t nbytes = 0;
};

struct CudaBatch {
  CUcontext context = nullptr;
  std::vector<CudaCopy> copies;
  std::shared_ptr<void> keeps_alive;
  std::function<void(Status)> done;
};

class CudaCopier {
 public:
  explicit CudaCopier(const CudaDriver& driver);
  ~CudaCopier();
  CudaCopier(const CudaCopier&) = delete;
  CudaCopier& operator=(const CudaCopier&) = delete;

  // kPeerLost once it was stopped; else `done` is called from its thread.
  Status Add(CudaBatch batch);
  // Waits for the batch that is being copied; `done` of all others gets kPeerLost.
  void Stop();

 private:
  // Shared with the thread, which outlives this if it is what destroys it.
  struct State {
    explicit State(const CudaDriver& given) : driver(given) {}
    void Run();
    Status Copy(const CudaBatch& batch);

    const CudaDriver& driver;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<CudaBatch> waiting;
    bool is_copying = false;
    bool is_stopped = false;
  };

  const uint64_t generation_ = ProcessGeneration();
  const std::shared_ptr<State> state_;
  std::unique_ptr<std::thread> thread_;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_CUDA_CUDA_COPIER_H_
