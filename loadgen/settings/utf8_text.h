// Text that others give, as text that can be shown and logged.
#ifndef MLPERF_LOADGEN_SETTINGS_UTF8_TEXT_H_
#define MLPERF_LOADGEN_SETTINGS_UTF8_TEXT_H_

#include <string>
#include <string_view>

namespace mlperf::loadgen {

// `text` with U+FFFD in the place of each byte that belongs to no well-formed UTF-8 sequence.
std::string ValidUtf8(std::string_view text);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SETTINGS_UTF8_TEXT_H_
