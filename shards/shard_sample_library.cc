#include "shard_sample_library.h"

#include <cstring>
#include <stdexcept>
#include <utility>

namespace mlperf::shards {
namespace {

Fault RefuseCompressed(size_t shard, const Library::Take&) {
  Fault fault = Fault::Format({ErrorKind::kUnsupported, 0, "", "it is compressed; decompress it"});
  fault.shard = shard;
  return fault;
}

std::vector<uint64_t> Numbers(const std::vector<QuerySampleIndex>& samples) {
  return {samples.begin(), samples.end()};
}

}  // namespace

ShardSampleLibrary::ShardSampleLibrary(std::vector<std::string> paths,
                                       const LibraryOptions& options)
    : paths_(std::move(paths)) {
  const auto lower = [](std::string_view name) { return std::string(name); };
  const Fault fault = Library::Open(paths_, options, lower, RefuseCompressed, &library_);
  Require(fault);
  performance_sample_count_ = library_->sample_count();
}

void ShardSampleLibrary::set_memory_bytes(uint64_t memory_bytes) {
  performance_sample_count_ = library_->CountThatFits(memory_bytes);
}

void ShardSampleLibrary::LoadSamplesToRam(const std::vector<QuerySampleIndex>& samples) {
  std::vector<uint64_t> counted;
  const Fault fault = library_->Load(Numbers(samples), RefuseCompressed, &counted);
  if (fault) library_->Unload(counted);
  Require(fault);
}

void ShardSampleLibrary::UnloadSamplesFromRam(const std::vector<QuerySampleIndex>& samples) {
  if (!library_->Unload(Numbers(samples))) {
    throw std::out_of_range("Samples are unloaded more often than they were loaded.");
  }
}

std::string_view ShardSampleLibrary::Field(QuerySampleIndex sample, std::string_view field) const {
  const LoadedSample* const loaded = library_->Loaded(sample);
  if (loaded == nullptr) {
    throw std::out_of_range("The sample " + std::to_string(sample) + " is not loaded.");
  }
  for (const LoadedField& found : loaded->fields()) {
    if (library_->fields()[found.field] == field) return found.bytes();
  }
  throw std::out_of_range("The sample " + std::to_string(sample) + " has no field \"" +
                          std::string(field) + "\".");
}

void ShardSampleLibrary::CopyField(const std::vector<QuerySampleIndex>& samples,
                                   std::string_view field, size_t size, char* block) const {
  for (const QuerySampleIndex sample : samples) {
    const std::string_view bytes = Field(sample, field);
    if (bytes.size() != size) {
      throw std::length_error("The field \"" + std::string(field) + "\" of the sample " +
                              std::to_string(sample) + " has " + std::to_string(bytes.size()) +
                              " bytes, and not " + std::to_string(size) + ".");
    }
    std::memcpy(block, bytes.data(), size);
    block += size;
  }
}

void ShardSampleLibrary::Require(const Fault& fault) const {
  if (fault) throw std::runtime_error(FaultText(paths_[fault.shard], fault));
}

}  // namespace mlperf::shards
