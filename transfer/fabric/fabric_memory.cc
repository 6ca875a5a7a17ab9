#include "fabric/fabric_memory.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "fabric/fabric_endpoint.h"

namespace mlperf::transfer {

std::string ToBytes(const FabricKey& key) {
  return std::string(reinterpret_cast<const char*>(&key), sizeof key);
}

Status FromBytes(std::string_view bytes, FabricKey* key) {
  if (bytes.size() != sizeof *key) {
    return Status::Refused("the peer's region has a libfabric key of " +
                           std::to_string(bytes.size()) + " bytes instead of " +
                           std::to_string(sizeof *key));
  }
  memcpy(key, bytes.data(), sizeof *key);
  return {};
}

FabricMemory::FabricMemory(std::shared_ptr<FabricDomain> domain, char* data)
    : domain_(std::move(domain)), data_(data) {}

Status FabricMemory::Register(uint64_t nbytes, Access access) {
  return domain_->RegisterMemory(data_, nbytes, access, &registered_);
}

std::string FabricMemory::exported() const {
  return ToBytes({domain_->RemoteAddressOf(data_), fi_mr_key(registered_.get())});
}

bool FabricMemory::Use(const std::shared_ptr<FabricEndpoint>& user) {
  const std::lock_guard lock(mutex_);
  if (!is_closed_) users_.push_back(user);
  return !is_closed_;
}

void FabricMemory::Release(const FabricEndpoint* user) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(users_, user, [](const auto& held) { return held.get(); });
  if (found != users_.end()) users_.erase(found);
  if (users_.empty()) unused_.notify_all();
}

void FabricMemory::Close() {
  if (generation_ != ProcessGeneration()) return;  // In a forked child it is the parent's.
  std::unique_lock lock(mutex_);
  if (is_closed_) return;
  is_closed_ = true;
  unused_.wait_for(lock, std::chrono::seconds(1), [&] { return users_.empty(); });
  const std::vector<std::shared_ptr<FabricEndpoint>> late = users_;
  lock.unlock();
  for (const auto& user : late) user->Close();
  registered_.Close();
}

}  // namespace mlperf::transfer
