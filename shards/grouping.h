// Members that follow each other and share a key are a sample: which sample and field a member is.
#ifndef MLPERF_SHARDS_GROUPING_H_
#define MLPERF_SHARDS_GROUPING_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "format_error.h"
#include "sample_name.h"

namespace mlperf::shards {

// Texts one after the other in one string.
class TextList {
 public:
  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t i) const {
    const uint64_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }
  void Add(std::string_view text) {
    text_.append(text);
    ends_.push_back(text_.size());
  }
  const std::string& text() const { return text_; }
  const std::vector<uint64_t>& ends() const { return ends_; }
  static TextList Of(std::string text, std::vector<uint64_t> ends);

 private:
  std::string text_;
  std::vector<uint64_t> ends_;
};

// Finds texts of a list again: a hash table of their places.
class TextSet {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // The place of `text`; it becomes `place` if it has none.
  uint32_t FindOrAdd(const TextList& texts, std::string_view text, uint32_t place);

 private:
  void Grow();

  struct Slot {
    uint32_t place = kNone;
    uint32_t hash = 0;
  };
  std::vector<Slot> slots_;
  size_t count_ = 0;
};

class Grouping {
 public:
  // Gives a name in small letters, and is asked only for names that are not ASCII.
  using Lower = std::function<std::string(std::string_view)>;

  explicit Grouping(Lower lower) : lower_(std::move(lower)) {}

  struct Place {
    ErrorKind error = ErrorKind::kNone;  // kDuplicate or kReserved.
    bool begins_sample = false;
    bool has_returned = false;  // The key was that of an earlier sample.
    uint32_t field = 0;         // Its place in fields().
  };

  Place Take(const SampleName& name);

  // The next member begins a sample, whatever its key is.
  void EndSample() { is_in_sample_ = false; }

  const TextList& keys() const { return keys_; }
  const TextList& fields() const { return fields_; }
  TextList TakeKeys() { return std::move(keys_); }
  TextList TakeFields() { return std::move(fields_); }

 private:
  uint32_t FieldOf(std::string_view extension);
  uint32_t FieldOfNew(std::string_view extension);

  Lower lower_;
  TextList keys_;
  TextSet key_set_;
  bool is_in_sample_ = false;

  TextList fields_;
  TextSet field_set_;
  std::vector<bool> is_reserved_;
  std::vector<uint64_t> last_sample_;  // Of each field, counted from 1.
  // Extensions as they are written; samples mostly have the same ones in the same order.
  struct Extension {
    uint32_t field;
    uint32_t next;  // The extension that followed this one last.
  };
  TextList extensions_;
  TextSet extension_set_;
  std::vector<Extension> known_;
  uint32_t last_ = 0;
};

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_GROUPING_H_
