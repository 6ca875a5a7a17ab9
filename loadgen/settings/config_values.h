// The value of an entry, read as its setting asks, and warnings of what is read differently than it
// is written.
#ifndef MLPERF_LOADGEN_SETTINGS_CONFIG_VALUES_H_
#define MLPERF_LOADGEN_SETTINGS_CONFIG_VALUES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "settings/config_findings.h"
#include "settings/settings_table.h"
#include "test_settings.h"

namespace mlperf::loadgen {

// An entry's key and value, where it stands, and where to report what is odd about them.
struct FoundEntry {
  std::string_view key;
  std::string_view text;
  uint64_t line;
  Findings* findings;

  void Warn(const std::string& message) const {
    findings->Warn(line, Quoted(key) + " = " + Quoted(text) + ": " + message);
  }
};

// Sets the setting's member. Returns false if the member was left as it was.
bool SetMember(const Setting& setting, const FoundEntry& entry, TestSettings* settings);

// Whether the entry would change the setting.
bool Changes(const Setting& setting, const FoundEntry& entry, const TestSettings& settings);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SETTINGS_CONFIG_VALUES_H_
