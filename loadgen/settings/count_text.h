// A number of things as people read it.
#ifndef MLPERF_LOADGEN_SETTINGS_COUNT_TEXT_H_
#define MLPERF_LOADGEN_SETTINGS_COUNT_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace mlperf::loadgen {

// "1 sample", "2 samples", "1 query", "2 queries"; `many`: unless it is `one` and an s.
inline std::string Counted(uint64_t count, std::string_view one, std::string_view many = {}) {
  std::string text = std::to_string(count) + " ";
  if (count == 1 || many.empty()) {
    text.append(one).append(count == 1 ? "" : "s");
  } else {
    text.append(many);
  }
  return text;
}

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SETTINGS_COUNT_TEXT_H_
