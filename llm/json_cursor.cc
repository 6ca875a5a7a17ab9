#include "json_cursor.h"

#include <charconv>
#include <cmath>

#include "json_text.h"

namespace mlperf::llm {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// How long the escape is that begins with the backslash at `at`; 0: it is none.
size_t EscapeLength(const char* at, const char* end) {
  if (end - at < 2) return 0;
  if (at[1] != 'u')
    return std::string_view("\"\\/bfnrt").find(at[1]) != std::string_view::npos ? 2 : 0;
  if (end - at < 6) return 0;
  return IsHex(at[2]) && IsHex(at[3]) && IsHex(at[4]) && IsHex(at[5]) ? 6 : 0;
}

}  // namespace

void JsonCursor::Space() {
  if (failed()) return;
  while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
}

JsonCursor::Kind JsonCursor::Peek() {
  Space();
  if (failed() || at_ == end_) return Kind::kNone;
  switch (*at_) {
    case '{':
      return Kind::kObject;
    case '[':
      return Kind::kArray;
    case '"':
      return Kind::kString;
    case 't':
      return Kind::kTrue;
    case 'f':
      return Kind::kFalse;
    case 'n':
      return Kind::kNull;
    default:
      return *at_ == '-' || IsDigit(*at_) ? Kind::kNumber : Kind::kNone;
  }
}

bool JsonCursor::Begin(char bracket) {
  Space();
  if (failed() || at_ == end_ || *at_ != bracket) return false;
  if (++depth_ > kMaxDepth) {
    Fail();
    return false;
  }
  ++at_;
  is_first_ |= uint64_t{1} << (depth_ - 1);
  return true;
}

bool JsonCursor::BeginObject() { return Begin('{'); }
bool JsonCursor::BeginArray() { return Begin('['); }

// False at the closing bracket, which is passed.
bool JsonCursor::Next(char bracket) {
  Space();
  if (failed() || at_ == end_) {
    Fail();
    return false;
  }
  const uint64_t bit = uint64_t{1} << (depth_ - 1);
  if (*at_ == bracket) {
    ++at_;
    --depth_;
    return false;
  }
  if ((is_first_ & bit) != 0) {
    is_first_ &= ~bit;
    return true;
  }
  if (*at_ != ',') {
    Fail();
    return false;
  }
  ++at_;
  // A bracket after the comma is no value: what reads it fails.
  return true;
}

bool JsonCursor::NextMember(std::string_view* name) {
  if (!Next('}')) return false;
  if (Peek() != Kind::kString) {
    Fail();
    return false;
  }
  *name = ScanString();
  if (name->find('\\') != name->npos) *name = name_ = TextOfJson(*name);
  Space();
  if (failed() || at_ == end_ || *at_ != ':') {
    Fail();
    return false;
  }
  ++at_;
  return true;
}

bool JsonCursor::NextElement() {
  if (!Next(']')) return false;
  if (Peek() == Kind::kNone) Fail();
  return !failed();
}

std::string_view JsonCursor::ScanString() {
  const char* const start = ++at_;
  while (at_ < end_ && *at_ != '"') {
    if (static_cast<unsigned char>(*at_) < 0x20) break;
    const size_t step = *at_ == '\\' ? EscapeLength(at_, end_) : 1;
    if (step == 0) break;
    at_ += step;
  }
  if (at_ == end_ || *at_ != '"') {
    Fail();
    return {};
  }
  return {start, static_cast<size_t>(at_++ - start)};
}

bool JsonCursor::Digits() {
  const char* const start = at_;
  while (at_ < end_ && IsDigit(*at_)) ++at_;
  return at_ > start;
}

std::string_view JsonCursor::ScanNumber() {
  const char* const start = at_;
  if (*at_ == '-') ++at_;
  const bool begins_with_zero = at_ < end_ && *at_ == '0';
  const char* const whole = at_;
  bool is_number = Digits() && !(begins_with_zero && at_ - whole > 1);
  if (is_number && at_ < end_ && *at_ == '.') {
    ++at_;
    is_number = Digits();
  }
  if (is_number && at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    is_number = Digits();
  }
  if (!is_number) {
    Fail();
    return {};
  }
  return {start, static_cast<size_t>(at_ - start)};
}

bool JsonCursor::Literal(std::string_view word) {
  const bool is_there = std::string_view(at_, static_cast<size_t>(end_ - at_)).starts_with(word);
  if (is_there) {
    at_ += word.size();
  } else {
    Fail();
  }
  return is_there;
}

std::optional<std::string_view> JsonCursor::String() {
  if (Peek() != Kind::kString) {
    Skip();
    return std::nullopt;
  }
  const std::string_view text = ScanString();
  if (failed()) return std::nullopt;
  return text;
}

std::optional<int64_t> JsonCursor::Integer() {
  if (Peek() != Kind::kNumber) {
    Skip();
    return std::nullopt;
  }
  const std::string_view text = ScanNumber();
  if (failed()) return std::nullopt;
  int64_t value = 0;
  const auto whole = std::from_chars(text.data(), text.data() + text.size(), value);
  if (whole.ec == std::errc() && whole.ptr == text.data() + text.size()) return value;
  double real = 0;  // Some servers write 5.0.
  const auto read = std::from_chars(text.data(), text.data() + text.size(), real);
  if (read.ec != std::errc() || std::abs(real) > 1e15 || real != std::floor(real))
    return std::nullopt;
  return static_cast<int64_t>(real);
}

void JsonCursor::Skip() {
  std::string_view name;
  switch (Peek()) {
    case Kind::kObject:
      if (BeginObject()) {
        while (NextMember(&name)) Skip();
      }
      break;
    case Kind::kArray:
      if (BeginArray()) {
        while (NextElement()) Skip();
      }
      break;
    case Kind::kString:
      ScanString();
      break;
    case Kind::kNumber:
      ScanNumber();
      break;
    case Kind::kTrue:
      Literal("true");
      break;
    case Kind::kFalse:
      Literal("false");
      break;
    case Kind::kNull:
      Literal("null");
      break;
    case Kind::kNone:
      Fail();
  }
}

std::string_view JsonCursor::Raw() {
  Space();
  const char* const start = at_;
  Skip();
  if (failed()) return {};
  return {start, static_cast<size_t>(at_ - start)};
}

bool JsonCursor::AtEnd() {
  Space();
  return !failed() && at_ == end_ && depth_ == 0;
}

}  // namespace mlperf::llm
