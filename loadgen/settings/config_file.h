// Config files (mlperf.conf, user.conf, audit.config): text to key-value pairs to TestSettings.
#ifndef MLPERF_LOADGEN_SETTINGS_CONFIG_FILE_H_
#define MLPERF_LOADGEN_SETTINGS_CONFIG_FILE_H_

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

// Appends to settings->config_diagnostics what is odd about the names that a file is read for: a
// model that neither the file, nor the built-in mlperf.conf, nor an earlier file of these settings
// has an entry for (audit files, conf_type 2, are for any model), and a scenario that there is none
// of.
void CheckNames(const ConfigFile& file, const std::string& file_name, const std::string& model,
                const std::string& scenario, int conf_type, TestSettings* settings);

// Sets the members of `settings` that `file` names for (model, scenario), by the precedence
// model.scenario, *.scenario, model.*, *.*; appends diagnostics of values (not of grammar) to
// settings->config_diagnostics, and notes in settings->config_origins where each value came from.
void ApplyConfig(const ConfigFile& file, const std::string& file_name, const std::string& model,
                 const std::string& scenario, int conf_type, TestSettings* settings);

// The models that the built-in mlperf.conf, or the file, has entries for, in the order of the
// alphabet.
std::vector<std::string_view> BuiltInModels();
std::vector<std::string_view> ModelsOf(const ConfigFile& file);

// The mlperf.conf that was embedded when the library was built.
std::string_view EmbeddedMlperfConf();

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SETTINGS_CONFIG_FILE_H_
