// The provider "cuda": memory of NVIDIA GPUs of one machine, by the CUDA driver, which is opened at
// run time; between GPUs the driver takes NVLink where there is one. Never tried on a GPU.
//
// It is for regions in device memory of cudaMalloc's kind, which a peer opens by the driver's
// handle and copies from and to itself. Opening one shows the peer the whole allocation that the
// region is a part of. Regions in host memory travel by the connection.
#ifndef MLPERF_TRANSFER_CUDA_PROVIDER_H_
#define MLPERF_TRANSFER_CUDA_PROVIDER_H_

#include <memory>

#include "provider.h"
#include "providers.h"
#include "status.h"

namespace mlperf::transfer {

struct CudaDriver;

inline constexpr char kCuda[] = "cuda";

// Whether it can be used here, and why not.
ProviderInfo DescribeCuda();

Status MakeCudaProvider(std::shared_ptr<Provider>* provider);
// With another driver, which lives as long as the process, for tests.
std::shared_ptr<Provider> MakeCudaProvider(const CudaDriver& driver);

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_CUDA_PROVIDER_H_
