#include "event_facts.h"

#include <algorithm>

#include "json_cursor.h"
#include "json_text.h"

namespace mlperf::llm {
namespace {

using Kind = JsonCursor::Kind;

constexpr size_t kMostWords = 200;
constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// The bytes of the character that `text` begins with; 0: they are not UTF-8.
size_t CharacterSize(std::string_view text) {
  const auto byte = [&](size_t place) { return static_cast<unsigned char>(text[place]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < size) return 0;
  // Neither longer than needed, nor half a pair of UTF-16, nor above U+10FFFF.
  const unsigned least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < least || byte(1) > most) return 0;
  for (size_t place = 2; place < size; ++place) {
    if (byte(place) < 0x80 || byte(place) > 0xbf) return 0;
  }
  return size;
}

// Calls `read(name)` for each member of the object that stands next, and passes what is none.
template <typename Read>
void ForEachMember(JsonCursor* cursor, const Read& read) {
  if (!cursor->BeginObject()) return cursor->Skip();
  for (std::string_view name; cursor->NextMember(&name);) read(name);
}

template <typename Read>
void ForEachElement(JsonCursor* cursor, const Read& read) {
  if (!cursor->BeginArray()) return cursor->Skip();
  while (cursor->NextElement()) read();
}

void TakeInteger(JsonCursor* cursor, int64_t* value) {
  const auto number = cursor->Integer();
  if (number && *number >= 0) *value = *number;
}

class EventWalk {
 public:
  EventWalk(std::string_view json, TextKeeper keeper) : cursor_(json), keeper_(keeper) {}

  EventFacts Run() {
    bool is_error_object = false;
    std::string message;
    ForEachMember(&cursor_, [&](std::string_view name) {
      if (name == "choices") {
        ForEachElement(&cursor_, [&] { Choice(); });
      } else if (name == "usage") {
        Usage();
      } else if (name == "error") {
        Error();
      } else if (name == "object") {
        is_error_object = cursor_.String() == "error";
      } else if (name == "message") {
        message = OneLine(TextOfJson(cursor_.String().value_or("")));
      } else {
        cursor_.Skip();
      }
    });
    facts_.is_json = cursor_.AtEnd();
    if (is_error_object && !facts_.is_error) SetError(std::move(message));
    return std::move(facts_);
  }

 private:
  void Choice() {
    facts_.has_choices = true;
    ForEachMember(&cursor_, [&](std::string_view name) {
      if (name == "delta" || name == "message") {
        ForEachMember(&cursor_, [&](std::string_view member) { Delta(member); });
      } else if (name == "text") {
        Text(&AnswerText::content, &facts_.has_output);
      } else if (name == "finish_reason") {
        FinishReason();
      } else if (name == "token_ids") {
        TokenIds();
      } else if (name == "usage") {
        Usage();
      } else {
        cursor_.Skip();
      }
    });
  }

  void Delta(std::string_view member) {
    if (member == "content" || member == "refusal") {
      Text(&AnswerText::content, &facts_.has_output);
    } else if (member == "reasoning" || member == "reasoning_content") {
      Reasoning();
    } else if (member == "tool_calls") {
      ForEachElement(&cursor_, [&] { ToolCall(); });
    } else if (member == "function_call") {
      if (cursor_.Peek() == Kind::kObject) facts_.has_output = true;
      Function();
    } else {
      cursor_.Skip();
    }
  }

  void Text(std::string AnswerText::* to, bool* has) {
    const std::string_view raw = cursor_.String().value_or("");
    *has |= !raw.empty();
    if (keeper_.text != nullptr) (keeper_.text->*to).append(raw);
  }

  // Some servers send both names with the same text, in one event.
  void Reasoning() {
    if (facts_.has_reasoning) return cursor_.Skip();
    Text(&AnswerText::reasoning, &facts_.has_reasoning);
  }

  void ToolCall() {
    facts_.has_output = true;
    ForEachMember(&cursor_,
                  [&](std::string_view name) { name == "function" ? Function() : cursor_.Skip(); });
  }

  void Function() {
    bool has_text = false;
    ForEachMember(&cursor_, [&](std::string_view name) {
      name == "name" || name == "arguments" ? Text(&AnswerText::tools, &has_text) : cursor_.Skip();
    });
  }

  void FinishReason() {
    const auto reason = cursor_.String();
    if (!reason) return;
    facts_.is_finished = true;
    if (*reason == "error") SetError("finish_reason is \"error\"");
  }

  void TokenIds() {
    ForEachElement(&cursor_, [&] {
      const auto id = cursor_.Integer();
      ++facts_.token_ids;
      if (keeper_.text != nullptr && keeper_.keeps_token_ids && id) {
        keeper_.text->token_ids.push_back(static_cast<int32_t>(*id));
      }
    });
  }

  void Usage() {
    ForEachMember(&cursor_, [&](std::string_view name) {
      if (name == "completion_tokens") {
        TakeInteger(&cursor_, &facts_.completion_tokens);
      } else if (name == "prompt_tokens") {
        TakeInteger(&cursor_, &facts_.prompt_tokens);
      } else if (name == "prompt_tokens_details") {
        Detail("cached_tokens", &facts_.cached_tokens);
      } else if (name == "completion_tokens_details") {
        Detail("reasoning_tokens", &facts_.reasoning_tokens);
      } else {
        cursor_.Skip();
      }
    });
  }

  void Detail(std::string_view wanted, int64_t* value) {
    ForEachMember(&cursor_, [&](std::string_view name) {
      name == wanted ? TakeInteger(&cursor_, value) : cursor_.Skip();
    });
  }

  void Error() {
    const Kind kind = cursor_.Peek();
    const std::string_view raw = cursor_.Raw();
    const bool is_none = kind == Kind::kNull || kind == Kind::kFalse || raw == "\"\"";
    if (!is_none) SetError(ErrorWords(raw));
  }

  void SetError(std::string words) {
    facts_.is_error = true;
    facts_.error = std::move(words);
  }

  JsonCursor cursor_;
  const TextKeeper keeper_;
  EventFacts facts_;
};

// The message in an error's JSON; empty if there is none.
std::string MessageIn(std::string_view json) {
  JsonCursor cursor(json);
  if (cursor.Peek() == Kind::kString) return TextOfJson(cursor.String().value_or(""));
  std::string message;
  ForEachMember(&cursor, [&](std::string_view name) {
    const bool is_message = name == "message" || name == "detail" || name == "error";
    if (!is_message || !message.empty()) return cursor.Skip();
    if (cursor.Peek() == Kind::kString) {
      message = TextOfJson(cursor.String().value_or(""));
    } else if (name == "error") {
      message = MessageIn(cursor.Raw());
    } else {
      message = cursor.Raw();
    }
  });
  return cursor.AtEnd() ? message : std::string();
}

}  // namespace

EventFacts ReadEvent(std::string_view json, TextKeeper keeper) {
  if (keeper.text == nullptr) return EventWalk(json, keeper).Run();
  AnswerText* const text = keeper.text;
  const size_t content = text->content.size(), reasoning = text->reasoning.size();
  const size_t tools = text->tools.size(), ids = text->token_ids.size();
  EventFacts facts = EventWalk(json, keeper).Run();
  if (!facts.is_json) {
    text->content.resize(content);
    text->reasoning.resize(reasoning);
    text->tools.resize(tools);
    text->token_ids.resize(ids);
  }
  return facts;
}

std::string ErrorWords(std::string_view body) {
  const std::string message = MessageIn(body);
  return OneLine(message.empty() ? body : message);
}

std::string OneLine(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    const std::string_view character = size == 0 ? kReplacement : text.substr(0, size);
    if (line.size() + character.size() > kMostWords) break;
    line += character;
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  const size_t end = line.find_last_not_of(' ');
  line.resize(end == line.npos ? 0 : end + 1);
  return line;
}

}  // namespace mlperf::llm
