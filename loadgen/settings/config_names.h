// The names in the keys of config files, model.scenario.name: which ones are known, which entries
// nothing reads because of them, and what a misspelled one may stand for.
#ifndef MLPERF_LOADGEN_SETTINGS_CONFIG_NAMES_H_
#define MLPERF_LOADGEN_SETTINGS_CONFIG_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

#include "settings/config_findings.h"
#include "settings/config_text.h"
#include "settings/settings_table.h"
#include "test_settings.h"

namespace mlperf::loadgen {

// The conf_type of FromConfig; a greater one is an audit file.
constexpr int kConfTypeBuiltIn = 0;
constexpr int kConfTypeUser = 1;

// The scenario that `scope` stands for, `argument` being FromConfig's.
std::string_view ScenarioOf(KeyScope scope, std::string_view argument);

// The models that the built-in mlperf.conf, or the file, has entries for, in the order of the
// alphabet.
std::vector<std::string_view> BuiltInModels();
std::vector<std::string_view> ModelsOf(const ConfigFile& file);

// Appends to settings->config_diagnostics what is odd about the names that a file is read for: a
// model that neither the file, nor the built-in mlperf.conf, nor an earlier file of these settings
// has an entry for (audit files, conf_type 2, are for any model), and a scenario that there is none
// of.
void CheckNames(const ConfigFile& file, const std::string& file_name, const std::string& model,
                const std::string& scenario, int conf_type, TestSettings* settings);

// Warns of the entries that no call with these arguments reads, where that may be a mistake.
void WarnOfUnreadEntries(const ConfigFile& file, const std::string& model,
                         const std::string& scenario, const TestSettings& settings,
                         Findings* findings);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SETTINGS_CONFIG_NAMES_H_
