// The words of a server without the secrets that it repeats, such as a wrong key. Pure.
#ifndef MLPERF_LLM_SECRETS_H_
#define MLPERF_LLM_SECRETS_H_

#include <string>
#include <vector>

namespace mlperf::llm {

// `secrets`: the longest first. One may be cut by the end of the words.
std::string WithoutSecrets(std::string words, const std::vector<std::string>& secrets);

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_SECRETS_H_
