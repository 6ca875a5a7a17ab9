// cuda_provider.h where it was not built.
#include "cuda_provider.h"

namespace mlperf::transfer {
namespace {

constexpr char kWhy[] = "built without CUDA (LOADGEN_WITH_CUDA)";

}  // namespace

ProviderInfo DescribeCuda() { return {kCuda, false, kWhy, {}, "never"}; }

Status MakeCudaProvider(std::shared_ptr<Provider>*) {
  return Status::Failed(std::string(kCuda) + ": " + kWhy);
}

}  // namespace mlperf::transfer
