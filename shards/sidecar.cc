#include "sidecar.h"

#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <type_traits>
#include <utility>
#include <vector>

namespace mlperf::shards {
namespace {

constexpr char kMagic[8] = {'L', 'G', 'I', 'D', 'X', '\0', '\0', '\1'};  // The last is the version.
constexpr uint32_t kByteOrder = 0x01020304;

struct Head {
  char magic[8];
  uint32_t byte_order;
  uint32_t options;
  FileIdentity identity;
  uint64_t is_compressed;
  Remarks remarks;
  uint64_t sample_count;
  uint64_t member_count;
  uint64_t field_count;
  uint64_t key_bytes;
  uint64_t field_bytes;
};
static_assert(std::is_trivially_copyable_v<Head>);

uint32_t Bits(const IndexOptions& options) {
  return (options.resolve_links ? 1u : 0u) | (options.split_interleaved ? 2u : 0u) |
         (options.read_concatenated ? 4u : 0u);
}

// Shows damage; no one would forge it who may write there.
uint64_t HashOf(std::string_view bytes) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15;
  uint64_t hash = bytes.size();
  while (bytes.size() >= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof(word));
    hash = std::rotl(hash ^ word, 29) * kFactor;
    bytes.remove_prefix(sizeof(word));
  }
  for (const char c : bytes) hash = std::rotl(hash ^ static_cast<unsigned char>(c), 29) * kFactor;
  return hash ^ (hash >> 31);
}

template <typename T>
void Append(const T* values, size_t count, std::string* out) {
  out->append(reinterpret_cast<const char*>(values), count * sizeof(T));
}

template <typename T>
void Append(const std::vector<T>& values, std::string* out) {
  Append(values.data(), values.size(), out);
}

// Takes values from the front of `bytes`; false if there are not as many.
template <typename T>
bool Take(uint64_t count, std::string_view* bytes, std::vector<T>* values) {
  if (count > bytes->size() / sizeof(T)) return false;
  values->resize(count);
  if (count != 0) std::memcpy(values->data(), bytes->data(), count * sizeof(T));
  bytes->remove_prefix(count * sizeof(T));
  return true;
}

bool Take(uint64_t size, std::string_view* bytes, std::string* text) {
  if (size > bytes->size()) return false;
  *text = bytes->substr(0, size);
  bytes->remove_prefix(size);
  return true;
}

bool AreEnds(const std::vector<uint64_t>& ends, uint64_t size) {
  uint64_t last = 0;
  for (const uint64_t end : ends) {
    if (end < last) return false;
    last = end;
  }
  return last == size;
}

bool IsSound(const ShardIndex& index, uint64_t archive_size) {
  uint64_t next = 0;  // Each sample has a member.
  for (size_t i = 0; i < index.first_member.size(); ++i) {
    const uint64_t first = index.first_member[i];
    if (i == 0 ? first != 0 : first < next) return false;
    next = first + 1;
  }
  if (next > index.offset.size() || (next == 0 && !index.offset.empty())) return false;
  for (size_t i = 0; i < index.offset.size(); ++i) {
    const uint64_t offset = index.offset[i];
    if (offset < kBlockSize || offset > archive_size) return false;
    if (index.size[i] > archive_size - offset) return false;
    if (index.field[i] >= index.fields.size()) return false;
  }
  return true;
}

bool Parse(std::string_view bytes, const IndexOptions& options, IndexedShard* shard) {
  Head head;
  uint64_t hash;
  if (bytes.size() < sizeof(head) + sizeof(hash)) return false;
  std::memcpy(&head, bytes.data(), sizeof(head));
  std::memcpy(&hash, bytes.data() + bytes.size() - sizeof(hash), sizeof(hash));
  bytes.remove_suffix(sizeof(hash));
  if (std::memcmp(head.magic, kMagic, sizeof(kMagic)) != 0 || head.byte_order != kByteOrder) {
    return false;
  }
  if (head.options != Bits(options) || head.identity != shard->identity) return false;
  if (HashOf(bytes) != hash) return false;
  bytes.remove_prefix(sizeof(head));
  ShardIndex index;
  std::vector<uint64_t> key_ends;
  std::vector<uint64_t> field_ends;
  std::string keys;
  std::string fields;
  if (!Take(head.sample_count, &bytes, &key_ends) ||
      !Take(head.sample_count, &bytes, &index.first_member) ||
      !Take(head.member_count, &bytes, &index.offset) ||
      !Take(head.member_count, &bytes, &index.size) ||
      !Take(head.field_count, &bytes, &field_ends) ||
      !Take(head.member_count, &bytes, &index.field) ||
      !Take(head.member_count, &bytes, &index.header_hash) ||
      !Take(head.key_bytes, &bytes, &keys) || !Take(head.field_bytes, &bytes, &fields)) {
    return false;
  }
  if (!AreEnds(key_ends, keys.size()) || !AreEnds(field_ends, fields.size())) return false;
  index.keys = TextList::Of(std::move(keys), std::move(key_ends));
  index.fields = TextList::Of(std::move(fields), std::move(field_ends));
  index.remarks = head.remarks;
  const bool is_compressed = head.is_compressed != 0;
  if (!IsSound(index, is_compressed ? kMaxNumber : head.identity.size)) return false;
  shard->index = std::move(index);
  shard->is_compressed = is_compressed;
  return true;
}

std::string Text(const IndexOptions& options, const IndexedShard& shard) {
  const ShardIndex& index = shard.index;
  Head head;
  std::memset(static_cast<void*>(&head), 0, sizeof(head));  // Padding, too, is the same each time.
  std::memcpy(head.magic, kMagic, sizeof(kMagic));
  head.byte_order = kByteOrder;
  head.options = Bits(options);
  head.identity = shard.identity;
  head.is_compressed = shard.is_compressed;
  head.remarks = index.remarks;
  head.sample_count = index.keys.size();
  head.member_count = index.offset.size();
  head.field_count = index.fields.size();
  head.key_bytes = index.keys.text().size();
  head.field_bytes = index.fields.text().size();
  std::string text;
  Append(&head, 1, &text);
  Append(index.keys.ends(), &text);
  Append(index.first_member, &text);
  Append(index.offset, &text);
  Append(index.size, &text);
  Append(index.fields.ends(), &text);
  Append(index.field, &text);
  Append(index.header_hash, &text);
  text += index.keys.text();
  text += index.fields.text();
  const uint64_t hash = HashOf(text);
  Append(&hash, 1, &text);
  return text;
}

// Most paths are so already, and taking one apart takes as long as reading a small sidecar.
std::string NormalPath(const std::string& path) {
  const bool is_normal =
      path.starts_with('/') && path.find("//") == path.npos && path.find("/.") == path.npos;
  return is_normal ? path : std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace

std::string SidecarPath(const std::string& folder, const std::string& shard_path) {
  const std::string absolute = NormalPath(shard_path);
  char hash[17];
  std::snprintf(hash, sizeof(hash), "%016llx", static_cast<unsigned long long>(HashOf(absolute)));
  return folder + "/" + absolute.substr(absolute.rfind('/') + 1) + "." + hash + ".lgidx";
}

bool ReadSidecar(const std::string& path, const IndexOptions& options, IndexedShard* shard) {
  ShardFile file;
  FileIdentity identity;
  if (file.Open(path) != 0 || file.Identify(&identity) != 0) return false;
  constexpr uint64_t kMaxSize = uint64_t{1} << 34;
  if (identity.size > kMaxSize) return false;
  std::string bytes(identity.size, '\0');
  size_t count = 0;
  if (file.ReadAt(0, bytes.data(), bytes.size(), &count) != 0 || count != bytes.size())
    return false;
  return Parse(bytes, options, shard);
}

void WriteSidecar(const std::string& path, const IndexOptions& options, const IndexedShard& shard) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return;
  const std::string text = Text(options, shard);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t count = write(file, rest.data(), rest.size());
    if (count <= 0) break;  // What is there is not whole, and will not be taken for it.
    rest.remove_prefix(static_cast<size_t>(count));
  }
  close(file);
}

}  // namespace mlperf::shards
