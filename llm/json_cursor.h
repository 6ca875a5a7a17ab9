// Walks over one JSON text (RFC 8259) from its begin to its end, without copying or allocating, but
// for names with escapes, which no server writes.
//
//   JsonCursor cursor(text);
//   if (cursor.BeginObject()) {
//     for (std::string_view name; cursor.NextMember(&name);) {
//       name == "n" ? Use(cursor.Integer()) : cursor.Skip();
//     }
//   }
//   if (!cursor.AtEnd()) ...  // It is no JSON, and nothing of what was read counts.
//
// Each member and element must be read or skipped before the next one.
#ifndef MLPERF_LLM_JSON_CURSOR_H_
#define MLPERF_LLM_JSON_CURSOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mlperf::llm {

class JsonCursor {
 public:
  enum class Kind : uint8_t { kNone, kObject, kArray, kString, kNumber, kTrue, kFalse, kNull };

  static constexpr int kMaxDepth = 64;  // Of objects and arrays; deeper ones are a fault.

  explicit JsonCursor(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  // The kind of the value that stands next; kNone if none does.
  Kind Peek();

  // Enters the object or array that stands next. False if none does; nothing is passed then.
  bool BeginObject();
  bool BeginArray();
  // Goes on to the next member or element. False after the last one, which leaves the object or
  // array, and after a fault. `name`: its escapes are resolved; valid until the next call.
  bool NextMember(std::string_view* name);
  bool NextElement();

  // The string or number that stands next, and passes it. Any other value is passed, and gives
  // nothing, as does a number that is no integer of 64 bits. A string is what stands between its
  // quotes; json_text.h resolves its escapes.
  std::optional<std::string_view> String();
  std::optional<int64_t> Integer();

  // Passes the value that stands next.
  void Skip();
  // The same, as it stands in the text.
  std::string_view Raw();

  // Whether all of the text was read, and is JSON.
  bool AtEnd();

 private:
  void Space();
  bool Begin(char bracket);
  bool Next(char bracket);
  void Fail() { at_ = nullptr; }
  bool failed() const { return at_ == nullptr; }
  bool Literal(std::string_view word);
  bool Digits();
  std::string_view ScanString();
  std::string_view ScanNumber();

  const char* at_;  // Null after a fault.
  const char* end_;
  std::string name_;  // Of a member, where it has escapes.
  int depth_ = 0;
  uint64_t is_first_ = 0;  // Bit d: nothing of the object or array at depth d was read.
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_JSON_CURSOR_H_
