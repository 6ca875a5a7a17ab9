#include "library.h"

#include <algorithm>
#include <cerrno>
#include <thread>
#include <unordered_set>

#include "interruption.h"
#include "read_sample.h"
#include "run_threads.h"
#include "sidecar.h"
#include "stream_picker.h"

namespace mlperf::shards {
namespace {

constexpr int kMaxThreads = 8;
constexpr uint64_t kBodyAlignment = 16;

uint64_t Aligned(uint64_t size) {
  return (size + kBodyAlignment - 1) / kBodyAlignment * kBodyAlignment;
}

int ThreadCount(int asked) {
  if (asked > 0) return asked;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxThreads);
}

// Each once, in the order in which they are first named.
std::vector<uint64_t> Unique(const std::vector<uint64_t>& samples) {
  if (std::ranges::is_sorted(samples, std::less_equal())) return samples;
  std::unordered_set<uint64_t> seen;
  seen.reserve(samples.size());
  std::vector<uint64_t> unique;
  unique.reserve(samples.size());
  for (const uint64_t sample : samples) {
    if (seen.insert(sample).second) unique.push_back(sample);
  }
  return unique;
}

// Indexes the shards of a library, several at a time.
class Opening {
 public:
  Opening(const std::vector<std::string>& paths, const LibraryOptions& options,
          const Grouping::Lower& lower)
      : paths_(paths), options_(options), lower_(lower), interruption_(options.is_interrupted) {
    shards_.resize(paths.size());
    is_whole_.resize(paths.size());
  }

  Fault Run(const Library::Decompress& decompress) {
    const auto count = static_cast<size_t>(ThreadCount(options_.thread_count));
    RunThreads(std::min(count, paths_.size()), [this] { IndexFiles(); });
    if (interruption_.is_stopped()) return Fault::Stopped();
    for (size_t i = 0; i < std::min(faulty_, paths_.size()); ++i) {
      if (shards_[i].is_compressed && !is_whole_[i]) Keep(i, IndexStream(i, decompress));
    }
    return std::move(fault_);
  }

  std::vector<IndexedShard> TakeShards() { return std::move(shards_); }

 private:
  // What comes after a shard that is known to be broken need not be looked at.
  void IndexFiles() {
    std::vector<char> buffer;
    while (!interruption_.Check()) {
      const size_t i = next_.fetch_add(1, std::memory_order_relaxed);
      if (i >= paths_.size()) return;
      {
        const std::lock_guard lock(mutex_);
        if (i > faulty_) return;
      }
      Fault fault = IndexOne(i, &buffer);
      const std::lock_guard lock(mutex_);
      if (fault && i < faulty_) Keep(i, std::move(fault));
    }
  }

  Fault IndexOne(size_t i, std::vector<char>* buffer) {
    if (HasSidecars()) {
      const int error = ShardFile::Identify(paths_[i], &shards_[i].identity);
      if (error != 0) return Fault::System(error);
      is_whole_[i] = ReadSidecar(Sidecar(i), options_.index, &shards_[i]);
      if (is_whole_[i]) return Select(i);
    }
    Fault fault = IndexFile(paths_[i], options_.index, lower_, buffer, &shards_[i]);
    if (fault || shards_[i].is_compressed) return fault;
    if (HasSidecars()) WriteSidecar(Sidecar(i), options_.index, shards_[i]);
    return Select(i);
  }

  Fault IndexStream(size_t i, const Library::Decompress& decompress) {
    StreamIndexer indexer(options_.index, lower_);
    Fault fault = decompress(i, [&](std::string_view piece) { return indexer.Take(piece); });
    if (!fault) fault = indexer.Finish(&shards_[i].index);
    if (fault) return fault;
    if (HasSidecars()) WriteSidecar(Sidecar(i), options_.index, shards_[i]);
    return Select(i);
  }

  Fault Select(size_t i) {
    if (!options_.fields) return {};
    return SelectFields(*options_.fields, options_.skip_missing, &shards_[i].index);
  }

  bool HasSidecars() const { return !options_.index_dir.empty(); }

  std::string Sidecar(size_t i) const { return SidecarPath(options_.index_dir, paths_[i]); }

  void Keep(size_t i, Fault fault) {
    if (!fault) return;
    faulty_ = i;
    fault_ = std::move(fault);
    fault_.shard = i;
  }

  const std::vector<std::string>& paths_;
  const LibraryOptions& options_;
  const Grouping::Lower& lower_;
  Interruption interruption_;
  std::vector<IndexedShard> shards_;
  std::vector<char> is_whole_;  // Of compressed shards: the sidecar had it. Written by threads.
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;
  size_t faulty_ = SIZE_MAX;  // The first shard that has a fault.
  Fault fault_;
};

}  // namespace

Fault Library::Open(std::vector<std::string> paths, const LibraryOptions& options,
                    const Grouping::Lower& lower, const Decompress& decompress,
                    std::unique_ptr<Library>* library) {
  Opening opening(paths, options, lower);
  Fault fault = opening.Run(decompress);
  if (!fault) library->reset(new Library(std::move(paths), opening.TakeShards(), options));
  return fault;
}

Library::Library(std::vector<std::string> paths, std::vector<IndexedShard> shards,
                 const LibraryOptions& options)
    : paths_(std::move(paths)),
      shards_(std::move(shards)),
      options_(options),
      open_files_(paths_.size()) {
  TextSet known;
  first_sample_.push_back(0);
  for (IndexedShard& shard : shards_) {
    const TextList& names = shard.index.fields;
    std::vector<uint32_t> places(names.size());
    for (size_t i = 0; i < names.size(); ++i) {
      const auto next = static_cast<uint32_t>(fields_.size());
      places[i] = known.FindOrAdd(fields_, names[i], next);
      if (places[i] == next) fields_.Add(names[i]);
    }
    for (uint32_t& field : shard.index.field) field = places[field];
    first_sample_.push_back(first_sample_.back() + shard.index.sample_count());
  }
  holds_.resize(sample_count());
  loaded_ = std::vector<std::atomic<const LoadedSample*>>(sample_count());
}

Library::~Library() {
  for (const auto& loaded : loaded_) {
    if (const LoadedSample* const sample = loaded.load()) sample->batch->Release();
  }
}

std::pair<size_t, size_t> Library::Locate(uint64_t sample) const {
  // The last shard that begins at the sample or before it; shards without samples come before it.
  const auto after = std::upper_bound(first_sample_.begin(), first_sample_.end(), sample);
  const auto shard = static_cast<size_t>(after - first_sample_.begin()) - 1;
  return {shard, sample - first_sample_[shard]};
}

std::string_view Library::Key(uint64_t sample) const {
  const auto [shard, number] = Locate(sample);
  return shards_[shard].index.keys[number];
}

std::vector<uint64_t> Library::Find(std::string_view key) const {
  std::vector<uint64_t> found;
  for (size_t shard = 0; shard < shards_.size(); ++shard) {
    const TextList& keys = shards_[shard].index.keys;
    for (size_t i = 0; i < keys.size(); ++i) {
      if (keys[i] != key) continue;
      found.push_back(first_sample_[shard] + i);
      if (found.size() == 2) return found;
    }
  }
  return found;
}

uint64_t Library::BytesOf(std::vector<uint64_t> samples) const {
  std::ranges::sort(samples);
  samples.erase(std::unique(samples.begin(), samples.end()), samples.end());
  uint64_t bytes = 0;
  for (const uint64_t sample : samples) {
    const auto [shard, number] = Locate(sample);
    const ShardIndex& index = shards_[shard].index;
    const auto [begin, end] = index.MembersOf(number);
    for (uint64_t i = begin; i < end; ++i) bytes += index.size[i];
  }
  return bytes;
}

size_t Library::CountThatFits(uint64_t bytes) const {
  std::vector<uint64_t> sizes;
  sizes.reserve(sample_count());
  for (const IndexedShard& shard : shards_) {
    const ShardIndex& index = shard.index;
    for (size_t sample = 0; sample < index.sample_count(); ++sample) {
      const auto [begin, end] = index.MembersOf(sample);
      uint64_t size = sizeof(LoadedSample) + (end - begin) * sizeof(LoadedField);
      for (uint64_t i = begin; i < end; ++i) size += Aligned(index.size[i]);
      sizes.push_back(size);
    }
  }
  std::ranges::sort(sizes, std::greater());
  size_t count = 0;
  while (count < sizes.size() && sizes[count] <= bytes) bytes -= sizes[count++];
  return count;
}

// ---- Loading -----------------------------------------------------------------------------------

Fault Library::Load(const std::vector<uint64_t>& samples, const Decompress& decompress,
                    std::vector<uint64_t>* counted) {
  std::vector<uint64_t> missing;
  {
    const std::lock_guard lock(mutex_);
    for (const uint64_t sample : samples) {
      const bool is_there = holds_[sample] != 0;
      holds_[sample] += is_there;
      (is_there ? *counted : missing).push_back(sample);
    }
  }
  const std::vector<uint64_t> to_read = Unique(missing);
  BatchHold batch;
  Fault fault = ReadBatch(to_read, decompress, &batch);
  if (fault) return fault;
  const std::lock_guard lock(mutex_);
  Commit(missing, to_read.size(), batch.get());
  return fault;
}

// What another call has loaded in the meantime stays where it is.
void Library::Commit(const std::vector<uint64_t>& samples, size_t read_count, LoadedBatch* batch) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < read_count; ++i) {
    const LoadedSample& read = batch->samples()[i];
    if (holds_[read.index] != 0) continue;
    batch->Hold();
    loaded_[read.index].store(&read, std::memory_order_release);
    for (const LoadedField& field : read.fields()) bytes += field.size;
  }
  for (const uint64_t sample : samples) ++holds_[sample];
  loaded_bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

bool Library::Unload(const std::vector<uint64_t>& samples) {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < samples.size(); ++i) {
    if (holds_[samples[i]] != 0) {
      --holds_[samples[i]];
      continue;
    }
    while (i > 0) ++holds_[samples[--i]];
    return false;
  }
  for (const uint64_t sample : samples) ++holds_[sample];
  for (const uint64_t sample : samples) LetGo(sample);
  return true;
}

void Library::LetGo(uint64_t sample) {
  if (--holds_[sample] != 0) return;
  const LoadedSample* const loaded = loaded_[sample].exchange(nullptr, std::memory_order_acq_rel);
  uint64_t bytes = 0;
  for (const LoadedField& field : loaded->fields()) bytes += field.size;
  loaded_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  loaded->batch->Release();
}

BatchHold Library::MakeBatch(const std::vector<uint64_t>& samples) const {
  size_t field_count = 0;
  uint64_t bytes = 0;
  for (const uint64_t sample : samples) {
    const auto [shard, number] = Locate(sample);
    const ShardIndex& index = shards_[shard].index;
    const auto [begin, end] = index.MembersOf(number);
    field_count += end - begin;
    for (uint64_t i = begin; i < end; ++i) bytes += Aligned(index.size[i]);
  }
  BatchHold batch(LoadedBatch::Make(samples.size(), field_count, bytes, BatchMemory::kMapping));
  if (batch.get() == nullptr) return batch;
  LoadedField* field = batch->fields();
  char* to = batch->bodies();
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto [shard, number] = Locate(samples[i]);
    const ShardIndex& index = shards_[shard].index;
    const auto [begin, end] = index.MembersOf(number);
    batch->samples()[i] = {batch.get(), samples[i], field, end - begin};
    for (uint64_t member = begin; member < end; ++member) {
      *field++ = {index.field[member], index.size[member], to};
      to += Aligned(index.size[member]);
    }
  }
  return batch;
}

// By shard and offset: that is the order of the samples, but for links.
std::vector<ShardReads> Library::ReadsOf(LoadedBatch* batch, size_t sample_count) const {
  std::vector<const LoadedSample*> sorted(sample_count);
  for (size_t i = 0; i < sample_count; ++i) sorted[i] = batch->samples() + i;
  const auto by_index = [](const LoadedSample* a, const LoadedSample* b) {
    return a->index < b->index;
  };
  if (!std::ranges::is_sorted(sorted, by_index)) std::ranges::sort(sorted, by_index);
  std::vector<ShardReads> all;
  for (const LoadedSample* sample : sorted) {
    const auto [shard, number] = Locate(sample->index);
    const ShardIndex& index = shards_[shard].index;
    if (all.empty() || all.back().shard != shard) {
      all.push_back({shard, &paths_[shard], shards_[shard].identity, {}});
    }
    const uint64_t begin = index.MembersOf(number).first;
    for (size_t i = 0; i < sample->field_count; ++i) {
      char* const to = const_cast<char*>(sample->fields_begin[i].data);
      const uint64_t member = begin + i;
      all.back().extents.push_back(
          {index.offset[member], index.size[member], index.header_hash[member], to});
    }
  }
  if (options_.index.resolve_links) {
    for (ShardReads& reads : all) std::ranges::sort(reads.extents, {}, &Extent::offset);
  }
  return all;
}

Fault Library::ReadBatch(const std::vector<uint64_t>& samples, const Decompress& decompress,
                         BatchHold* batch) const {
  *batch = MakeBatch(samples);
  if (batch->get() == nullptr) return Fault::System(ENOMEM);
  std::vector<ShardReads> plain = ReadsOf(batch->get(), samples.size());
  const auto is_compressed = [this](const ShardReads& r) { return shards_[r.shard].is_compressed; };
  const auto middle = std::stable_partition(plain.begin(), plain.end(), std::not_fn(is_compressed));
  const std::vector<ShardReads> compressed(std::make_move_iterator(middle),
                                           std::make_move_iterator(plain.end()));
  plain.erase(middle, plain.end());
  Interruption interruption(options_.is_interrupted);
  Fault fault =
      Gather(plain, options_.check_headers, ThreadCount(options_.thread_count), &interruption);
  for (size_t i = 0; i < compressed.size() && !fault; ++i) {
    fault = ReadCompressed(compressed[i], decompress);
  }
  return fault;
}

Fault Library::ReadCompressed(const ShardReads& reads, const Decompress& decompress) const {
  FileIdentity now;
  const int error = ShardFile::Identify(*reads.path, &now);
  Fault fault = error != 0 ? Fault::System(error) : Fault();
  if (!fault && now != reads.identity) fault = Fault::Changed("it was written to or replaced");
  StreamPicker picker(reads.extents, options_.index.read_concatenated);
  if (!fault) {
    fault = decompress(reads.shard, [&](std::string_view piece) { return picker.Take(piece); });
  }
  if (!fault) fault = picker.Finish();
  fault.shard = reads.shard;
  return fault;
}

Fault Library::Read(uint64_t sample, const Decompress& decompress, BatchHold* batch) {
  const size_t shard = Locate(sample).first;
  if (shards_[shard].is_compressed) return ReadBatch({sample}, decompress, batch);
  Fault fault = ReadPlain(shard, sample, batch);
  if (fault) {  // The file that was open may not be the one that has the name now.
    open_files_.Forget(shard);
    fault = ReadPlain(shard, sample, batch);
  }
  fault.shard = shard;
  return fault;
}

Fault Library::ReadPlain(size_t shard, uint64_t sample, BatchHold* batch) {
  std::shared_ptr<const ShardFile> file;
  const int error = open_files_.Get(shard, paths_[shard], &file);
  if (error != 0) return Fault::System(error);
  return ReadSample(*file, shards_[shard], sample - first_sample_[shard], sample,
                    options_.check_headers, batch);
}

}  // namespace mlperf::shards
