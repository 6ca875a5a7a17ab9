#include "accuracy_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

namespace mlperf::loadgen {
namespace {

constexpr size_t kReadBufferSize = size_t{1} << 16;  // Stays in the processor's cache.
constexpr size_t kMaxFieldNameSize = 40;             // Far above any known name.

enum Field : size_t { kSequenceId, kSampleIndex, kData, kTokenData, kTokenCount };
constexpr std::array<std::string_view, 5> kFieldNames = {"seq_id", "qsl_idx", "data", "token_data",
                                                         "token_count"};
constexpr std::array kRequiredFields = {kSequenceId, kSampleIndex, kData};

// Thrown where a byte is needed and the text has ended.
struct CutOff {};

// The unread part of the text, as far as it is in the buffer.
class Input {
 public:
  explicit Input(const ByteSource& source)
      : source_(source), buffer_(kReadBufferSize), next_(buffer_.data()), end_(next_) {}

  // The offset in the text of the next unread byte.
  uint64_t offset() const { return end_offset_ - unread().size(); }
  std::string_view unread() const { return {next_, static_cast<size_t>(end_ - next_)}; }
  bool AtEnd() { return next_ == end_ && !ReadMore(); }

  char Peek() {
    if (AtEnd()) throw CutOff();
    return *next_;
  }

  // `size` unread bytes are done with.
  void Skip(size_t size) { next_ += size; }

  // Adds to the unread bytes, of which there are few. False at the end of the text.
  bool ReadMore() {
    const size_t kept = unread().size();
    std::memmove(buffer_.data(), next_, kept);
    const size_t added = source_(buffer_.data() + kept, buffer_.size() - kept);
    next_ = buffer_.data();
    end_ = next_ + kept + added;
    end_offset_ += added;
    return added > 0;
  }

 private:
  const ByteSource& source_;
  std::vector<char> buffer_;
  const char* next_;
  const char* end_;
  uint64_t end_offset_ = 0;
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWhiteSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool IsHex(char c) { return IsDigit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'); }

unsigned HexValue(char c) {
  return static_cast<unsigned>(IsDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
}

size_t PairIndex(char high, char low) {
  return static_cast<size_t>(static_cast<uint8_t>(low)) << 8 | static_cast<uint8_t>(high);
}

// The byte of each pair of hexadecimal digits, above 0xFF for other pairs.
using HexPairs = std::array<uint16_t, 65536>;

HexPairs MakeHexPairs() {
  constexpr std::string_view kDigits = "0123456789ABCDEFabcdef";
  HexPairs pairs;
  pairs.fill(0x100);
  for (const char high : kDigits) {
    for (const char low : kDigits) {
      pairs[PairIndex(high, low)] = static_cast<uint16_t>(HexValue(high) << 4 | HexValue(low));
    }
  }
  return pairs;
}

// False if any digit is none; asked once at the end, which keeps the loop free of branches.
bool DecodeHex(const char* digits, size_t byte_count, uint8_t* bytes) {
  static const HexPairs pairs = MakeHexPairs();
  unsigned seen_bits = 0;
  for (size_t i = 0; i < byte_count; ++i) {
    const unsigned byte = pairs[PairIndex(digits[2 * i], digits[2 * i + 1])];
    seen_bits |= byte;
    bytes[i] = static_cast<uint8_t>(byte);
  }
  return seen_bits <= 0xFF;
}

std::string Quoted(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string quoted = "'";
  for (const char c : text) {
    if (c >= ' ' && c <= '~') {
      quoted += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      quoted.append("\\x").append({kDigits[byte >> 4], kDigits[byte & 0xF]});
    }
  }
  return quoted + "'";
}

std::string Quoted(char c) { return Quoted(std::string_view(&c, 1)); }

// Sets address space aside; memory is taken only as it is filled. Where the system refuses, the
// vector grows as it always does.
void TryReserve(std::vector<uint8_t>* bytes, uint64_t size) {
  try {
    bytes->reserve(static_cast<size_t>(std::min<uint64_t>(size, bytes->max_size())));
  } catch (const std::bad_alloc&) {
  }
}

// Returns what was set aside in vain. Only below half, where the copy that this takes stays within
// what was set aside.
void ShrinkIfSparse(std::vector<uint8_t>* bytes) {
  if (bytes->size() < bytes->capacity() / 2) bytes->shrink_to_fit();
}

// A recursive descent of fixed depth: document, record, field.
class Reader {
 public:
  Reader(const ByteSource& source, const std::string& name, uint64_t expected_size)
      : input_(source), name_(name), expected_size_(expected_size) {
    data_.payload_offsets.push_back(0);
  }

  AccuracyData Read() {
    try {
      ReadDocument();
    } catch (const CutOff&) {
      data_.truncated = true;
      DropPartialRecord();
    }
    ShrinkIfSparse(&data_.payload);
    ShrinkIfSparse(&data_.token_payload);
    return std::move(data_);
  }

 private:
  struct Record {
    bool Has(Field field) const { return (fields >> field & 1) != 0; }
    unsigned fields = 0;  // One bit each.
    uint64_t sequence_id = 0;
    uint64_t sample_index = 0;
    int64_t token_count = 0;
  };

  void ReadDocument();
  void ReadRecord();
  void ReadField(Record* record);
  Field ReadFieldName();
  void CheckComplete(const Record& record);
  void Append(const Record& record);
  void DropPartialRecord();
  void ReadHex(std::vector<uint8_t>* bytes);
  void AppendDecoded(std::string_view digits, std::vector<uint8_t>* bytes);
  uint64_t ReadUnsigned(uint64_t max, std::string_view expected);
  int64_t ReadSigned();

  size_t record_count() const { return data_.sequence_ids.size(); }
  void SkipWhiteSpace();
  void Expect(char c);
  bool ReadSeparator(char end);
  [[noreturn]] void Fail(uint64_t offset, const std::string& found, std::string_view expected);

  Input input_;
  const std::string& name_;
  uint64_t expected_size_;
  bool in_record_ = false;
  AccuracyData data_;
};

void Reader::ReadDocument() {
  Expect('[');
  data_.used_bytes = input_.offset();
  SkipWhiteSpace();
  if (input_.Peek() == ']') {
    input_.Skip(1);
  } else {
    do {
      ReadRecord();
    } while (ReadSeparator(']'));
  }
  while (!input_.AtEnd()) {
    const char c = input_.Peek();
    if (!IsWhiteSpace(c)) Fail(input_.offset(), Quoted(c), "the end of the file");
    input_.Skip(1);
  }
  data_.used_bytes = input_.offset();
}

void Reader::ReadRecord() {
  Expect('{');
  in_record_ = true;
  Record record;
  do {
    ReadField(&record);
  } while (ReadSeparator('}'));
  CheckComplete(record);
  Append(record);
  data_.used_bytes = input_.offset();
  in_record_ = false;
}

void Reader::ReadField(Record* record) {
  SkipWhiteSpace();
  const uint64_t offset = input_.offset();
  const Field field = ReadFieldName();
  if (record->Has(field)) {
    Fail(offset, "the field " + Quoted(kFieldNames[field]) + " again", "each field once");
  }
  record->fields |= 1U << field;
  Expect(':');
  SkipWhiteSpace();
  constexpr std::string_view kUnsigned = "an unsigned 64-bit integer";
  constexpr uint64_t kUnsignedMax = std::numeric_limits<uint64_t>::max();
  switch (field) {
    case kSequenceId:
      record->sequence_id = ReadUnsigned(kUnsignedMax, kUnsigned);
      break;
    case kSampleIndex:
      record->sample_index = ReadUnsigned(kUnsignedMax, kUnsigned);
      break;
    case kTokenCount:
      record->token_count = ReadSigned();
      break;
    case kData:
      ReadHex(&data_.payload);
      break;
    case kTokenData:
      ReadHex(&data_.token_payload);
  }
}

Field Reader::ReadFieldName() {
  const uint64_t offset = input_.offset();
  Expect('"');
  std::array<char, kMaxFieldNameSize> buffer;
  size_t size = 0;
  while (input_.Peek() != '"' && size < buffer.size()) {
    buffer[size++] = input_.Peek();
    input_.Skip(1);
  }
  const std::string_view name(buffer.data(), size);
  const auto known = std::find(kFieldNames.begin(), kFieldNames.end(), name);
  if (known == kFieldNames.end()) {
    Fail(offset, "the field " + Quoted(name),
         "one of seq_id, qsl_idx, data, token_data, token_count");
  }
  input_.Skip(1);
  return static_cast<Field>(known - kFieldNames.begin());
}

void Reader::CheckComplete(const Record& record) {
  for (const Field field : kRequiredFields) {
    if (record.Has(field)) continue;
    Fail(input_.offset() - 1, "the end of the record",
         "the field " + Quoted(kFieldNames[field]) + " before it");
  }
}

// The response bytes are in the payload already.
void Reader::Append(const Record& record) {
  const size_t earlier_records = record_count();
  data_.sequence_ids.push_back(record.sequence_id);
  data_.sample_indices.push_back(record.sample_index);
  data_.payload_offsets.push_back(data_.payload.size());
  if (record.Has(kTokenData)) data_.token_payload_offsets.resize(earlier_records + 1);
  if (!data_.token_payload_offsets.empty()) {
    data_.token_payload_offsets.push_back(data_.token_payload.size());
  }
  if (record.Has(kTokenCount)) data_.token_counts.resize(earlier_records);
  if (record.Has(kTokenCount) || !data_.token_counts.empty()) {
    data_.token_counts.push_back(record.token_count);
  }
}

void Reader::DropPartialRecord() {
  data_.payload.resize(data_.payload_offsets.back());
  data_.token_payload.resize(
      data_.token_payload_offsets.empty() ? 0 : data_.token_payload_offsets.back());
}

void Reader::ReadHex(std::vector<uint8_t>* bytes) {
  if (bytes->capacity() == 0 && expected_size_ > input_.offset()) {
    TryReserve(bytes, (expected_size_ - input_.offset()) / 2);
  }
  Expect('"');
  // A string of any length passes through the buffer in pieces.
  for (;;) {
    const std::string_view unread = input_.unread();
    const size_t size = std::min(unread.find('"'), unread.size());
    const size_t even_size = size - size % 2;
    AppendDecoded(unread.substr(0, even_size), bytes);
    input_.Skip(even_size);
    if (size < unread.size()) break;
    if (!input_.ReadMore()) throw CutOff();
  }
  const char end = input_.Peek();
  if (end != '"') {  // A last digit without its partner.
    const bool is_digit = IsHex(end);
    Fail(input_.offset() + (is_digit ? 1 : 0), Quoted(is_digit ? '"' : end),
         is_digit ? "the second hexadecimal digit of a byte" : "a hexadecimal digit");
  }
  input_.Skip(1);
}

// `digits` is an even number of the next unread characters.
void Reader::AppendDecoded(std::string_view digits, std::vector<uint8_t>* bytes) {
  const size_t old_size = bytes->size();
  bytes->resize(old_size + digits.size() / 2);
  if (DecodeHex(digits.data(), digits.size() / 2, bytes->data() + old_size)) return;
  const auto bad = std::find_if_not(digits.begin(), digits.end(), IsHex);
  Fail(input_.offset() + static_cast<uint64_t>(bad - digits.begin()), Quoted(*bad),
       "a hexadecimal digit");
}

uint64_t Reader::ReadUnsigned(uint64_t max, std::string_view expected) {
  const uint64_t offset = input_.offset();
  if (!IsDigit(input_.Peek())) Fail(offset, Quoted(input_.Peek()), expected);
  const bool leading_zero = input_.Peek() == '0';
  uint64_t value = 0;
  for (char c = input_.Peek(); IsDigit(c); c = input_.Peek()) {
    const auto digit = static_cast<uint64_t>(c - '0');
    if (leading_zero && input_.offset() > offset) Fail(offset, "a leading zero", expected);
    if (value > max / 10 || value * 10 > max - digit) {  // At the 21st digit at the latest.
      Fail(offset, "a number that begins " + Quoted(std::to_string(value) + c), expected);
    }
    value = value * 10 + digit;
    input_.Skip(1);
  }
  return value;
}

int64_t Reader::ReadSigned() {
  constexpr std::string_view kExpected = "a signed 64-bit integer";
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (input_.Peek() != '-') return static_cast<int64_t>(ReadUnsigned(kMax, kExpected));
  input_.Skip(1);
  return static_cast<int64_t>(0 - ReadUnsigned(kMax + 1, kExpected));
}

void Reader::SkipWhiteSpace() {
  while (IsWhiteSpace(input_.Peek())) input_.Skip(1);
}

void Reader::Expect(char c) {
  SkipWhiteSpace();
  if (input_.Peek() != c) Fail(input_.offset(), Quoted(input_.Peek()), Quoted(c));
  input_.Skip(1);
}

// True for a comma, false for `end`.
bool Reader::ReadSeparator(char end) {
  SkipWhiteSpace();
  const char c = input_.Peek();
  if (c != ',' && c != end) Fail(input_.offset(), Quoted(c), "',' or " + Quoted(end));
  input_.Skip(1);
  return c == ',';
}

void Reader::Fail(uint64_t offset, const std::string& found, std::string_view expected) {
  std::string where = ", after record " + std::to_string(record_count());
  if (in_record_) where = ", record " + std::to_string(record_count() + 1);
  if (!in_record_ && record_count() == 0) where = ", before record 1";
  throw AccuracyFormatError(name_ + ": byte " + std::to_string(offset) + where + ": found " +
                            found + ", expected " + std::string(expected));
}

class InputFile {
 public:
  explicit InputFile(const std::string& path)
      : path_(path), fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) Throw("open");
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() { close(fd_); }

  // 0 if only reading can tell, as of a pipe.
  uint64_t Size() const {
    struct stat status;
    if (fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
    return static_cast<uint64_t>(status.st_size);
  }

  size_t Read(char* buffer, size_t size) {
    for (;;) {
      const ssize_t count = read(fd_, buffer, size);
      if (count >= 0) return static_cast<size_t>(count);
      if (errno != EINTR) Throw("read");
    }
  }

 private:
  [[noreturn]] void Throw(const std::string& operation) const {
    throw std::system_error(errno, std::generic_category(),
                            "cannot " + operation + " accuracy log '" + path_ + "'");
  }

  const std::string& path_;
  int fd_;
};

}  // namespace

AccuracyData ReadAccuracyLog(const std::string& path) {
  InputFile file(path);
  return ReadAccuracyLog([&file](char* buffer, size_t size) { return file.Read(buffer, size); },
                         path, file.Size());
}

AccuracyData ReadAccuracyLog(const ByteSource& source, const std::string& name,
                             uint64_t expected_size) {
  return Reader(source, name, expected_size).Read();
}

}  // namespace mlperf::loadgen
