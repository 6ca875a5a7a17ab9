// Config files for tests: texts that are applied, files that are written, and diagnostics as text.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_CONFIG_TEXTS_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_CONFIG_TEXTS_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "settings/config_file.h"
#include "settings/config_text.h"

namespace mlperf::loadgen {

inline std::string ToText(const std::vector<ConfigDiagnostic>& diagnostics) {
  std::string text;
  for (const ConfigDiagnostic& d : diagnostics) {
    text += (d.severity == ConfigDiagnostic::Severity::kError ? "error " : "warning ") + d.file +
            ":" + std::to_string(d.line) + ": " + d.message + "\n";
  }
  return text;
}

// A path of this process alone, since ctest runs tests in processes side by side; removed at its
// end.
inline std::string PathOf(const std::string& name) {
  static struct Used {
    ~Used() {
      for (const std::string& path : paths) std::remove(path.c_str());
    }
    std::set<std::string> paths;
  } used;
  const std::string file = "config_file_test_" + std::to_string(getpid()) + "_" + name;
  return *used.paths.insert(testing::TempDir() + file).first;
}

inline std::string WriteFile(const std::string& name, const std::string& text) {
  const std::string path = PathOf(name);
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

// Settings after `text` was applied as a file of `conf_type`.
inline TestSettings Apply(const std::string& text, const std::string& model = "m",
                          const std::string& scenario = "Server", int conf_type = 2,
                          TestSettings settings = {}) {
  const ConfigFile file = ParseConfig(text, "user.conf");
  EXPECT_FALSE(file.malformed) << text;
  ApplyConfig(file, "user.conf", model, scenario, conf_type, &settings);
  return settings;
}

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_CONFIG_TEXTS_H_
