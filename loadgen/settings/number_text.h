// Numbers as strtoull (base 0) and strtod read them in the C locale, whatever the locale is.
#ifndef MLPERF_LOADGEN_SETTINGS_NUMBER_TEXT_H_
#define MLPERF_LOADGEN_SETTINGS_NUMBER_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mlperf::loadgen {

struct IntegerText {
  uint64_t value = 0;
  size_t length = 0;  // Characters read; 0 if the text does not begin with an integer.
  bool is_negative = false;
  bool is_octal = false;
  bool is_too_large = false;
};

struct FloatText {
  double value = 0;
  size_t length = 0;  // As above.
  bool is_out_of_range = false;
};

IntegerText ReadInteger(std::string_view text);
FloatText ReadFloat(std::string_view text);

// True if the whole of `text` is an integer or a floating-point number.
bool IsNumber(std::string_view text);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SETTINGS_NUMBER_TEXT_H_
