// Goal: the walk over JSON takes exactly what RFC 8259 calls JSON, and the reader of events takes
// any text. Method: a second, slow reader that follows the grammar word by word says what is JSON;
// what is read of an event that is none must leave the kept text as it was.
#include <algorithm>
#include <string>
#include <string_view>

#include "event_facts.h"
#include "fuzz_targets.h"
#include "json_cursor.h"
#include "json_text.h"

namespace mlperf::loadgen {
namespace {

// Each function takes what its name says from the front, or returns false.
class SlowReader {
 public:
  explicit SlowReader(std::string_view text) : left_(text) {}

  bool IsJson() {
    const bool is_value = Element(0);
    return is_value && left_.empty();
  }

 private:
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }

  bool Take(std::string_view word) {
    if (!left_.starts_with(word)) return false;
    left_.remove_prefix(word.size());
    return true;
  }
  bool TakeOneOf(std::string_view characters) {
    if (left_.empty() || characters.find(left_[0]) == characters.npos) return false;
    left_.remove_prefix(1);
    return true;
  }
  void Blanks() {
    while (TakeOneOf(" \t\n\r")) {
    }
  }
  bool Element(int depth) {
    Blanks();
    const bool is_value = Value(depth);
    Blanks();
    return is_value;
  }
  bool Value(int depth) {
    if (Take("true") || Take("false") || Take("null")) return true;
    if (left_.starts_with('"')) return String();
    if (left_.starts_with('{') || left_.starts_with('[')) {
      return depth < llm::JsonCursor::kMaxDepth && List(depth + 1);
    }
    return Number();
  }
  bool List(int depth) {
    const bool is_object = left_[0] == '{';
    left_.remove_prefix(1);
    const std::string_view end = is_object ? "}" : "]";
    Blanks();
    if (Take(end)) return true;
    do {
      if (is_object) {
        Blanks();
        if (!String()) return false;
        Blanks();
        if (!Take(":")) return false;
      }
      if (!Element(depth)) return false;
    } while (Take(","));
    return Take(end);
  }
  bool String() {
    if (!Take("\"")) return false;
    while (!left_.empty() && left_[0] != '"') {
      if (static_cast<unsigned char>(left_[0]) < 0x20) return false;
      if (!Take("\\")) {
        left_.remove_prefix(1);
      } else if (Take("u")) {
        for (int i = 0; i < 4; ++i) {
          if (!TakeOneOf("0123456789abcdefABCDEF")) return false;
        }
      } else if (!TakeOneOf("\"\\/bfnrt")) {
        return false;
      }
    }
    return Take("\"");
  }
  bool Digits() {
    if (left_.empty() || !IsDigit(left_[0])) return false;
    while (!left_.empty() && IsDigit(left_[0])) left_.remove_prefix(1);
    return true;
  }
  bool Number() {
    Take("-");
    if (!Take("0") && !Digits()) return false;
    if (Take(".") && !Digits()) return false;
    if (!TakeOneOf("eE")) return true;
    TakeOneOf("+-");
    return Digits();
  }

  std::string_view left_;
};

}  // namespace

bool FuzzLlmJson(std::string_view input) {
  llm::JsonCursor cursor(input);
  cursor.Skip();
  const bool is_json = cursor.AtEnd();
  Require(is_json == SlowReader(input).IsJson(), "it takes what is JSON, and nothing else");

  llm::AnswerText text;
  text.content = "before";
  text.token_ids = {1, 2};
  const llm::EventFacts facts = llm::ReadEvent(input, {&text, true});
  const llm::EventFacts without = llm::ReadEvent(input, {});
  Require(facts.is_json == is_json, "an event is JSON");
  Require(facts.has_output == without.has_output && facts.token_ids == without.token_ids &&
              facts.completion_tokens == without.completion_tokens &&
              facts.is_error == without.is_error,
          "what is kept changes nothing");
  const size_t kept = text.content.size() + text.reasoning.size() + text.tools.size();
  Require(kept <= input.size() + 6, "no text is longer than the event");
  Require(is_json || (kept == 6 && text.token_ids.size() == 2),
          "nothing is kept of what is no JSON");
  Require(llm::TextOfJson(text.content).size() <= text.content.size(), "text does not grow");
  Require(llm::ErrorWords(input).size() <= 200, "words are short");
  return is_json;
}

}  // namespace mlperf::loadgen
