// Config files (mlperf.conf, user.conf, audit.config): their entries to TestSettings.
#ifndef MLPERF_LOADGEN_SETTINGS_CONFIG_FILE_H_
#define MLPERF_LOADGEN_SETTINGS_CONFIG_FILE_H_

#include <string>

#include "settings/config_text.h"
#include "test_settings.h"

namespace mlperf::loadgen {

// Sets the members of `settings` that `file` names for (model, scenario), by the precedence
// model.scenario, *.scenario, model.*, *.*; appends diagnostics of values (not of grammar) to
// settings->config_diagnostics, and notes in settings->config_origins where each value came from.
void ApplyConfig(const ConfigFile& file, const std::string& file_name, const std::string& model,
                 const std::string& scenario, int conf_type, TestSettings* settings);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SETTINGS_CONFIG_FILE_H_
