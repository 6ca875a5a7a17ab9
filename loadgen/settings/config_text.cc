#include "settings/config_text.h"

#include <algorithm>
#include <utility>

#include "settings/config_findings.h"
#include "settings/number_text.h"

namespace mlperf::loadgen {
namespace {

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
  ConfigEntry& entry = file->entries[std::string(key)];
  if (entry.line > 0 && entry.value != value && !IsCommentedOut(key)) {
    findings->Warn(line, Quoted(key) + " is set twice: " + Quoted(value) + " replaces " +
                             Quoted(entry.value) + " of line " + std::to_string(entry.line) +
                             "; remove one of the lines");
  }
  entry = {std::string(value), line};
  return true;
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

bool IsCommentedOut(std::string_view key) { return key.starts_with('#'); }

const ConfigFile& BuiltInConfig() {
  static const ConfigFile file = ParseConfig(EmbeddedMlperfConf(), kBuiltInName);
  return file;
}

}  // namespace mlperf::loadgen
