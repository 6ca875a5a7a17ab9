// One end of libfabric's one-sided operations: its completion queue, and the batches under way.
//
// A provider has one endpoint that peers reach, whose address it introduces, and one for each link,
// from which the link's operations go out: closing that one ends them, with certainty.
#ifndef MLPERF_TRANSFER_FABRIC_ENDPOINT_H_
#define MLPERF_TRANSFER_FABRIC_ENDPOINT_H_

#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/fabric_domain.h"
#include "fabric/fabric_memory.h"
#include "provider.h"
#include "status.h"

namespace mlperf::transfer {

// A batch under way. It is cut into pieces that libfabric takes; each has a completion.
struct FabricBatch {
  bool is_write = false;
  char* local = nullptr;
  std::shared_ptr<FabricMemory> local_memory;  // In use until `done` is called.
  FabricKey remote;
  std::vector<Slice> slices;
  std::function<void(Status)> done;

  size_t next = 0;         // The slice whose pieces are posted now,
  uint64_t offset = 0;     // and how much of it was.
  uint64_t under_way = 0;  // Pieces without a completion yet.
  Status status;           // The first fault; then no more pieces are posted.

  bool is_posted() const { return next == slices.size() || !status.ok(); }
};

class FabricEndpoint {
 public:
  explicit FabricEndpoint(std::shared_ptr<FabricDomain> domain);
  ~FabricEndpoint() { Close(); }
  FabricEndpoint(const FabricEndpoint&) = delete;
  FabricEndpoint& operator=(const FabricEndpoint&) = delete;

  Status Open();
  Status Address(std::string* address);
  // Where all of this endpoint's operations go. The bytes may be anything.
  Status SetPeer(std::string_view address);

  // From any thread. `done` may be called from within.
  Status Post(std::unique_ptr<FabricBatch> batch);

  // For the domain's thread: takes completions and posts what waits. Whether there was any.
  bool Drive();
  enum class Sleep { kNotNow, kByDescriptor, kByTime };
  Sleep PrepareToSleep(int* descriptor);

  // Fails what is under way with kPeerLost. Nothing is read or written any more once it returned.
  void Close();

 private:
  using Batches = std::list<std::unique_ptr<FabricBatch>>;

  // Those below need the mutex. Batches that ended are moved to `ended`, whose `done` is called
  // without it.
  void PostWaiting();
  bool PostPiece(FabricBatch* batch);
  void GiveUpIfUnreachable();
  int TakeCompletions();
  void TakeError();
  void TakeEnded(Batches* ended);
  void Announce(Batches ended);

  const std::shared_ptr<FabricDomain> domain_;
  const uint64_t generation_ = ProcessGeneration();
  std::mutex mutex_;
  FabricObject<fid_av> addresses_;
  FabricObject<fid_cq> queue_;
  FabricObject<fid_ep> endpoint_;  // Closed before the two that are bound to it.
  int descriptor_ = -1;            // Of the queue, which owns it; -1: it has none.
  fi_addr_t peer_ = FI_ADDR_UNSPEC;
  bool is_closed_ = false;
  uint64_t under_way_ = 0;  // Pieces of all batches.
  int64_t refused_since_ns_ =
      0;             // Since when libfabric takes none though none is under way; 0: it does.
  Batches batches_;  // In the order posted. All of them are posted but for the last ones.
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_FABRIC_ENDPOINT_H_
