// Four steps, in this order: lines to entries, names that are known, entries to settings,
// FromConfig.
//
// They accept and read exactly what the reference does, its oddities included; what it
// passes over in silence becomes a warning here.
#include "settings/config_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "settings/near_names.h"
#include "settings/number_text.h"
#include "settings/settings_table.h"

namespace mlperf::loadgen {
namespace {

using Severity = ConfigDiagnostic::Severity;

constexpr int kConfTypeBuiltIn = 0;
constexpr int kConfTypeUser = 1;
constexpr int kCannotOpen = -2;  // -ENOENT
constexpr int kMalformed = -22;  // -EINVAL
constexpr char kBuiltInName[] = "mlperf.conf";
constexpr char kBuiltInOrigin[] = "built-in mlperf.conf";

// ---- Diagnostics -------------------------------------------------------------------------------

// `text` as it may be shown: printable ASCII, and not endless.
std::string Quoted(std::string_view text) {
  constexpr size_t kMaxShown = 80;
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string shown = "'";
  for (const char c : text.substr(0, kMaxShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      shown += c;
    } else {
      shown += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return shown + (text.size() > kMaxShown ? "...'" : "'");
}

std::string TextOf(double value) {
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 10);
  return std::string(text.data(), end.ptr);
}

// The diagnostics of one file. Their number is bounded, whatever the file holds.
class Findings {
 public:
  explicit Findings(const std::string& file) : file_(file) {}

  void Error(uint64_t line, std::string message) { Add(Severity::kError, line, message); }
  void Warn(uint64_t line, std::string message) { Add(Severity::kWarning, line, message); }

  // In the order of lines; of equal ones that follow each other, one.
  std::vector<ConfigDiagnostic> TakeByLine() && {
    std::ranges::stable_sort(list_, {}, &ConfigDiagnostic::line);
    const auto is_repeated = [](const auto& a, const auto& b) {
      return a.line == b.line && a.message == b.message;
    };
    list_.erase(std::unique(list_.begin(), list_.end(), is_repeated), list_.end());
    if (left_out_ > 0) {
      list_.push_back({Severity::kWarning, file_, 0,
                       std::to_string(left_out_) + " more problems of this file are not listed"});
    }
    return std::move(list_);
  }

 private:
  static constexpr size_t kMaxListed = 1000;

  void Add(Severity severity, uint64_t line, std::string& message) {
    if (list_.size() >= kMaxListed) {
      ++left_out_;
    } else {
      list_.push_back({severity, file_, line, std::move(message)});
    }
  }

  std::string file_;
  std::vector<ConfigDiagnostic> list_;
  size_t left_out_ = 0;
};

// ---- Lines to entries --------------------------------------------------------------------------

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

// Text in UTF-16 or UTF-32, with or without its mark: an ASCII character has bytes of 0.
bool IsWideText(std::string_view text) {
  const std::string_view start = text.substr(0, 2);
  return start == "\xFF\xFE" || start == "\xFE\xFF" || start.find('\0') != start.npos;
}

// Of a line that breaks the grammar, after what the reference says of it.
std::string Refused(const std::string& message) {
  return message + "; nothing of this file was applied: correct the line";
}

// Takes the first token off `line`; empty at its end.
std::string_view TakeToken(std::string_view* line) {
  constexpr std::string_view kWhitespace = " \t\n\v\f\r";
  const size_t begin = std::min(line->find_first_not_of(kWhitespace), line->size());
  line->remove_prefix(begin);
  const size_t end = std::min(line->find_first_of(kWhitespace), line->size());
  const std::string_view token = line->substr(0, end);
  line->remove_prefix(end);
  return token;
}

// A key such as `#*.*.mode` never matches, which is what its author wants.
bool IsCommentedOut(std::string_view key) { return key.starts_with('#'); }

void WarnOfMissingValue(std::string_view key, uint64_t line, Findings* findings) {
  if (IsCommentedOut(key)) return;
  const size_t equals = key.find('=');
  if (equals != std::string_view::npos && equals > 0) {
    findings->Warn(line, Quoted(key) + " is ignored: write spaces around the =, as in 'key = 1'");
  } else {
    findings->Warn(line, Quoted(key) + " is ignored: it has no value; write 'key = value'");
  }
}

// Returns false if the line breaks the grammar.
bool ParseLine(std::string_view text, uint64_t line, ConfigFile* file, Findings* findings) {
  const std::string_view key = TakeToken(&text);
  if (key.empty() || key == "#") return true;
  const std::string_view equals = TakeToken(&text);
  if (equals.empty() || equals == "#") {
    WarnOfMissingValue(key, line, findings);
    return true;
  }
  if (equals != "=") {
    findings->Error(line, Refused("expected 'key=value', line=" + std::to_string(line)));
    return false;
  }
  std::string_view value;
  std::string_view overwritten;
  for (std::string_view token = TakeToken(&text); !token.empty(); token = TakeToken(&text)) {
    if (!IsNumber(token)) {
      findings->Error(line,
                      Refused("value needs to be integer or double, line=" + std::to_string(line)));
      return false;
    }
    overwritten = std::exchange(value, token);
  }
  if (value.empty()) {
    WarnOfMissingValue(key, line, findings);
    return true;
  }
  if (!overwritten.empty()) {
    findings->Warn(line, Quoted(key) + " has several values: " + Quoted(value) + " replaces " +
                             Quoted(overwritten) + "; write one value a line");
  }
  file->entries.insert_or_assign(std::string(key), ConfigEntry{std::string(value), line});
  return true;
}

// ---- Names that are known ----------------------------------------------------------------------

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

const ConfigFile& BuiltIn() {
  static const ConfigFile file = ParseConfig(EmbeddedMlperfConf(), kBuiltInName);
  return file;
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

// ---- Entries to settings -----------------------------------------------------------------------

// The scenario that `scope` stands for, `argument` being FromConfig's.
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

// An entry's key and value, where they stand, and where to report what is odd about them.
struct Source {
  std::string_view key;
  std::string_view text;
  uint64_t line;
  Findings* findings;

  void Warn(const std::string& message) const {
    findings->Warn(line, Quoted(key) + " = " + Quoted(text) + ": " + message);
  }
};

std::optional<Source> FindEntry(const ConfigFile& file, std::string_view model,
                                std::string_view scenario, std::string_view name,
                                Findings* findings) {
  const std::pair<std::string_view, std::string_view> kPrecedence[] = {
      {model, scenario}, {"*", scenario}, {model, "*"}, {"*", "*"}};
  for (const auto& [model_part, scenario_part] : kPrecedence) {
    std::string key;
    key.append(model_part).append(".").append(scenario_part).append(".").append(name);
    const auto found = file.entries.find(key);
    if (found != file.entries.end()) {
      return Source{found->first, found->second.value, found->second.line, findings};
    }
  }
  return std::nullopt;
}

void WarnOfOddInteger(const Source& source, const IntegerText& read) {
  const std::string taken = std::to_string(read.value) + " was taken; ";
  if (read.is_too_large) {
    source.Warn("it does not fit into 64 bits, " + taken + "write a smaller number");
    return;
  }
  if (read.is_negative && read.value != 0) {
    source.Warn("a negative number wraps around, " + taken + "write a number of 0 or more");
    return;
  }
  if (read.length == source.text.size() && !read.is_octal) return;
  if (ReadFloat(source.text).value == static_cast<double>(read.value)) return;
  source.Warn(read.is_octal && read.length == source.text.size()
                  ? "the leading 0 makes it octal, " + taken + "write it without the 0"
                  : "only whole numbers written in digits can be read, " + taken +
                        "write all digits and no exponent or fraction");
}

uint64_t IntegerOf(const Source& source) {
  const IntegerText read = ReadInteger(source.text);
  WarnOfOddInteger(source, read);
  return read.value;
}

// A percentile as TestSettings has it, a fraction.
void WarnOfFraction(const Source& source, double value) {
  const std::string meant = TextOf(value < 1 ? 100 * value : 99);
  source.Warn("it is a percentage and means " + TextOf(value) + " %; write " + meant + " for " +
              meant + " %");
}

// A latency as TestSettings has it, in nanoseconds.
void WarnOfNanoseconds(const Source& source, double value, double factor) {
  constexpr double kNsPerMs = 1e6;
  constexpr double kLongestMs = 1e6;  // A quarter of an hour; in nanoseconds a millisecond.
  if (factor != kNsPerMs || !(value >= kLongestMs) || std::isinf(value)) return;
  source.Warn("it is in milliseconds and means " + TextOf(value / 1000) + " s; write " +
              TextOf(value / kNsPerMs) + " for " + TextOf(value) + " ns");
}

uint64_t ScaledIntegerOf(const Source& source, double factor) {
  const uint64_t value = IntegerOf(source);
  const auto scale = static_cast<uint64_t>(factor);
  const uint64_t scaled = value * scale;
  if (scaled / scale != value) {
    source.Warn("times " + std::to_string(scale) + " it does not fit into 64 bits, " +
                std::to_string(scaled) + " was taken; write a smaller number");
  } else {
    WarnOfNanoseconds(source, static_cast<double>(value), factor);
  }
  return scaled;
}

double ScaledFloatOf(const Source& source, double factor) {
  const FloatText read = ReadFloat(source.text);
  if (read.is_out_of_range) {
    source.Warn(std::string("it does not fit into a double, ") +
                (std::isinf(read.value) ? "infinity" : "0") +
                " was taken; write a number nearer to 1");
  } else if (factor < 1 && !(read.value >= 0 && read.value <= 100)) {
    source.Warn("it is a percentage; write a number from 0 to 100");
  } else if (factor < 1 && read.value > 0 && read.value <= 1) {
    WarnOfFraction(source, read.value);
  } else {
    WarnOfNanoseconds(source, read.value, factor);
  }
  return read.value * factor;
}

bool TrueIfOneOf(const Source& source) {
  const uint64_t value = IntegerOf(source);
  if (value > 1) source.Warn("only 1 turns it on, so it is off; write 0 or 1");
  return value == 1;
}

uint64_t Signed32Of(const Source& source) {
  const uint64_t value = IntegerOf(source);
  // Sign extension included: both conversions are modular.
  const auto taken = static_cast<uint64_t>(static_cast<int32_t>(value));
  if (taken != value) {
    source.Warn("it does not fit into 31 bits, " + std::to_string(taken) +
                " was taken; write a smaller number");
  }
  return taken;
}

// Returns false for a number that is no mode, which changes nothing.
bool SetMode(const Source& source, TestMode* mode) {
  const uint64_t value = IntegerOf(source);
  if (value > static_cast<uint64_t>(TestMode::FindPeakPerformance)) {
    source.findings->Error(source.line, "Invalid value passed to Mode key in config.");
    return false;
  }
  *mode = static_cast<TestMode>(value);
  return true;
}

template <typename T>
T& MemberOf(const Setting& setting, TestSettings* settings) {
  return settings->*std::get<T TestSettings::*>(setting.member);
}

// Returns false if the member was left as it was.
bool SetMember(const Setting& setting, const Source& source, TestSettings* settings) {
  const double factor = setting.key.factor;
  switch (setting.key.form) {
    case ValueForm::kInteger:
      MemberOf<uint64_t>(setting, settings) = ScaledIntegerOf(source, factor);
      return true;
    case ValueForm::kFloat:
      MemberOf<double>(setting, settings) = ScaledFloatOf(source, factor);
      return true;
    case ValueForm::kTrueIfOne:
      MemberOf<bool>(setting, settings) = TrueIfOneOf(source);
      return true;
    case ValueForm::kTrueIfNonZero:
      MemberOf<bool>(setting, settings) = IntegerOf(source) != 0;
      return true;
    case ValueForm::kSigned32:
      MemberOf<uint64_t>(setting, settings) = Signed32Of(source);
      return true;
    case ValueForm::kMode:
      return SetMode(source, &MemberOf<TestMode>(setting, settings));
  }
  return false;
}

// Whether the entry would change the setting.
bool Changes(const Setting& setting, const Source& source, const TestSettings& settings) {
  TestSettings changed = settings;
  Findings unwanted("");
  SetMember(setting, {source.key, source.text, source.line, &unwanted}, &changed);
  return std::visit([&](auto member) { return changed.*member != settings.*member; },
                    setting.member);
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

bool IsKnownScenario(std::string_view text, std::string_view argument) {
  return text == kAny || text == argument || IsAmong(kScenarios, text);
}

std::string NoKey(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Setting& setting : AllSettings()) {
    if (!setting.key.name.empty()) names.push_back(setting.key.name);
  }
  return "there is no key " + Quoted(name) + "; check its spelling" + DidYouMean(name, names);
}

// Why no call of FromConfig for any model reads `key`; empty if one does.
std::string WhyUnread(std::string_view key, std::string_view scenario_argument) {
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
  if (read_under.empty()) return NoKey(name);
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
  const auto found = BuiltIn().entries.find(key);
  return found != BuiltIn().entries.end() && found->second.value == entry.value;
}

// A key of a compliance test, such as test07_accuracy_threshold: it is there for the test's own
// scripts. Those of TEST05 are settings.
bool IsOfComplianceTest(std::string_view name) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return name.size() > 7 && name.starts_with("test") && is_digit(name[4]) && is_digit(name[5]) &&
         name[6] == '_' && !name.starts_with("test05_");
}

// Whether an entry of an audit file is right in it, though no call reads it: such a file serves all
// models and the scripts of its compliance test, and only keys for any model count.
bool IsForOthers(std::string_view key, const std::vector<std::string>& models_run) {
  const std::optional<KeyParts> parts = SplitKey(key);
  if (!parts) return false;
  if (IsOfComplianceTest(parts->name)) return true;
  if (parts->model == kAny) return false;
  return models_run.empty() ? IsAmong(BuiltInModels(), parts->model)
                            : !IsAmong(models_run, parts->model);
}

void WarnOfUnreadEntries(const ConfigFile& file, const std::string& model,
                         const std::string& scenario, const TestSettings& settings,
                         Findings* findings) {
  const std::vector<std::string_view> models = ModelsOf(file);
  for (const auto& [key, entry] : file.entries) {
    if (IsCommentedOut(key) || IsBuiltIn(key, entry)) continue;
    if (model == kAny && IsForOthers(key, settings.config_models)) continue;
    std::string reason = WhyUnread(key, scenario);
    if (reason.empty()) reason = WhyOfOtherModel(key, model, models);
    if (!reason.empty()) findings->Warn(entry.line, Quoted(key) + " is ignored: " + reason);
  }
}

// ---- FromConfig --------------------------------------------------------------------------------

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

void Append(std::vector<ConfigDiagnostic> from, std::vector<ConfigDiagnostic>* to) {
  to->insert(to->end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void ApplyBuiltIn(const std::string& model, const std::string& scenario, TestSettings* settings) {
  ApplyConfig(BuiltIn(), kBuiltInName, model, scenario, kConfTypeBuiltIn, settings);
}

}  // namespace

ConfigFile ParseConfig(std::string_view text, const std::string& file_name) {
  ConfigFile file;
  Findings findings(file_name);
  if (IsWideText(text)) {
    findings.Error(1, Refused("the text is in UTF-16 or UTF-32; save the file as UTF-8"));
    file.malformed = true;
    text = {};
  }
  if (text.starts_with(kUtf8Mark)) text.remove_prefix(kUtf8Mark.size());
  for (uint64_t line = 1; !text.empty(); ++line) {
    const std::string_view line_text = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line_text.size() + 1));
    if (!ParseLine(line_text, line, &file, &findings)) file.malformed = true;
  }
  file.diagnostics = std::move(findings).TakeByLine();
  return file;
}

std::vector<std::string_view> ModelsOf(const ConfigFile& file) {
  std::vector<std::string_view> models;
  for (const auto& [key, entry] : file.entries) {
    const std::optional<KeyParts> parts = SplitKey(key);
    if (parts && parts->model != kAny && !IsCommentedOut(key)) models.push_back(parts->model);
  }
  return Sorted(std::move(models));
}

std::vector<std::string_view> BuiltInModels() { return ModelsOf(BuiltIn()); }

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

void ApplyConfig(const ConfigFile& file, const std::string& file_name, const std::string& model,
                 const std::string& scenario, int conf_type, TestSettings* settings) {
  Findings findings(file_name);
  for (const Setting& setting : AllSettings()) {
    if (setting.key.name.empty()) continue;
    const auto source = FindEntry(file, model, ScenarioOf(setting.key.scope, scenario),
                                  setting.key.name, &findings);
    if (!source) continue;
    const std::string_view ignored = WhyIgnored(setting.key.rule, conf_type, *settings);
    if (!ignored.empty()) {
      if (Changes(setting, *source, *settings)) source->Warn(std::string(ignored));
    } else if (SetMember(setting, *source, settings)) {
      settings->config_origins[std::string(setting.name)] =
          conf_type == kConfTypeBuiltIn ? kBuiltInOrigin
                                        : file_name + ":" + std::to_string(source->line);
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
    CheckNames(BuiltIn(), kBuiltInName, model, scenario_name, conf_type, this);
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
