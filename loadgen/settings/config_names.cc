#include "settings/config_names.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

#include "settings/near_names.h"

namespace mlperf::loadgen {
namespace {

constexpr std::string_view kAny = "*";
constexpr std::array<std::string_view, 4> kScenarios = {"SingleStream", "MultiStream", "Server",
                                                        "Offline"};

struct KeyParts {
  std::string_view model;  // May have dots.
  std::string_view scenario;
  std::string_view name;
};

std::optional<KeyParts> SplitKey(std::string_view key) {
  const size_t name_dot = key.rfind('.');
  if (name_dot == key.npos || name_dot == 0) return std::nullopt;
  const size_t scenario_dot = key.rfind('.', name_dot - 1);
  if (scenario_dot == key.npos) return std::nullopt;
  return KeyParts{key.substr(0, scenario_dot),
                  key.substr(scenario_dot + 1, name_dot - scenario_dot - 1),
                  key.substr(name_dot + 1)};
}

// The end of a message: the names that may be meant, or else the fix.
std::string OrElse(const std::string& did_you_mean, const std::string& fix) {
  return did_you_mean.empty() ? "; " + fix : did_you_mean;
}

// In the order of the alphabet, each once.
std::vector<std::string_view> Sorted(std::vector<std::string_view> names) {
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

template <typename Names>
bool IsAmong(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != std::ranges::end(names);
}

bool IsKnownScenario(std::string_view text, std::string_view argument) {
  return text == kAny || text == argument || IsAmong(kScenarios, text);
}

// What the scripts of the compliance tests read from audit files. Keys of TEST05 are settings.
constexpr std::array<std::string_view, 3> kComplianceKeys = {
    "test07_accuracy_threshold", "test09_min_output_tokens", "test09_max_output_tokens"};

// `model`: the one that the file is read for; any, as audit files are.
std::string NoKey(std::string_view name, std::string_view model) {
  std::vector<std::string_view> names;
  if (model == kAny) names.assign(kComplianceKeys.begin(), kComplianceKeys.end());
  for (const Setting& setting : AllSettings()) {
    if (!setting.key.name.empty()) names.push_back(setting.key.name);
  }
  return "there is no key " + Quoted(name) + "; check its spelling" + DidYouMean(name, names);
}

// Why no call of FromConfig, be it for another model than `asked_model`, reads `key`; empty if one
// does.
std::string WhyUnread(std::string_view key, std::string_view asked_model,
                      std::string_view scenario_argument) {
  const std::optional<KeyParts> parts = SplitKey(key);
  if (!parts) return "a key has three parts; write model.scenario.key, as in *.*.min_duration";
  const auto& [model, scenario, name] = *parts;
  std::string read_under;
  for (const Setting& setting : AllSettings()) {
    if (name.empty() || setting.key.name != name) continue;
    if (setting.key.scope == KeyScope::kArgument) {
      if (IsKnownScenario(scenario, scenario_argument)) return {};
      return "there is no scenario " + Quoted(scenario) +
             "; write SingleStream, MultiStream, Server, Offline or *";
    }
    const std::string_view own = ScenarioOf(setting.key.scope, scenario_argument);
    if (scenario == "*" || scenario == own) return {};
    read_under.append(read_under.empty() ? "" : " or ").append(own);
  }
  if (read_under.empty()) return NoKey(name, asked_model);
  return "it has no effect under " + Quoted(scenario) + "; write " + read_under;
}

// Why an entry that some call reads is not read for `model`, where that may be a mistake.
std::string WhyOfOtherModel(std::string_view key, std::string_view model,
                            std::span<const std::string_view> models_of_file) {
  if (model == kAny) {
    if (key.starts_with("*.")) return {};
    return "only keys for any model count in this file; write * for the model";
  }
  const std::string_view own = SplitKey(key)->model;
  const bool is_known = own == kAny || !IsAmong(BuiltInModels(), model) ||
                        IsAmong(models_of_file, model) || IsAmong(BuiltInModels(), own);
  const std::string near = is_known ? "" : DidYouMean(own, std::span(&model, 1));
  return near.empty() ? near : "the model is " + Quoted(model) + near;
}

// An entry as the built-in mlperf.conf has it: that keeps some that nothing reads any more, and
// programs give a copy of it to FromConfig.
bool IsBuiltIn(const std::string& key, const ConfigEntry& entry) {
  const auto found = BuiltInConfig().entries.find(key);
  return found != BuiltInConfig().entries.end() && found->second.value == entry.value;
}

// Whether an entry of an audit file is right in it, though no call reads it: such a file serves all
// models and the scripts of its compliance test, and only keys for any model count.
bool IsForOthers(std::string_view key, const std::vector<std::string>& models_run) {
  const std::optional<KeyParts> parts = SplitKey(key);
  if (!parts) return false;
  if (IsAmong(kComplianceKeys, parts->name)) return true;
  if (parts->model == kAny) return false;
  return models_run.empty() ? IsAmong(BuiltInModels(), parts->model)
                            : !IsAmong(models_run, parts->model);
}

}  // namespace

std::string_view ScenarioOf(KeyScope scope, std::string_view argument) {
  switch (scope) {
    case KeyScope::kSingleStream:
      return "SingleStream";
    case KeyScope::kMultiStream:
      return "MultiStream";
    case KeyScope::kServer:
      return "Server";
    case KeyScope::kOffline:
      return "Offline";
    case KeyScope::kNone:
    case KeyScope::kArgument:
      break;
  }
  return argument;
}

std::vector<std::string_view> ModelsOf(const ConfigFile& file) {
  std::vector<std::string_view> models;
  for (const auto& [key, entry] : file.entries) {
    const std::optional<KeyParts> parts = SplitKey(key);
    if (parts && parts->model != kAny && !IsCommentedOut(key)) models.push_back(parts->model);
  }
  return Sorted(std::move(models));
}

std::vector<std::string_view> BuiltInModels() { return ModelsOf(BuiltInConfig()); }

void CheckNames(const ConfigFile& file, const std::string& file_name, const std::string& model,
                const std::string& scenario, int conf_type, TestSettings* settings) {
  Findings findings(file_name);
  std::vector<std::string_view> models = BuiltInModels();
  const std::vector<std::string_view> own = ModelsOf(file);
  models.insert(models.end(), own.begin(), own.end());
  models = Sorted(std::move(models));
  const bool is_met = IsAmong(settings->config_models, model);
  if (!is_met && IsAmong(models, model)) {
    settings->config_models.push_back(model);
  } else if (!is_met && model != kAny && conf_type <= kConfTypeUser) {
    findings.Warn(0,
                  "only entries for any model count, because neither this file nor the built-in "
                  "mlperf.conf has one for model " +
                      Quoted(model) + OrElse(DidYouMean(model, models), "write * for the model"));
  }
  if (!IsKnownScenario(scenario, kAny)) {
    findings.Warn(0, "there is no scenario " + Quoted(scenario) +
                         OrElse(DidYouMean(scenario, kScenarios),
                                "write SingleStream, MultiStream, Server or Offline"));
  }
  Append(std::move(findings).TakeByLine(), &settings->config_diagnostics);
}

void WarnOfUnreadEntries(const ConfigFile& file, const std::string& model,
                         const std::string& scenario, const TestSettings& settings,
                         Findings* findings) {
  const std::vector<std::string_view> models = ModelsOf(file);
  for (const auto& [key, entry] : file.entries) {
    if (IsCommentedOut(key) || IsBuiltIn(key, entry)) continue;
    if (model == kAny && IsForOthers(key, settings.config_models)) continue;
    std::string reason = WhyUnread(key, model, scenario);
    if (reason.empty()) reason = WhyOfOtherModel(key, model, models);
    if (!reason.empty()) findings->Warn(entry.line, Quoted(key) + " is ignored: " + reason);
  }
}

}  // namespace mlperf::loadgen
