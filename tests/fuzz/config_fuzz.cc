// Goal: any bytes are a config file or are refused as one; what is found is bounded, in order and
// the same by every way in.
// Method: the input is parsed, and every token read as a number by strtoull and strtod too; then it
// is the file of FromConfig for each conf_type, for a model and scenario drawn from it, beside the
// steps of FromConfig taken one by one.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "fuzz_targets.h"
#include "memory_file.h"
#include "settings/config_file.h"
#include "settings/config_names.h"
#include "settings/config_text.h"
#include "settings/number_text.h"
#include "settings/settings_table.h"

namespace mlperf::loadgen {
namespace {

constexpr std::string_view kWhitespace = " \t\n\v\f\r";
constexpr size_t kMaxDiagnostics = 1001;  // Of a step; the last one counts the others.
constexpr size_t kMaxMessageSize = 1000;

void CheckDiagnostics(const std::vector<ConfigDiagnostic>& diagnostics, uint64_t line_count) {
  Require(diagnostics.size() <= kMaxDiagnostics, "the number of diagnostics is bounded");
  uint64_t earlier = 0;
  for (const ConfigDiagnostic& d : diagnostics) {
    Require(d.line <= line_count, "a diagnostic names a line of the file");
    const bool is_count_of_rest = d.line == 0 && &d == &diagnostics.back();
    Require(d.line >= earlier || is_count_of_rest, "diagnostics are in the order of lines");
    earlier = d.line;
    Require(d.message.size() <= kMaxMessageSize, "a diagnostic is short");
    Require(std::ranges::all_of(d.message, [](char c) { return c >= ' ' && c <= '~'; }),
            "a diagnostic can be printed");
  }
}

bool SameDiagnostic(const ConfigDiagnostic& a, const ConfigDiagnostic& b) {
  return a.severity == b.severity && a.line == b.line && a.message == b.message;
}

void CheckEntries(const ConfigFile& file, std::string_view text, uint64_t line_count) {
  size_t size = 0;
  for (const auto& [key, entry] : file.entries) {
    Require(!key.empty() && key.find_first_of(kWhitespace) == key.npos, "a key is one word");
    Require(IsNumber(entry.value), "a value is a number");
    Require(entry.line >= 1 && entry.line <= line_count, "an entry is on a line of the file");
    size += key.size() + entry.value.size();
  }
  Require(size <= text.size(), "entries are no longer than the text");
}

ConfigFile CheckParser(std::string_view text) {
  const auto line_count = static_cast<uint64_t>(std::ranges::count(text, '\n')) + 1;
  ConfigFile file = ParseConfig(text, "file");
  CheckEntries(file, text, line_count);
  CheckDiagnostics(file.diagnostics, line_count);
  const bool has_error = std::ranges::any_of(file.diagnostics, [](const ConfigDiagnostic& d) {
    return d.severity == ConfigDiagnostic::Severity::kError;
  });
  Require(!has_error || file.malformed, "an error makes the file malformed");
  const ConfigFile ended = ParseConfig(std::string(text) + "\n", "file");
  Require(ended.malformed == file.malformed && ended.entries.size() == file.entries.size() &&
              ended.diagnostics.size() == file.diagnostics.size(),
          "a newline at the end changes nothing");
  return file;
}

// ---- Numbers -----------------------------------------------------------------------------------

// Newer C libraries read binary numbers with base 0 as well; the reference's did not.
bool HasBinaryPrefix(std::string_view token) {
  if (token.starts_with('+') || token.starts_with('-')) token.remove_prefix(1);
  return token.starts_with("0b") || token.starts_with("0B");
}

void CheckNumber(const std::string& token) {
  char* end = nullptr;
  const FloatText real = ReadFloat(token);
  const double c_real = std::strtod(token.c_str(), &end);
  Require(real.length == static_cast<size_t>(end - token.c_str()), "strtod reads as far");
  Require(real.value == c_real || (std::isnan(real.value) && std::isnan(c_real)),
          "strtod reads the same");
  if (HasBinaryPrefix(token)) return;
  const IntegerText integer = ReadInteger(token);
  const uint64_t c_integer = std::strtoull(token.c_str(), &end, 0);
  Require(integer.length == static_cast<size_t>(end - token.c_str()), "strtoull reads as far");
  Require(integer.value == c_integer, "strtoull reads the same");
}

void CheckNumbers(std::string_view text) {
  while (!text.empty()) {
    const size_t size = std::min(text.find_first_of(kWhitespace), text.size());
    CheckNumber(std::string(text.substr(0, size)));
    text.remove_prefix(std::min(size + 1, text.size()));
  }
}

// ---- FromConfig --------------------------------------------------------------------------------

struct Target {
  const char* model;
  const char* scenario;
};

bool SameSettings(const TestSettings& a, const TestSettings& b) {
  const auto is_same = [&](auto member) {
    if constexpr (std::is_same_v<decltype(member), double TestSettings::*>) {
      if (std::isnan(a.*member)) return std::isnan(b.*member);
    }
    return a.*member == b.*member;
  };
  return std::ranges::all_of(
      AllSettings(), [&](const Setting& setting) { return std::visit(is_same, setting.member); });
}

TestSettings BuiltInFor(const Target& target) {
  TestSettings settings;
  settings.FromConfig("", target.model, target.scenario, 0);
  return settings;
}

void CheckFromConfig(const std::string& path, const ConfigFile& file, const Target& target,
                     int conf_type, TestSettings expected) {
  constexpr int kMalformed = -22;
  TestSettings settings;
  const int result = settings.FromConfig(path, target.model, target.scenario, conf_type);
  const bool reads_file = conf_type != 0;
  if (reads_file && !file.malformed) {
    CheckNames(file, path, target.model, target.scenario, conf_type, &expected);
    ApplyConfig(file, path, target.model, target.scenario, conf_type, &expected);
  }
  Require(result == (reads_file && file.malformed ? kMalformed : 0), "the result says how it went");
  Require(SameSettings(settings, expected), "FromConfig is its steps");

  std::vector<ConfigDiagnostic> diagnostics;
  if (reads_file) diagnostics = file.diagnostics;
  diagnostics.insert(diagnostics.end(), expected.config_diagnostics.begin(),
                     expected.config_diagnostics.end());
  Require(std::ranges::equal(settings.config_diagnostics, diagnostics, SameDiagnostic),
          "FromConfig says what its steps say");
}

void CheckTarget(const std::string& path, const ConfigFile& file, const Target& target,
                 uint64_t line_count) {
  TestSettings built_in = BuiltInFor(target);
  const auto is_of_names = [](const ConfigDiagnostic& d) { return d.line == 0; };
  Require(std::ranges::all_of(built_in.config_diagnostics, is_of_names),
          "the built-in file is without fault");
  CheckFromConfig(path, file, target, 0, built_in);
  built_in.config_diagnostics.clear();  // The names are checked once, for the user's file.
  CheckFromConfig(path, file, target, 1, built_in);
  CheckFromConfig(path, file, target, 2, {});
  TestSettings applied;
  ApplyConfig(file, path, target.model, target.scenario, 3, &applied);
  CheckDiagnostics(applied.config_diagnostics, line_count);
}

}  // namespace

bool FuzzConfig(std::string_view input) {
  const ConfigFile file = CheckParser(input);
  CheckNumbers(input);
  static MemoryFile memory;
  memory.Write(input);
  const auto line_count = static_cast<uint64_t>(std::ranges::count(input, '\n')) + 1;
  constexpr Target kTargets[] = {
      {"*", "Server"}, {"resnet50", "SingleStream"}, {"llama2-70b", "Offline"}, {"", "*"}};
  const Target& target = kTargets[std::hash<std::string_view>()(input) % std::size(kTargets)];
  CheckTarget(memory.path(), file, target, line_count);
  return !file.malformed;
}

}  // namespace mlperf::loadgen
