// What is odd about a config file: its diagnostics while they are collected.
#ifndef MLPERF_LOADGEN_SETTINGS_CONFIG_FINDINGS_H_
#define MLPERF_LOADGEN_SETTINGS_CONFIG_FINDINGS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test_settings.h"

namespace mlperf::loadgen {

// `text` as it may be shown: printable ASCII, and not endless.
std::string Quoted(std::string_view text);

// The diagnostics of one file. Their number is bounded, whatever the file holds.
class Findings {
 public:
  explicit Findings(const std::string& file) : file_(file) {}

  void Error(uint64_t line, std::string message) {
    Add(ConfigDiagnostic::Severity::kError, line, message);
  }
  void Warn(uint64_t line, std::string message) {
    Add(ConfigDiagnostic::Severity::kWarning, line, message);
  }

  // In the order of lines; of equal ones that follow each other, one.
  std::vector<ConfigDiagnostic> TakeByLine() &&;

 private:
  static constexpr size_t kMaxListed = 1000;

  void Add(ConfigDiagnostic::Severity severity, uint64_t line, std::string& message);

  std::string file_;
  std::vector<ConfigDiagnostic> list_;
  size_t left_out_ = 0;
};

// The message, and where it was met as far as the message, in the reference's words, does not say.
std::string WithPlace(const ConfigDiagnostic& diagnostic);

// Puts `from` behind what is in `to`.
void Append(std::vector<ConfigDiagnostic> from, std::vector<ConfigDiagnostic>* to);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SETTINGS_CONFIG_FINDINGS_H_
