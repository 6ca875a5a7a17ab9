#include "secrets.h"

#include <cstddef>
#include <string_view>

namespace mlperf::llm {
namespace {

constexpr std::string_view kHidden = "...";
constexpr size_t kLeastShown = 4;  // Fewer characters of a secret than these may be any word.

}  // namespace

std::string WithoutSecrets(std::string words, const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets) {
    if (secret.empty()) continue;
    for (size_t at = words.find(secret); at != std::string::npos;
         at = words.find(secret, at + kHidden.size())) {
      words.replace(at, secret.size(), kHidden);
    }
    for (size_t length = secret.size() - 1; length >= kLeastShown; --length) {
      if (!words.ends_with(std::string_view(secret).substr(0, length))) continue;
      words.replace(words.size() - length, length, kHidden);
      break;
    }
  }
  return words;
}

}  // namespace mlperf::llm
