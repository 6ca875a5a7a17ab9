#include "settings/number_text.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

namespace mlperf::loadgen {
namespace {

bool IsSign(char c) { return c == '+' || c == '-'; }

bool IsHexDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool HasHexPrefix(std::string_view text) {
  return text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

// True if the magnitude of `digits`, a number that no double can hold, is too large rather than
// too small. `digits` has neither sign nor prefix.
bool IsTooLarge(std::string_view digits, bool is_hex) {
  const size_t exponent_at = digits.find_first_of(is_hex ? "pP" : "eE");
  const std::string_view mantissa = digits.substr(0, exponent_at);
  const auto point = static_cast<int64_t>(std::min(mantissa.find('.'), mantissa.size()));
  const auto leading = static_cast<int64_t>(mantissa.find_first_not_of("0."));
  int64_t scale = (point - leading) * (is_hex ? 4 : 1);
  if (exponent_at != std::string_view::npos) {
    std::string_view text = digits.substr(exponent_at + 1);
    const bool is_negative = text.starts_with('-');
    if (IsSign(text[0])) text.remove_prefix(1);
    int64_t exponent = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), exponent);
    if (result.ec == std::errc::result_out_of_range) return !is_negative;
    exponent = std::clamp(exponent, -(int64_t{1} << 60), int64_t{1} << 60);
    scale += is_negative ? -exponent : exponent;
  }
  return scale > 0;
}

}  // namespace

IntegerText ReadInteger(std::string_view text) {
  IntegerText read;
  size_t begin = 0;
  if (!text.empty() && IsSign(text[0])) {
    read.is_negative = text[0] == '-';
    begin = 1;
  }
  int base = 10;
  if (HasHexPrefix(text.substr(begin)) && IsHexDigit(text[begin + 2])) {
    base = 16;
    begin += 2;
  } else if (text.substr(begin).starts_with('0')) {
    base = 8;
    read.is_octal = true;
  }
  const char* const first = text.data() + begin;
  const auto [end, error] = std::from_chars(first, text.data() + text.size(), read.value, base);
  if (error == std::errc::invalid_argument) return {};
  read.length = static_cast<size_t>(end - text.data());
  if (error == std::errc::result_out_of_range) {
    read.is_too_large = true;
    read.value = std::numeric_limits<uint64_t>::max();
  } else if (read.is_negative) {
    read.value = 0 - read.value;
  }
  return read;
}

FloatText ReadFloat(std::string_view text) {
  size_t begin = !text.empty() && IsSign(text[0]) ? 1 : 0;
  const bool is_negative = text.starts_with('-');
  std::string_view digits = text.substr(begin);
  if (digits.empty() || IsSign(digits[0])) return {};
  bool is_hex = false;
  if (HasHexPrefix(digits)) {
    const bool has_point = digits[2] == '.' && digits.size() > 3;
    is_hex = IsHexDigit(digits[has_point ? 3 : 2]);
    if (is_hex) {
      begin += 2;
      digits.remove_prefix(2);
    }
  }
  FloatText read;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), read.value,
                      is_hex ? std::chars_format::hex : std::chars_format::general);
  if (error == std::errc::invalid_argument) return {};
  const auto length = static_cast<size_t>(end - digits.data());
  read.length = begin + length;
  if (error == std::errc::result_out_of_range) {
    read.is_out_of_range = true;
    read.value = IsTooLarge(digits.substr(0, length), is_hex)
                     ? std::numeric_limits<double>::infinity()
                     : 0.0;
  }
  if (is_negative) read.value = -read.value;
  return read;
}

bool IsNumber(std::string_view text) {
  return ReadInteger(text).length == text.size() || ReadFloat(text).length == text.size();
}

}  // namespace mlperf::loadgen
