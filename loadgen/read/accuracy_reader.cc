#include "read/accuracy_reader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include "read/block_reader.h"
#include "read/hex_decode.h"

namespace mlperf::loadgen {
namespace {

constexpr size_t kBlockSize = size_t{1} << 16;  // Stays in the processor's cache.
// A thread of its own pays from some size on; it takes larger blocks to hand over fewer.
constexpr uint64_t kReadAheadMinSize = uint64_t{4} << 20;
constexpr size_t kReadAheadBlockSize = size_t{1} << 19;
constexpr size_t kReadAheadBlockCount = 4;
constexpr size_t kMaxDecodedDigits = size_t{1} << 15;  // At once, to stay in the cache.
constexpr size_t kMaxFieldNameSize = 40;               // Far above any known name.

enum Field : size_t { kSequenceId, kSampleIndex, kData, kTokenData, kTokenCount };
constexpr std::array<std::string_view, 5> kFieldNames = {"seq_id", "qsl_idx", "data", "token_data",
                                                         "token_count"};
constexpr std::array kRequiredFields = {kSequenceId, kSampleIndex, kData};

// Thrown where a byte is needed and the text has ended.
struct CutOff {};

// Thrown where something else is needed and the text has a gap, which is read by then.
struct Gap {};

// The unread part of the text, as far as it has been read.
class Input {
 public:
  explicit Input(BlockReader* blocks) : blocks_(*blocks) {}

  // The offset in the text of the next unread byte.
  uint64_t offset() const { return end_offset_ - unread_.size(); }
  std::string_view unread() const { return unread_; }
  bool AtEnd() { return unread_.empty() && !ReadMore(); }

  char Peek() {
    if (AtEnd()) throw CutOff();
    return unread_.front();
  }

  char Take() {
    const char c = Peek();
    Skip(1);
    return c;
  }

  // `size` unread bytes are done with.
  void Skip(size_t size) { unread_.remove_prefix(size); }

 private:
  // False at the end of the text.
  bool ReadMore() {
    unread_ = blocks_.Next();
    end_offset_ += unread_.size();
    return !unread_.empty();
  }

  BlockReader& blocks_;
  std::string_view unread_;
  uint64_t end_offset_ = 0;
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWhiteSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool IsHex(char c) { return IsDigit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'); }

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

// Asks for large pages, of which a large vector needs hundreds of times fewer page faults.
void AdviseHugePages(const std::vector<uint8_t>& bytes) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kPageSize = uintptr_t{1} << 21;
  const auto start = reinterpret_cast<uintptr_t>(bytes.data());
  const uintptr_t first_page = (start + kPageSize - 1) / kPageSize;
  const uintptr_t end_page = (start + bytes.capacity()) / kPageSize;
  if (first_page >= end_page) return;
  // Only advice: without it all is as before.
  madvise(reinterpret_cast<void*>(first_page * kPageSize), (end_page - first_page) * kPageSize,
          MADV_HUGEPAGE);
#else
  static_cast<void>(bytes);
#endif
}

// Sets address space aside; memory is taken only as it is filled. Where the system refuses, the
// vector grows as it always does.
void TryReserve(std::vector<uint8_t>* bytes, uint64_t size) {
  try {
    bytes->reserve(static_cast<size_t>(std::min<uint64_t>(size, bytes->max_size())));
    AdviseHugePages(*bytes);
  } catch (const std::bad_alloc&) {
  }
}

// Returns what was set aside in vain. Only below half, where the copy that this takes stays within
// what was set aside.
void ShrinkIfSparse(std::vector<uint8_t>* bytes) {
  if (bytes->size() < bytes->capacity() / 2) bytes->shrink_to_fit();
}

// A recursive descent of fixed depth: document, record, field. A gap in the text is found where the
// text is no log, wherever that is, and thus costs nothing where there is none.
class Reader {
 public:
  Reader(BlockReader* blocks, const std::string& name, uint64_t expected_size)
      : input_(blocks), name_(name), expected_size_(expected_size) {
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
  void SkipByteOrderMark();
  bool ReadNext();
  void ReadRecord();
  void ReadField(Record* record);
  Field ReadFieldName();
  void CheckComplete(const Record& record);
  void Append(const Record& record);
  void DropPartialRecord();
  void ReadHex(std::vector<uint8_t>* bytes);
  void AppendDecoded(std::string_view digits, uint64_t offset, std::vector<uint8_t>* bytes);
  char TakeDigit();
  uint64_t ReadUnsigned(uint64_t max, std::string_view expected);
  int64_t ReadSigned();

  size_t record_count() const { return data_.sequence_ids.size(); }
  bool SkipGap(uint64_t offset);
  bool SkipToRecord();
  void SkipWhiteSpace();
  void Expect(char c);
  bool ReadSeparator(char end);
  [[noreturn]] void Fail(uint64_t offset, const std::string& found, std::string_view expected);

  Input input_;
  const std::string& name_;
  uint64_t expected_size_;
  bool in_list_ = false;
  bool in_record_ = false;
  AccuracyData data_;
};

void Reader::ReadDocument() {
  SkipByteOrderMark();
  Expect('[');
  data_.used_bytes = input_.offset();
  SkipWhiteSpace();
  if (input_.Peek() == ']') {
    input_.Skip(1);
  } else {
    in_list_ = true;
    while (ReadNext()) {
    }
    in_list_ = false;
  }
  while (!input_.AtEnd()) {
    const char c = input_.Peek();
    if (!IsWhiteSpace(c)) Fail(input_.offset(), Quoted(c), "the end of the file");
    input_.Skip(1);
  }
  if (!data_.shortened) data_.used_bytes = input_.offset();
}

void Reader::SkipByteOrderMark() {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  const char first = input_.Peek();
  if (first == '\xFF' || first == '\xFE') {
    Fail(0, Quoted(first) + ", as UTF-16 begins", "'[' (convert the file to UTF-8)");
  }
  for (size_t i = 0; first == kMark[0] && i < kMark.size(); ++i) {
    if (input_.Peek() != kMark[i]) Fail(0, Quoted(first), "'['");
    input_.Skip(1);
  }
}

// One record and what follows it. False at the end of the list.
bool Reader::ReadNext() {
  try {
    ReadRecord();
    return ReadSeparator(']');
  } catch (const Gap&) {
    data_.truncated = data_.shortened = true;
    in_record_ = false;
    DropPartialRecord();
    return SkipToRecord();
  }
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
  if (!data_.shortened) data_.used_bytes = input_.offset();
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
    buffer[size++] = input_.Take();
    if (buffer[size - 1] == '\n') break;  // In no name, but in a gap.
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
  while (input_.Peek() != '"') {  // A string of any length passes in pieces.
    const uint64_t offset = input_.offset();
    const std::string_view piece = input_.unread().substr(0, kMaxDecodedDigits);
    const size_t digit_count = std::min(piece.find('"'), piece.size());
    if (digit_count > 1) {
      const std::string_view digits = piece.substr(0, digit_count - digit_count % 2);
      AppendDecoded(digits, offset, bytes);
      input_.Skip(digits.size());
    } else {  // A digit whose partner is in the next block, or missing.
      const char high = TakeDigit();
      const char pair[] = {high, TakeDigit()};
      AppendDecoded({pair, 2}, offset, bytes);
    }
  }
  input_.Skip(1);
}

// `digits` is an even number of characters, at `offset` in the text.
void Reader::AppendDecoded(std::string_view digits, uint64_t offset, std::vector<uint8_t>* bytes) {
  const size_t old_size = bytes->size();
  bytes->resize(old_size + digits.size() / 2);
  if (DecodeHex(digits.data(), digits.size() / 2, bytes->data() + old_size)) return;
  const auto bad = std::find_if_not(digits.begin(), digits.end(), IsHex);
  Fail(offset + static_cast<uint64_t>(bad - digits.begin()), Quoted(*bad), "a hexadecimal digit");
}

char Reader::TakeDigit() {
  const char c = input_.Peek();
  if (IsHex(c)) return input_.Take();
  Fail(input_.offset(), Quoted(c),
       c == '"' ? "the second hexadecimal digit of a byte" : "a hexadecimal digit");
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

// Whether the text has a gap at `offset`, where it is no log: three dots at the end of a line,
// after white space some of which is read. What looks like one is read then.
bool Reader::SkipGap(uint64_t offset) {
  if (input_.offset() < offset) input_.Skip(static_cast<size_t>(offset - input_.offset()));
  while (!input_.AtEnd() && IsWhiteSpace(input_.Peek())) input_.Skip(1);
  for (int dots = 0; dots < 3; ++dots) {
    if (input_.AtEnd() || input_.Peek() != '.') return false;
    input_.Skip(1);
  }
  return !input_.AtEnd() && (input_.Peek() == '\n' || input_.Peek() == '\r');
}

// To the next record that begins; false if none does. No other part of a log has a brace.
bool Reader::SkipToRecord() {
  while (!input_.AtEnd()) {
    const size_t brace = input_.unread().find('{');
    if (brace != std::string_view::npos) {
      input_.Skip(brace);
      return true;
    }
    input_.Skip(input_.unread().size());
  }
  return false;
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
  if (in_list_ && SkipGap(offset)) throw Gap();
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

  // 0 if only reading can show it, as of a pipe.
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
  const ByteSource source = [&file](char* buffer, size_t size) { return file.Read(buffer, size); };
  const uint64_t size = file.Size();
  if (size < kReadAheadMinSize) return ReadAccuracyLog(source, path, size);
  BlockReader blocks(source, kReadAheadBlockSize, kReadAheadBlockCount);
  return Reader(&blocks, path, size).Read();
}

AccuracyData ReadAccuracyLog(const ByteSource& source, const std::string& name,
                             uint64_t expected_size) {
  BlockReader blocks(source, kBlockSize, 1);
  return Reader(&blocks, name, expected_size).Read();
}

}  // namespace mlperf::loadgen
