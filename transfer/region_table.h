// The regions of an engine: their memory, the descriptors that name them, and where they are found.
#ifndef MLPERF_TRANSFER_REGION_TABLE_H_
#define MLPERF_TRANSFER_REGION_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine.h"
#include "gate.h"
#include "handshake.h"
#include "provider.h"
#include "shared_memory.h"
#include "status.h"

namespace mlperf::transfer {

// What a descriptor says. No address is in it.
struct RegionKey {
  uint64_t id = 0;
  std::string key;  // 16 random bytes.
  Access access = Access::kReadWrite;
  uint64_t nbytes = 0;
};

// Little-endian, as frames have them.
void AppendNumber(uint64_t number, std::string* to);

std::string EncodeDescriptor(const RegionKey& key);
Status DecodeDescriptor(std::string_view descriptor, RegionKey* key);

// What OPEN carries in place of the key: who knows the key can make it, for this connection alone.
Digest ProofOfKey(const RegionKey& key, const Nonce& connecting, const Nonce& accepting);

// What a Region stands for. Everything but the gate and `exports` is set before it is shared.
struct Memory {
  RegionKey key;
  std::string descriptor;
  char* data = nullptr;
  SharedMemory shared;          // Empty if the memory is the program's.
  std::shared_ptr<void> owner;  // Of the program's memory.
  std::weak_ptr<EngineCore> engine;

  Gate gate;  // Copies, and transfers of providers, that use it at this end.

  std::mutex exports_mutex;
  std::map<Provider*, std::shared_ptr<ProviderMemory>> exports;

  // The memory as a provider knows it, registered when it is first asked for; null if the provider
  // cannot, or if the region is closed.
  std::shared_ptr<ProviderMemory> RegisteredWith(Provider* provider);
  // No provider uses it any more once this returned.
  void CloseExports();

  bool can_be_mapped() const {
    return shared.data() != nullptr && Allows(key.access, Access::kRead);
  }
};

// Any thread.
class RegionTable {
 public:
  // Gives `memory` an id, a key and its descriptor.
  void Add(const std::shared_ptr<Memory>& memory);
  std::shared_ptr<Memory> Find(uint64_t id) const;
  void Remove(uint64_t id);
  std::vector<std::shared_ptr<Memory>> All() const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, std::weak_ptr<Memory>> memories_;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_REGION_TABLE_H_
