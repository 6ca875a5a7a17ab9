#include "index_shard.h"

#include <algorithm>
#include <utility>

namespace mlperf::shards {
namespace {

// What is read at a time where headers are close to each other; where they are further apart than
// that, on average, bodies are skipped.
constexpr size_t kWindow = 256 << 10;
constexpr size_t kSmallWindow = 8 << 10;
constexpr uint64_t kFarApart = 16 << 10;

// A part of a file in memory.
class Window {
 public:
  Window(const ShardFile& file, uint64_t file_size, std::vector<char>* buffer)
      : file_(file), file_size_(file_size), buffer_(*buffer) {}

  // The bytes from `offset` on, `wanted` of them or as many as the file has.
  int Get(uint64_t offset, size_t wanted, std::string_view* bytes) {
    ++count_;
    if (offset < begin_ || offset + wanted > begin_ + size_) {
      const int error = Fill(offset, wanted);
      if (error != 0) return error;
    }
    const uint64_t skip = std::min<uint64_t>(offset - begin_, size_);
    *bytes = std::string_view(buffer_.data(), size_).substr(skip, wanted);
    return 0;
  }

  // Where the file ends, if that is before what was wanted last.
  uint64_t end() const { return size_ == 0 ? std::min(begin_, file_size_) : begin_ + size_; }

 private:
  int Fill(uint64_t offset, size_t wanted) {
    size_t size = std::max(wanted, offset / count_ > kFarApart ? kSmallWindow : kWindow);
    size = std::min<uint64_t>(size, offset < file_size_ ? file_size_ - offset : 0);
    if (buffer_.size() < size) buffer_.resize(size);
    begin_ = offset;
    return file_.ReadAt(offset, buffer_.data(), size, &size_);
  }

  const ShardFile& file_;
  const uint64_t file_size_;
  std::vector<char>& buffer_;
  uint64_t begin_ = 0;
  size_t size_ = 0;
  uint64_t count_ = 0;  // Of headers so far.
};

Fault Walk(Window* window, bool read_concatenated, IndexBuilder* builder) {
  Walker walker(read_concatenated);
  Step step = Step::kContinue;
  while (step == Step::kContinue) {
    std::string_view bytes;
    const int error = window->Get(walker.offset(), walker.wanted(), &bytes);
    if (error != 0) return Fault::System(error);
    if (bytes.size() == walker.wanted()) {
      step = builder->Take(walker, walker.Take(bytes.data()));
    } else {
      step = builder->Take(walker, walker.Finish(window->end(), bytes));
    }
  }
  return step == Step::kError ? Fault::Format(builder->error()) : Fault();
}

}  // namespace

bool IsCompressed(std::string_view first_bytes) {
  using namespace std::string_view_literals;
  return first_bytes.starts_with("\x1f\x8b"sv) || first_bytes.starts_with("BZh"sv) ||
         first_bytes.starts_with(
             "\xfd"
             "7zXZ\0"sv) ||
         first_bytes.starts_with("\x28\xb5\x2f\xfd"sv);
}

Fault IndexFile(const std::string& path, const IndexOptions& options, const Grouping::Lower& lower,
                std::vector<char>* buffer, IndexedShard* shard) {
  ShardFile file;
  int error = file.Open(path);
  if (error == 0) error = file.Identify(&shard->identity);
  if (error != 0) return Fault::System(error);
  Window window(file, shard->identity.size, buffer);
  std::string_view first_bytes;
  error = window.Get(0, kBlockSize, &first_bytes);
  if (error != 0) return Fault::System(error);
  shard->is_compressed = IsCompressed(first_bytes);
  if (shard->is_compressed) return {};
  IndexBuilder builder(options, lower);
  Fault fault = Walk(&window, options.read_concatenated, &builder);
  if (fault) return fault;
  FileIdentity after;
  error = file.Identify(&after);
  if (error != 0) return Fault::System(error);
  if (after != shard->identity) return Fault::Changed("it was written to while it was indexed");
  shard->index = builder.TakeIndex();
  return {};
}

bool StreamIndexer::TakeEvent(MemberStream::Event event) {
  using Event = MemberStream::Event;
  switch (event) {
    case Event::kMember:
      step_ = builder_.Take(stream_.walker(), Step::kMember);
      break;
    case Event::kEndMarker:
      step_ = builder_.Take(stream_.walker(), Step::kEndMarker);
      break;
    case Event::kDone:
      step_ = builder_.Take(stream_.walker(), Step::kDone);
      break;
    case Event::kError:
      step_ = builder_.Take(stream_.walker(), Step::kError);
      break;
    case Event::kBody:
    case Event::kNeedsMore:
      break;
  }
  return step_ == Step::kContinue;
}

bool StreamIndexer::Take(std::string_view piece) {
  while (step_ == Step::kContinue) {
    const MemberStream::Event event = stream_.Next(&piece);
    if (event == MemberStream::Event::kNeedsMore) return true;
    TakeEvent(event);
  }
  return step_ != Step::kError;
}

Fault StreamIndexer::Finish(ShardIndex* index) {
  if (step_ == Step::kContinue) TakeEvent(stream_.Finish());
  if (step_ == Step::kError) return Fault::Format(builder_.error());
  *index = builder_.TakeIndex();
  return {};
}

namespace {

// Appends the members of one sample that are wanted; returns how many fields are there.
size_t AppendWanted(const ShardIndex& from, size_t sample, const std::vector<bool>& is_wanted,
                    ShardIndex* to) {
  size_t count = 0;
  const auto [begin, end] = from.MembersOf(sample);
  for (uint64_t i = begin; i < end; ++i) {
    if (!is_wanted[from.field[i]]) continue;
    to->field.push_back(from.field[i]);
    to->offset.push_back(from.offset[i]);
    to->size.push_back(from.size[i]);
    to->header_hash.push_back(from.header_hash[i]);
    ++count;
  }
  return count;
}

void DropMembers(size_t size, ShardIndex* index) {
  index->field.resize(size);
  index->offset.resize(size);
  index->size.resize(size);
  index->header_hash.resize(size);
}

std::string TextOfMissing(const ShardIndex& index, size_t sample,
                          const std::vector<std::string>& fields) {
  std::string text = "the sample \"" + ShownName(index.keys[sample]) + "\" has no field ";
  const auto [begin, end] = index.MembersOf(sample);
  for (const std::string& field : fields) {
    bool is_there = false;
    for (uint64_t i = begin; i < end; ++i) is_there |= index.fields[index.field[i]] == field;
    if (!is_there) return text + "\"" + field + "\"";
  }
  return text;
}

}  // namespace

Fault SelectFields(const std::vector<std::string>& fields, bool skip_missing, ShardIndex* index) {
  std::vector<bool> is_wanted(index->fields.size());
  for (size_t i = 0; i < is_wanted.size(); ++i) {
    is_wanted[i] = std::ranges::find(fields, index->fields[i]) != fields.end();
  }
  ShardIndex selected;
  for (size_t sample = 0; sample < index->sample_count(); ++sample) {
    const size_t first = selected.field.size();
    if (AppendWanted(*index, sample, is_wanted, &selected) == fields.size()) {
      selected.first_member.push_back(first);
      selected.keys.Add(index->keys[sample]);
      continue;
    }
    if (!skip_missing) return Fault::Missing(TextOfMissing(*index, sample, fields));
    DropMembers(first, &selected);
  }
  selected.fields = std::move(index->fields);
  selected.remarks = index->remarks;
  *index = std::move(selected);
  return {};
}

}  // namespace mlperf::shards
