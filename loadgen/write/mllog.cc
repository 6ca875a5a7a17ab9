#include "write/mllog.h"

#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <utility>

#include "settings/utf8_text.h"

namespace mlperf::loadgen {
namespace {

constexpr size_t kRememberedTexts = 10;

template <typename Number>
void AppendNumber(Number value, std::string* out) {
  char digits[24];
  out->append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

void AppendEscaped(char c, std::string* out) {
  switch (c) {
    case '"':
      *out += "\\\"";
      return;
    case '\\':
      *out += "\\\\";
      return;
    case '\n':
      *out += "\\n";
      return;
    case '\r':
      *out += "\\r";
      return;
    case '\t':
      *out += "\\t";
      return;
    default:
      break;
  }
  if (static_cast<unsigned char>(c) >= 0x20) {
    *out += c;
    return;
  }
  constexpr char kHexDigits[] = "0123456789abcdef";
  *out += "\\u00";
  *out += kHexDigits[c >> 4];
  *out += kHexDigits[c & 0xF];
}

void AppendQuoted(std::string_view value, std::string* out) {
  *out += '"';
  for (const char c : ValidUtf8(value)) AppendEscaped(c, out);
  *out += '"';
}

// `time_ns` in milliseconds with all its digits; negative before the origin.
void AppendMilliseconds(int64_t time_ns, std::string* out) {
  const uint64_t unsigned_ns = static_cast<uint64_t>(time_ns);
  const uint64_t magnitude_ns = time_ns < 0 ? 0 - unsigned_ns : unsigned_ns;
  if (time_ns < 0) *out += '-';
  AppendNumber(magnitude_ns / 1'000'000, out);
  const std::string fraction = std::to_string(1'000'000 + magnitude_ns % 1'000'000);
  *out += '.';
  out->append(fraction, 1);
}

std::string_view BareFileName(std::string_view path) {
  return path.substr(path.find_last_of('/') + 1);
}

}  // namespace

std::string StreamDouble(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), value, std::chars_format::general, 6).ptr};
}

JsonText ToJson(int64_t value) { return {std::to_string(value)}; }
JsonText ToJson(uint64_t value) { return {std::to_string(value)}; }
JsonText ToJson(bool value) { return {value ? "true" : "false"}; }
JsonText ToJson(double value) { return {std::isfinite(value) ? StreamDouble(value) : "null"}; }

JsonText ToJson(std::string_view value) {
  JsonText json{{}, ValidUtf8(value)};
  AppendQuoted(value, &json.text);
  return json;
}

JsonText ToJson(const char* value) { return ToJson(std::string_view(value)); }

JsonText ToJson(std::span<const uint64_t> values, const Checkpoint& checkpoint) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) {
    if (IsCheckpoint(i)) checkpoint();
    if (i > 0) text += ',';
    AppendNumber(values[i], &text);
  }
  return {text + ']'};
}

JsonText ToJson(const std::map<std::string, std::string>& values) {
  JsonFields fields;
  for (const auto& [key, value] : values) fields.emplace_back(key, ToJson(value));
  return ToJson(fields);
}

JsonText ToJson(std::span<const std::string> values) {
  std::string text = "[";
  for (const std::string& value : values) {
    if (text.size() > 1) text += ',';
    AppendQuoted(value, &text);
  }
  return {text + ']'};
}

JsonText ToJson(const JsonFields& fields) {
  std::string text = "{";
  for (const auto& [key, value] : fields) {
    if (text.size() > 1) text += ',';
    AppendQuoted(key, &text);
    text += ':';
    text += value.text;
  }
  return {text + '}'};
}

MlLog::MlLog(OutputFile* file, int64_t origin_ns, bool copy_to_stdout)
    : file_(file), origin_ns_(origin_ns), copy_to_stdout_(copy_to_stdout), pid_(getpid()) {}

void MlLog::Record(std::string_view key, const JsonText& value, int64_t now_ns, MlLogLevel level,
                   const std::source_location& where) {
  std::string line = ":::MLLOG {\"key\": ";
  AppendQuoted(key, &line);
  line += ", \"value\": ";
  line += value.text;
  line += ", \"time_ms\": ";
  AppendMilliseconds(now_ns - origin_ns_, &line);
  line +=
      ", \"namespace\": \"mlperf::logging\", \"event_type\": \"POINT_IN_TIME\", "
      "\"metadata\": {\"is_error\": ";
  line += ToJson(level == MlLogLevel::kError).text;
  line += ", \"is_warning\": ";
  line += ToJson(level == MlLogLevel::kWarning).text;
  line += ", \"file\": ";
  AppendQuoted(BareFileName(where.file_name()), &line);
  line += ", \"line_no\": ";
  AppendNumber(where.line(), &line);
  line += ", \"pid\": ";
  AppendNumber(pid_, &line);
  line += ", \"tid\": ";
  AppendNumber(gettid(), &line);
  line += "}}\n";
  file_->Append(line);
  if (copy_to_stdout_) std::fwrite(line.data(), 1, line.size(), stdout);
  if (level == MlLogLevel::kInfo) return;

  const bool is_error = level == MlLogLevel::kError;
  ++(is_error ? error_count_ : warning_count_);
  std::vector<std::string>& texts = is_error ? errors_ : warnings_;
  if (texts.size() < kRememberedTexts) {
    texts.push_back(value.plain.empty() ? value.text : value.plain);
  }
}

}  // namespace mlperf::loadgen
