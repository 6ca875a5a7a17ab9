// One libfabric domain (a NIC, or what stands for one): its registered memory, its endpoints, and
// the thread that drives them.
//
// libfabric's progress is manual: what arrives is looked at when a completion queue is read. The
// thread does that for all endpoints, asleep on the queues' descriptors where libfabric has them.
#ifndef MLPERF_TRANSFER_FABRIC_DOMAIN_H_
#define MLPERF_TRANSFER_FABRIC_DOMAIN_H_

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "descriptor.h"
#include "engine.h"
#include "fabric/libfabric.h"
#include "fabric_provider.h"
#include "provider.h"
#include "status.h"

namespace mlperf::transfer {

// Closes an object of libfabric with this one. In a forked child it is left alone: the device and
// the memory are the parent's.
template <typename Fid>
class FabricObject {
 public:
  FabricObject() = default;
  ~FabricObject() { Close(); }
  FabricObject(const FabricObject&) = delete;
  FabricObject& operator=(const FabricObject&) = delete;

  Fid* get() const { return object_; }
  Fid** out() { return &object_; }
  Fid* operator->() const { return object_; }
  void Close() {
    if (object_ && generation_ == ProcessGeneration()) fi_close(&object_->fid);
    object_ = nullptr;
  }

 private:
  Fid* object_ = nullptr;
  const uint64_t generation_ = ProcessGeneration();
};

class FabricEndpoint;

class FabricDomain {
 public:
  static Status Open(const FabricKind& kind, std::shared_ptr<FabricDomain>* domain);
  FabricDomain(const FabricKind& kind, const Libfabric& library, InfoPtr info);
  FabricDomain(const FabricDomain&) = delete;
  FabricDomain& operator=(const FabricDomain&) = delete;

  // For peers to write and read within `access`, and for this end's own operations.
  Status RegisterMemory(char* data, uint64_t nbytes, Access access, FabricObject<fid_mr>* memory);
  // What others give for the first byte of `data`.
  uint64_t RemoteAddressOf(const char* data) const;
  // Names the library's provider, its protocol and kind of address: ends that differ cannot
  // connect.
  std::string Protocol() const;

  // Endpoints are driven by Drive() while they are listed.
  void List(const std::shared_ptr<FabricEndpoint>& endpoint);
  void Unlist(const FabricEndpoint* endpoint);

  // The thread's whole life: until Stop().
  void Drive();
  void Stop();
  // Has the thread look at its endpoints again.
  void Wake();

  const FabricKind& kind() const { return kind_; }
  const Libfabric& library() const { return library_; }
  fi_info* info() const { return info_.get(); }
  fid_fabric* fabric() const { return fabric_.get(); }
  fid_domain* domain() const { return domain_.get(); }

 private:
  bool DriveAll(const std::vector<std::shared_ptr<FabricEndpoint>>& endpoints);
  void SleepUntilSomethingComes(const std::vector<std::shared_ptr<FabricEndpoint>>& endpoints);

  const FabricKind kind_;
  const Libfabric& library_;
  const InfoPtr info_;
  FabricObject<fid_fabric> fabric_;
  FabricObject<fid_domain> domain_;  // Closed before the fabric that it is of.
  Descriptor wake_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;  // Of endpoints_.
  std::vector<std::shared_ptr<FabricEndpoint>> endpoints_;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_FABRIC_DOMAIN_H_
