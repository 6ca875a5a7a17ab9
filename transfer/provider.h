// How bytes of reads and writes move where not by the connection itself. The connection keeps all
// else: handshake, opening and closing regions, messages, immediates, noticing a peer's end.
//
// An engine makes one Provider of each kind that it offers. When a connection chose it, both ends
// make a ProviderLink from what the other end's Introduce() said in the handshake. A region is
// registered with a provider when a peer on such a link opens it first, and what Register() exports
// travels in the answer to that OPEN.
#ifndef MLPERF_TRANSFER_PROVIDER_H_
#define MLPERF_TRANSFER_PROVIDER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine.h"
#include "op.h"
#include "status.h"

namespace mlperf::transfer {

// A region as a provider knows it; destroyed when the region is closed, after which no peer reaches
// it by this provider. Its maker keeps what it needs alive.
class ProviderMemory {
 public:
  virtual ~ProviderMemory() = default;
  // What a peer needs to reach it, at most 4,096 bytes: addresses, keys, handles.
  virtual std::string exported() const = 0;
  // No peer reaches it by this provider once this returned, and no operation of this end uses it.
  virtual void Close() = 0;
};

// A peer's region as a provider knows it; destroyed when it was revoked and no operation uses it.
class ProviderTarget {
 public:
  virtual ~ProviderTarget() = default;
};

// One batch. The slices were checked against both regions, and are at least one; they must be
// copied if they are used after the call.
struct ProviderBatch {
  bool is_write = false;
  char* local = nullptr;  // The begin of the local region, which `op` keeps alive.
  uint64_t local_nbytes = 0;
  std::shared_ptr<ProviderMemory> local_memory;  // The local region as this provider knows it.
  std::shared_ptr<ProviderTarget> target;
  std::span<const Slice> slices;
};

// One connection's share of a provider. Its methods are called from any thread, several at once.
class ProviderLink {
 public:
  virtual ~ProviderLink() = default;

  // `exported` comes from the peer, who may be hostile: check it.
  virtual Status Open(std::string_view exported, uint64_t nbytes, Access access,
                      std::shared_ptr<ProviderTarget>* target) = 0;

  // Begins to move a batch and calls `done` once, from any thread, also from within Post: with kOk
  // when a read's bytes are in local memory, or a write's in the peer's, as far as a later read of
  // anybody sees them. A status other than kOk: nothing was begun and `done` is not called.
  virtual Status Post(const ProviderBatch& batch, std::function<void(Status)> done) = 0;

  // Ends it: calls `done` of what is outstanding with kPeerLost. Nothing is written to local memory
  // once it returned. Called when the connection ends, for whatever reason; twice is fine.
  virtual void Close() = 0;
};

class Provider {
 public:
  virtual ~Provider() = default;
  virtual const char* name() const = 0;
  // Whatever the other end needs for a link, at most 1,024 bytes; the same for all connections.
  virtual std::string Introduce() = 0;
  // `introduction` comes from the peer, who may be hostile. A status other than kOk: the next
  // provider that both ends have is used.
  virtual Status Connect(std::string_view introduction, std::shared_ptr<ProviderLink>* link) = 0;
  virtual Status Register(char* data, uint64_t nbytes, Access access,
                          std::shared_ptr<ProviderMemory>* memory) = 0;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_PROVIDER_H_
