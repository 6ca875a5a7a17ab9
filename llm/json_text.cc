#include "json_text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace mlperf::llm {
namespace {

constexpr uint32_t kReplacement = 0xfffd;

// The code unit of the escape \uXXXX at `place`; 0 where there is none (a NUL is not half a pair).
uint32_t UnitAt(std::string_view raw, size_t place) {
  if (raw.size() < place + 6 || raw[place] != '\\' || raw[place + 1] != 'u') return 0;
  uint32_t unit = 0;
  std::from_chars(raw.data() + place + 2, raw.data() + place + 6, unit, 16);
  return unit;
}

bool IsHigh(uint32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool IsLow(uint32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

void Append(uint32_t code, std::string* text) {
  const auto put = [text](uint32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

// The character of the escape \u at `place`. Returns how many bytes of `raw` it takes.
size_t AppendUnicode(std::string_view raw, size_t place, std::string* text) {
  const uint32_t unit = UnitAt(raw, place);
  const uint32_t next = UnitAt(raw, place + 6);
  if (IsHigh(unit) && IsLow(next)) {
    Append(0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00), text);
    return 12;
  }
  Append(IsHigh(unit) || IsLow(unit) ? kReplacement : unit, text);
  return 6;
}

char Unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

}  // namespace

std::string TextOfJson(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  for (size_t place = 0; place < raw.size();) {
    const size_t escape = std::min(raw.find('\\', place), raw.size());
    text.append(raw, place, escape - place);
    place = escape;
    if (place + 1 >= raw.size()) break;
    if (raw[place + 1] == 'u') {
      place += AppendUnicode(raw, place, &text);
    } else {
      text.push_back(Unescaped(raw[place + 1]));
      place += 2;
    }
  }
  return text;
}

}  // namespace mlperf::llm
