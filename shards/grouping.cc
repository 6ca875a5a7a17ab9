#include "grouping.h"

#include <algorithm>
#include <utility>

namespace mlperf::shards {
namespace {

// Fields that readers add to a sample themselves.
constexpr std::string_view kReserved[] = {"__key__",    "__url__",   "__local_path__",
                                          "__index__",  "__shard__", "__shardindex__",
                                          "__dataset__"};

bool IsAscii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string LowerAscii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace

TextList TextList::Of(std::string text, std::vector<uint64_t> ends) {
  TextList list;
  list.text_ = std::move(text);
  list.ends_ = std::move(ends);
  return list;
}

uint32_t TextSet::FindOrAdd(const TextList& texts, std::string_view text, uint32_t place) {
  if (2 * (count_ + 1) > slots_.size()) Grow();
  const size_t full_hash = std::hash<std::string_view>()(text);
  const auto hash = static_cast<uint32_t>(full_hash ^ (full_hash >> 32));
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    Slot& slot = slots_[at];
    if (slot.place == kNone) {
      slot = {place, hash};
      ++count_;
      return place;
    }
    if (slot.hash == hash && texts[slot.place] == text) return slot.place;
  }
}

void TextSet::Grow() {
  std::vector<Slot> old(std::max<size_t>(16, 4 * slots_.size()));
  old.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.place == kNone) continue;
    size_t at = slot.hash & mask;
    while (slots_[at].place != kNone) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

Grouping::Place Grouping::Take(const SampleName& name) {
  Place place;
  place.begins_sample = !is_in_sample_ || keys_[keys_.size() - 1] != name.key;
  if (place.begins_sample) {
    const auto number = static_cast<uint32_t>(keys_.size());
    place.has_returned = key_set_.FindOrAdd(keys_, name.key, number) != number;
    keys_.Add(name.key);
    is_in_sample_ = true;
  }
  place.field = FieldOf(name.extension);
  if (is_reserved_[place.field]) {
    place.error = ErrorKind::kReserved;
  } else if (std::exchange(last_sample_[place.field], keys_.size()) == keys_.size()) {
    place.error = ErrorKind::kDuplicate;
  }
  return place;
}

uint32_t Grouping::FieldOf(std::string_view extension) {
  if (last_ < known_.size() && extensions_[known_[last_].next] == extension) {
    last_ = known_[last_].next;
    return known_[last_].field;
  }
  const auto number = static_cast<uint32_t>(known_.size());
  const uint32_t found = extension_set_.FindOrAdd(extensions_, extension, number);
  if (found == number) {
    extensions_.Add(extension);
    known_.push_back({FieldOfNew(extension), 0});
  }
  known_[last_].next = found;
  last_ = found;
  return known_[found].field;
}

// The field of an extension that was not seen before: X.JPG and x.jpg are one field.
uint32_t Grouping::FieldOfNew(std::string_view extension) {
  const std::string name = IsAscii(extension) ? LowerAscii(extension) : lower_(extension);
  const uint32_t number = static_cast<uint32_t>(fields_.size());
  const uint32_t found = field_set_.FindOrAdd(fields_, name, number);
  if (found == number) {
    fields_.Add(name);
    is_reserved_.push_back(std::ranges::find(kReserved, name) != std::end(kReserved));
    last_sample_.push_back(0);
  }
  return found;
}

}  // namespace mlperf::shards
