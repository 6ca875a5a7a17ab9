// Four steps, each in a file of its own but the last: text to entries (config_text), names that are
// known (config_names), entries to values (config_values), and which entry counts for a setting.
//
// They accept and read exactly what the reference does, its oddities included; what it
// passes over in silence becomes a warning here.
#include "settings/config_file.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "settings/config_findings.h"
#include "settings/config_names.h"
#include "settings/config_values.h"
#include "settings/settings_table.h"

namespace mlperf::loadgen {
namespace {

constexpr int kCannotOpen = -2;  // -ENOENT
constexpr int kMalformed = -22;  // -EINVAL
constexpr char kBuiltInOrigin[] = "built-in mlperf.conf";

std::optional<FoundEntry> FindEntry(const ConfigFile& file, std::string_view model,
                                    std::string_view scenario, std::string_view name,
                                    Findings* findings) {
  const std::pair<std::string_view, std::string_view> kPrecedence[] = {
      {model, scenario}, {"*", scenario}, {model, "*"}, {"*", "*"}};
  for (const auto& [model_part, scenario_part] : kPrecedence) {
    std::string key;
    key.append(model_part).append(".").append(scenario_part).append(".").append(name);
    const auto found = file.entries.find(key);
    if (found != file.entries.end()) {
      return FoundEntry{found->first, found->second.value, found->second.line, findings};
    }
  }
  return std::nullopt;
}

// Why an entry that names a setting does not count; empty if it does.
std::string_view WhyIgnored(KeyRule rule, int conf_type, const TestSettings& settings) {
  switch (rule) {
    case KeyRule::kAlways:
      break;
    case KeyRule::kBuiltInOnly:
      if (conf_type == kConfTypeBuiltIn) break;
      return "ignored, only the built-in mlperf.conf may set it; remove the line, and set it in "
             "the program where the rules allow that";
    case KeyRule::kIfTokenLatencies:
      if (settings.use_token_latencies) break;
      return "ignored, because use_token_latencies is off; set that to 1 as well";
    case KeyRule::kIfInferredLatencies:
      if (settings.infer_token_latencies) break;
      return "ignored, because infer_token_latencies is off; set that to 1 as well";
  }
  return {};
}

// The file's text, or nothing and a diagnostic.
std::optional<std::string> ReadFile(const std::string& path, Findings* findings) {
  constexpr size_t kMaxBytes = size_t{4} << 20;
  const std::string cannot_open = "can't open file " + path;
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    findings->Error(0, cannot_open + ": it is a directory; give the path of a config file");
    return std::nullopt;
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    findings->Error(0, cannot_open);
    return std::nullopt;
  }
  // In blocks, because pipes and devices have no size to ask for.
  std::string text;
  std::array<char, 1 << 16> block;
  while (stream && text.size() <= kMaxBytes) {
    stream.read(block.data(), block.size());
    text.append(block.data(), static_cast<size_t>(stream.gcount()));
  }
  if (text.size() > kMaxBytes) {
    findings->Error(0, cannot_open + ": it is larger than 4 MiB; give the path of a config file");
    return std::nullopt;
  }
  return text;
}

void ApplyBuiltIn(const std::string& model, const std::string& scenario, TestSettings* settings) {
  ApplyConfig(BuiltInConfig(), kBuiltInName, model, scenario, kConfTypeBuiltIn, settings);
}

}  // namespace

void ApplyConfig(const ConfigFile& file, const std::string& file_name, const std::string& model,
                 const std::string& scenario, int conf_type, TestSettings* settings) {
  Findings findings(file_name);
  for (const Setting& setting : AllSettings()) {
    if (setting.key.name.empty()) continue;
    const auto entry = FindEntry(file, model, ScenarioOf(setting.key.scope, scenario),
                                 setting.key.name, &findings);
    if (!entry) continue;
    const std::string_view ignored = WhyIgnored(setting.key.rule, conf_type, *settings);
    if (!ignored.empty()) {
      if (Changes(setting, *entry, *settings)) entry->Warn(std::string(ignored));
    } else if (SetMember(setting, *entry, settings)) {
      settings->config_origins[std::string(setting.name)] =
          conf_type == kConfTypeBuiltIn ? kBuiltInOrigin
                                        : file_name + ":" + std::to_string(entry->line);
    }
  }
  if (conf_type != kConfTypeBuiltIn) {
    WarnOfUnreadEntries(file, model, scenario, *settings, &findings);
  }
  Append(std::move(findings).TakeByLine(), &settings->config_diagnostics);
}

}  // namespace mlperf::loadgen

namespace mlperf {

int TestSettings::FromConfig(const std::string& path, const std::string& model,
                             const std::string& scenario_name, int conf_type) {
  using namespace loadgen;
  if (conf_type == kConfTypeBuiltIn) {
    CheckNames(BuiltInConfig(), kBuiltInName, model, scenario_name, conf_type, this);
    ApplyBuiltIn(model, scenario_name, this);
    return 0;
  }
  Findings findings(path);
  if (conf_type == kConfTypeUser && config_user_file_count++ == 0) {
    ApplyBuiltIn(model, scenario_name, this);
  } else if (conf_type == kConfTypeUser) {
    findings.Error(0, "Multiple conf files are used. This is not valid for official submission.");
  }
  const std::optional<std::string> text = ReadFile(path, &findings);
  Append(std::move(findings).TakeByLine(), &config_diagnostics);
  if (!text) return kCannotOpen;
  ConfigFile file = ParseConfig(*text, path);
  Append(std::move(file.diagnostics), &config_diagnostics);
  if (file.malformed) return kMalformed;
  CheckNames(file, path, model, scenario_name, conf_type, this);
  ApplyConfig(file, path, model, scenario_name, conf_type, this);
  return 0;
}

}  // namespace mlperf
