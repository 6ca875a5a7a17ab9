// A small strict JSON parser (RFC 8259), to check what the load generator writes.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_JSON_CHECK_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_JSON_CHECK_H_

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlperf::loadgen {

struct Json {
  enum class Kind { kLiteral, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kLiteral;
  std::string text;         // As written; of a string what it says.
  std::vector<Json> items;  // Of an array, or the values of an object.
  std::vector<std::string> keys;

  // The value of a member; a literal "missing" if there is none.
  const Json& operator[](std::string_view key) const {
    static const Json kMissing{Kind::kLiteral, "missing", {}, {}};
    for (size_t i = 0; i < keys.size(); ++i) {
      if (keys[i] == key) return items[i];
    }
    return kMissing;
  }
};

class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : rest_(text) {}

  // Nothing if the text is not one JSON value.
  std::optional<Json> Parse() {
    Json value;
    if (!Value(&value)) return std::nullopt;
    SkipSpace();
    if (!rest_.empty()) return std::nullopt;
    return value;
  }

 private:
  void SkipSpace() {
    rest_.remove_prefix(std::min(rest_.size(), rest_.find_first_not_of(" \t\n\r")));
  }

  bool Take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  size_t TakeDigits() {
    size_t count = 0;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      rest_.remove_prefix(1);
      ++count;
    }
    return count;
  }

  bool Value(Json* value) {
    SkipSpace();
    if (rest_.empty()) return false;
    if (rest_[0] == '{') return Object(value);
    if (rest_[0] == '[') return Array(value);
    if (rest_[0] == '"') {
      value->kind = Json::Kind::kString;
      return String(&value->text);
    }
    for (std::string_view literal : {"true", "false", "null"}) {
      if (Take(literal)) {
        value->text = literal;
        return true;
      }
    }
    return Number(value);
  }

  bool Number(Json* value) {
    const std::string_view begin = rest_;
    Take("-");
    if (!Take("0") && TakeDigits() == 0) return false;
    if (Take(".") && TakeDigits() == 0) return false;
    if (Take("e") || Take("E")) {
      if (!Take("+")) Take("-");
      if (TakeDigits() == 0) return false;
    }
    value->kind = Json::Kind::kNumber;
    value->text = begin.substr(0, begin.size() - rest_.size());
    return true;
  }

  // Escapes of single UTF-16 units below 128 are decoded, others refused: they are not written
  // here.
  bool Escape(std::string* out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kCharacters = "\"\\/\b\f\n\r\t";
    if (rest_.empty()) return false;
    const size_t which = kNames.find(rest_[0]);
    if (which != std::string_view::npos) {
      *out += kCharacters[which];
      rest_.remove_prefix(1);
      return true;
    }
    if (!Take("u00") || rest_.size() < 2) return false;
    const std::string digits(rest_.substr(0, 2));
    if (!std::isxdigit(digits[0]) || !std::isxdigit(digits[1]) || digits[0] > '7') return false;
    *out += static_cast<char>(std::stoi(digits, nullptr, 16));
    rest_.remove_prefix(2);
    return true;
  }

  bool String(std::string* out) {
    if (!Take("\"")) return false;
    while (!rest_.empty()) {
      const char c = rest_[0];
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        *out += c;
      } else if (!Escape(out)) {
        return false;
      }
    }
    return false;
  }

  bool Array(Json* value) {
    value->kind = Json::Kind::kArray;
    Take("[");
    SkipSpace();
    if (Take("]")) return true;
    while (true) {
      if (!Value(&value->items.emplace_back())) return false;
      SkipSpace();
      if (Take("]")) return true;
      if (!Take(",")) return false;
    }
  }

  bool Object(Json* value) {
    value->kind = Json::Kind::kObject;
    Take("{");
    SkipSpace();
    if (Take("}")) return true;
    while (true) {
      SkipSpace();
      if (!String(&value->keys.emplace_back())) return false;
      SkipSpace();
      if (!Take(":") || !Value(&value->items.emplace_back())) return false;
      SkipSpace();
      if (Take("}")) return true;
      if (!Take(",")) return false;
    }
  }

  std::string_view rest_;
};

inline std::optional<Json> ParseJson(std::string_view text) { return JsonParser(text).Parse(); }

// The records of a detail log; a line that is none, or not strict JSON, becomes a literal "broken".
inline std::vector<Json> ParseMlLog(std::string_view text) {
  constexpr std::string_view kPrefix = ":::MLLOG ";
  const Json broken{Json::Kind::kLiteral, "broken", {}, {}};
  std::vector<Json> records;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    std::optional<Json> record;
    if (line.starts_with(kPrefix)) record = ParseJson(line.substr(kPrefix.size()));
    records.push_back(record.value_or(broken));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return records;
}

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_JSON_CHECK_H_
