// The providers "verbs" (InfiniBand, RoCE) and "efa" (AWS), by libfabric, which is opened at run
// time. Built without libfabric's headers, this says so when it is asked.
//
// Bytes move by the NIC, past both ends' programs. Rights are checked by the NIC, too, by keys of
// 32 bits, and nothing is encrypted: for trusted networks only.
#ifndef MLPERF_TRANSFER_FABRIC_PROVIDER_H_
#define MLPERF_TRANSFER_FABRIC_PROVIDER_H_

#include <memory>
#include <string>

#include "provider.h"
#include "providers.h"
#include "status.h"

namespace mlperf::transfer {

struct FabricKind {
  const char* name;              // Of our provider.
  const char* libfabric_name;    // Of libfabric's.
  const char* tested;            // See ProviderInfo.
  const char* source = nullptr;  // The host name or address to use; null: libfabric chooses.
  double reachable_s = 5;        // How long a peer may take to be reached.
};

inline constexpr FabricKind kVerbs = {"verbs", "verbs;ofi_rxm", "in emulation"};
inline constexpr FabricKind kEfa = {"efa", "efa", "never"};

// Whether it can be used here, and why not.
ProviderInfo DescribeFabric(const FabricKind& kind);

Status MakeFabricProvider(const FabricKind& kind, std::shared_ptr<Provider>* provider);

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_FABRIC_PROVIDER_H_
