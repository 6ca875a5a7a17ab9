// A region as libfabric knows it.
#ifndef MLPERF_TRANSFER_FABRIC_MEMORY_H_
#define MLPERF_TRANSFER_FABRIC_MEMORY_H_

#include <rdma/fi_domain.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/fabric_domain.h"
#include "provider.h"
#include "status.h"

namespace mlperf::transfer {

class FabricEndpoint;

// What a peer needs to reach a region: what it gives for the first byte, and the key.
struct FabricKey {
  uint64_t address = 0;
  uint64_t key = 0;
};
std::string ToBytes(const FabricKey& key);
Status FromBytes(std::string_view bytes, FabricKey* key);

class FabricMemory : public ProviderMemory {
 public:
  FabricMemory(std::shared_ptr<FabricDomain> domain, char* data);
  ~FabricMemory() override { Close(); }

  Status Register(uint64_t nbytes, Access access);
  std::string exported() const override;

  // For a batch whose local end it is: from Use() to Release() libfabric may touch it. False if it
  // is closed.
  bool Use(const std::shared_ptr<FabricEndpoint>& user);
  void Release(const FabricEndpoint* user);
  void* descriptor() const { return fi_mr_desc(registered_.get()); }

  // Waits 1 s for those who use it, and closes their endpoints then.
  void Close() override;

 private:
  const std::shared_ptr<FabricDomain> domain_;
  const uint64_t generation_ = ProcessGeneration();
  char* const data_;
  FabricObject<fid_mr> registered_;
  std::mutex mutex_;
  std::condition_variable unused_;
  bool is_closed_ = false;
  std::vector<std::shared_ptr<FabricEndpoint>> users_;  // Once for each batch.
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_FABRIC_MEMORY_H_
