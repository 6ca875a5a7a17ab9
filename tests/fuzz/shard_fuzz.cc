// Goal: the walker takes any bytes for an archive, by every way in, and what it finds is in them.
// Method: the input as a file and as a stream in pieces of several sizes must give the same index
// or the same error; places, keys and fields are held against the file's size; the bodies that a
// stream brings are those at the index's places; errors can be printed.
#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz_targets.h"
#include "index_shard.h"
#include "memory_file.h"
#include "stream_picker.h"

namespace mlperf::loadgen {
namespace {

using namespace mlperf::shards;

constexpr size_t kMaxErrorSize = 1000;

std::string Lower(std::string_view name) { return std::string(name); }

struct Outcome {
  Fault fault;
  ShardIndex index;
};

template <typename NextSize>
Outcome ReadPieces(std::string_view bytes, const IndexOptions& options, const NextSize& next_size) {
  StreamIndexer indexer(options, Lower);
  bool is_wanted = true;
  while (is_wanted && !bytes.empty()) {
    const std::string piece(bytes.substr(0, next_size()));  // A copy: what is read beyond it shows.
    bytes.remove_prefix(piece.size());
    is_wanted = indexer.Take(piece);
  }
  Outcome outcome;
  outcome.fault = indexer.Finish(&outcome.index);
  return outcome;
}

void RequireSame(const Outcome& a, const Outcome& b) {
  const FormatError& one = a.fault.format;
  const FormatError& other = b.fault.format;
  Require(one.kind == other.kind && one.offset == other.offset, "every way gives the same error");
  Require(one.member == other.member && one.what == other.what, "an error has the same words");
  if (a.fault) return;
  Require(a.index.keys.text() == b.index.keys.text(), "every way gives the same keys");
  Require(a.index.first_member == b.index.first_member, "every way gives the same samples");
  Require(a.index.offset == b.index.offset && a.index.size == b.index.size,
          "every way gives the same places");
  Require(a.index.field == b.index.field && a.index.header_hash == b.index.header_hash,
          "every way gives the same members");
  Require(a.index.remarks.left_out == b.index.remarks.left_out, "the same is left out");
}

void CheckError(const FormatError& error, size_t input_size) {
  Require(error.offset <= input_size, "an error lies in the file");
  Require(error.offset % kBlockSize == 0, "an error has the offset of a block");
  Require(!error.what.empty() && error.what.size() < kMaxErrorSize, "an error is short");
}

void CheckIndex(const ShardIndex& index, size_t input_size, const IndexOptions& options) {
  std::set<std::string_view> keys;
  for (size_t sample = 0; sample < index.sample_count(); ++sample) {
    const auto [begin, end] = index.MembersOf(sample);
    Require(begin < end && end <= index.offset.size(), "a sample has members");
    std::set<uint32_t> fields;
    for (uint64_t i = begin; i < end; ++i) fields.insert(index.field[i]);
    Require(fields.size() == end - begin, "a sample has each field once");
    Require(*fields.rbegin() < index.fields.size(), "a field has a name");
    const bool is_new = keys.insert(index.keys[sample]).second;
    Require(is_new || options.split_interleaved, "a key does not come back");
  }
  for (size_t i = 0; i < index.offset.size(); ++i) {
    Require(index.offset[i] >= kBlockSize && index.offset[i] <= input_size,
            "a body is in the file");
    Require(index.size[i] <= input_size - index.offset[i], "a body ends in the file");
  }
}

// The bodies at the index's places, brought by a stream.
void CheckBodies(std::string_view input, const ShardIndex& index, const IndexOptions& options) {
  uint64_t size = 0;
  for (const uint64_t body : index.size) size += body;
  if (size > input.size()) return;  // Links name the same body many times.
  std::string bodies(size, '\0');
  std::vector<Extent> extents;
  char* to = bodies.data();
  for (size_t i = 0; i < index.offset.size(); ++i) {
    extents.push_back({index.offset[i], index.size[i], index.header_hash[i], to});
    to += index.size[i];
  }
  const std::vector<Extent> in_order = extents;
  std::ranges::stable_sort(extents, {}, &Extent::offset);
  StreamPicker picker(extents, options.read_concatenated);
  Require(picker.Take(input), "what was indexed is found again");
  Require(!picker.Finish(), "all that was indexed is found again");
  for (const Extent& extent : in_order) {
    Require(std::string_view(extent.to, extent.size) == input.substr(extent.offset, extent.size),
            "a body is what stands at its place");
  }
}

bool Check(std::string_view input, const std::string& path, const IndexOptions& options) {
  const Outcome at_once = ReadPieces(input, options, [&] { return input.size(); });
  std::minstd_rand draw(static_cast<uint32_t>(input.size()));
  RequireSame(at_once, ReadPieces(input, options, [&] { return 1 + draw() % 700; }));
  if (input.size() <= 20'000) {
    RequireSame(at_once, ReadPieces(input, options, [] { return size_t{1}; }));
  }
  IndexedShard shard;
  std::vector<char> buffer;
  Outcome file;
  file.fault = IndexFile(path, options, Lower, &buffer, &shard);
  if (!shard.is_compressed) {
    file.index = std::move(shard.index);
    RequireSame(at_once, file);
  }
  if (at_once.fault) {
    CheckError(at_once.fault.format, input.size());
    return false;
  }
  CheckIndex(at_once.index, input.size(), options);
  CheckBodies(input, at_once.index, options);
  return true;
}

}  // namespace

bool FuzzShard(std::string_view input) {
  static MemoryFile memory;
  memory.Write(input);
  const bool is_accepted = Check(input, memory.path(), {});
  const bool is_accepted_by_all =
      Check(input, memory.path(),
            {.resolve_links = true, .split_interleaved = true, .read_concatenated = true});
  return is_accepted || is_accepted_by_all;
}

}  // namespace mlperf::loadgen
