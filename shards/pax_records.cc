#include "pax_records.h"

#include <cstddef>

#include "tar_header.h"

namespace mlperf::shards {
namespace {

constexpr size_t kMaxLengthDigits = 10;

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// Nothing if it is no number or too large.
std::optional<uint64_t> ReadDecimal(std::string_view text) {
  if (!IsDigits(text)) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value > (kMaxNumber - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

// An empty value means that there is none.
const char* ReadName(std::string_view value, std::optional<std::string>* name) {
  if (value.find('\0') != value.npos) return "a name in an extended header holds a NUL";
  name->reset();
  if (!value.empty()) *name = value;
  return nullptr;
}

const char* ReadRecord(std::string_view keyword, std::string_view value, PaxValues* values) {
  if (keyword == "path") return ReadName(value, &values->path);
  if (keyword == "linkpath") return ReadName(value, &values->link_path);
  if (keyword.starts_with("GNU.sparse.")) values->is_sparse = true;
  if (keyword == "size") {
    values->size = ReadDecimal(value);
    if (!values->size) return "the size in an extended header is no number below 2^63";
  }
  return nullptr;
}

}  // namespace

const char* ReadPaxRecords(std::string_view body, PaxValues* values) {
  while (!body.empty()) {
    const size_t space = body.substr(0, kMaxLengthDigits + 1).find(' ');
    if (space == body.npos || !IsDigits(body.substr(0, space))) {
      return "a record of an extended header does not begin with its length";
    }
    const uint64_t length = *ReadDecimal(body.substr(0, space));
    if (length > body.size() || length < space + 2) {
      return "a record of an extended header is not as long as it says";
    }
    std::string_view record = body.substr(0, length);
    if (!record.ends_with('\n')) {
      return "a record of an extended header does not end where it says";
    }
    record.remove_suffix(1);
    record.remove_prefix(space + 1);
    const size_t equals = record.find('=');
    if (equals == record.npos || equals == 0) {
      return "a record of an extended header is not keyword=value";
    }
    const char* fault = ReadRecord(record.substr(0, equals), record.substr(equals + 1), values);
    if (fault != nullptr) return fault;
    body.remove_prefix(length);
  }
  return nullptr;
}

}  // namespace mlperf::shards
