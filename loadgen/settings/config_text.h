// The text of a config file to its entries: keys and values, both still as they are written.
#ifndef MLPERF_LOADGEN_SETTINGS_CONFIG_TEXT_H_
#define MLPERF_LOADGEN_SETTINGS_CONFIG_TEXT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "test_settings.h"

namespace mlperf::loadgen {

struct ConfigEntry {
  std::string value;  // The literal text.
  uint64_t line = 0;  // From 1.
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

// A key such as `#*.*.mode` never matches, which is what its author wants.
bool IsCommentedOut(std::string_view key);

// The built-in mlperf.conf: its name, and its entries.
constexpr char kBuiltInName[] = "mlperf.conf";
const ConfigFile& BuiltInConfig();

// The text of the mlperf.conf that was embedded when the library was built.
std::string_view EmbeddedMlperfConf();

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SETTINGS_CONFIG_TEXT_H_
