#include "region_table.h"

#include <cstring>

namespace mlperf::transfer {
namespace {

constexpr std::string_view kMagic = "MLT1";
constexpr size_t kKeySize = 16;
constexpr size_t kCheckSize = 8;
constexpr size_t kDescriptorSize = 4 + 8 + kKeySize + 1 + 8 + kCheckSize;

uint64_t Take(std::string_view* from) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) {
    number |= uint64_t{static_cast<uint8_t>((*from)[i])} << (8 * i);
  }
  from->remove_prefix(8);
  return number;
}

// Finds changed bytes; it protects nothing.
std::string CheckOf(std::string_view text) {
  return std::string(BytesOf(Sha256(text)).substr(0, kCheckSize));
}

std::string_view Bytes(const Nonce& nonce) {
  return {reinterpret_cast<const char*>(nonce.data()), nonce.size()};
}

}  // namespace

void AppendNumber(uint64_t number, std::string* to) {
  for (int shift = 0; shift < 64; shift += 8) to->push_back(static_cast<char>(number >> shift));
}

std::string EncodeDescriptor(const RegionKey& key) {
  std::string text(kMagic);
  AppendNumber(key.id, &text);
  text.append(key.key);
  text.push_back(static_cast<char>(key.access));
  AppendNumber(key.nbytes, &text);
  return text + CheckOf(text);
}

Status DecodeDescriptor(std::string_view descriptor, RegionKey* key) {
  if (descriptor.size() != kDescriptorSize || !descriptor.starts_with(kMagic)) {
    return Status::Invalid(
        "this is no descriptor of a region; give the bytes of region.descriptor");
  }
  const size_t checked = kDescriptorSize - kCheckSize;
  if (descriptor.substr(checked) != CheckOf(descriptor.substr(0, checked))) {
    return Status::Invalid("the descriptor was changed on its way; give it as it was made");
  }
  std::string_view rest = descriptor.substr(kMagic.size());
  key->id = Take(&rest);
  key->key = rest.substr(0, kKeySize);
  rest.remove_prefix(kKeySize);
  const char access = rest[0];
  rest.remove_prefix(1);
  key->nbytes = Take(&rest);
  if (access < 1 || access > 3) return Status::Invalid("the descriptor names an unknown access");
  key->access = static_cast<Access>(access);
  return {};
}

Digest ProofOfKey(const RegionKey& key, const Nonce& connecting, const Nonce& accepting) {
  std::string message = "open";
  message.append(Bytes(connecting)).append(Bytes(accepting));
  AppendNumber(key.id, &message);
  message.push_back(static_cast<char>(key.access));
  AppendNumber(key.nbytes, &message);
  return HmacSha256(key.key, message);
}

std::shared_ptr<ProviderMemory> Memory::RegisteredWith(Provider* provider) {
  const std::lock_guard lock(exports_mutex);
  if (gate.is_closed()) return nullptr;
  std::shared_ptr<ProviderMemory>& known = exports[provider];
  if (known == nullptr && !provider->Register(data, key.nbytes, key.access, &known).ok()) {
    known = nullptr;
  }
  return known;
}

void Memory::CloseExports() {
  const std::lock_guard lock(exports_mutex);
  for (const auto& [provider, exported] : exports) {
    if (exported != nullptr) exported->Close();
  }
  exports.clear();
}

void RegionTable::Add(const std::shared_ptr<Memory>& memory) {
  const std::lock_guard lock(mutex_);
  do {
    FillRandom(&memory->key.id, sizeof memory->key.id);
  } while (memories_.contains(memory->key.id));
  memory->key.key = RandomBytes(kKeySize);
  memory->descriptor = EncodeDescriptor(memory->key);
  memories_[memory->key.id] = memory;
}

std::shared_ptr<Memory> RegionTable::Find(uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto found = memories_.find(id);
  return found == memories_.end() ? nullptr : found->second.lock();
}

void RegionTable::Remove(uint64_t id) {
  const std::lock_guard lock(mutex_);
  memories_.erase(id);
}

std::vector<std::shared_ptr<Memory>> RegionTable::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Memory>> all;
  for (const auto& [id, memory] : memories_) {
    if (std::shared_ptr<Memory> alive = memory.lock()) all.push_back(std::move(alive));
  }
  return all;
}

}  // namespace mlperf::transfer
