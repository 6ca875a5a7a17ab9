// Strings of JSON as text.
#ifndef MLPERF_LLM_JSON_TEXT_H_
#define MLPERF_LLM_JSON_TEXT_H_

#include <string>
#include <string_view>

namespace mlperf::llm {

// The UTF-8 text of what stands between the quotes of a string, or of several such one after
// another: half a surrogate pair may be completed by the next one. Other halves become U+FFFD.
std::string TextOfJson(std::string_view raw);

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_JSON_TEXT_H_
