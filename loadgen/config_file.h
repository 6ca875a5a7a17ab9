// Config files (mlperf.conf, user.conf, audit.config): text to key-value pairs to TestSettings.
#ifndef MLPERF_LOADGEN_CONFIG_FILE_H_
#define MLPERF_LOADGEN_CONFIG_FILE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "test_settings.h"

namespace mlperf::loadgen {

struct ConfigEntry {
  std::string value;  // The literal text.
  uint64_t line;      // From 1.
};

// The parsed text of one file. Keys are literal `model.scenario.name` texts; the last of two
// equal keys wins.
struct ConfigFile {
  std::map<std::string, ConfigEntry, std::less<>> entries;
  std::vector<ConfigDiagnostic> diagnostics;
  bool malformed = false;  // At least one line broke the grammar; entries must not be applied.
};

// Parses `text`; `file_name` is used in diagnostics only. Never throws on bad text.
ConfigFile ParseConfig(std::string_view text, const std::string& file_name);

// Sets the members of `settings` that `file` names for (model, scenario), by the precedence
// model.scenario, *.scenario, model.*, *.*; appends diagnostics of values (not of grammar) to
// settings->config_diagnostics.
void ApplyConfig(const ConfigFile& file, const std::string& file_name, const std::string& model,
                 const std::string& scenario, int conf_type, TestSettings* settings);

// The mlperf.conf that was embedded when the library was built.
std::string_view EmbeddedMlperfConf();

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_CONFIG_FILE_H_
