// fabric_provider.h without libfabric's headers.
#include "fabric_provider.h"

namespace mlperf::transfer {
namespace {

constexpr char kWhy[] = "built without libfabric's headers";

}  // namespace

ProviderInfo DescribeFabric(const FabricKind& kind) {
  return {kind.name, false, kWhy, {}, kind.tested};
}

Status MakeFabricProvider(const FabricKind& kind, std::shared_ptr<Provider>*) {
  return Status::Failed(std::string(kind.name) + ": " + kWhy);
}

}  // namespace mlperf::transfer
