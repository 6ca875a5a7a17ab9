#include "events.h"

#include <algorithm>
#include <charconv>

namespace mlperf::mock_llm {
namespace {

void AppendNumber(int64_t value, std::string* out) {
  char digits[24];
  out->append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

// A piece of the chunked coding; its size has four digits, as it is not known at the piece's start.
class Piece {
 public:
  explicit Piece(std::string* out) : out_(out), start_(out->size()) { out_->append("0000\r\n"); }
  ~Piece() {
    constexpr char kDigits[] = "0123456789abcdef";
    size_t size = out_->size() - start_ - 6;
    for (size_t digit = 4; digit-- > 0; size /= 16) (*out_)[start_ + digit] = kDigits[size % 16];
    out_->append("\r\n");
  }
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;

 private:
  std::string* out_;
  size_t start_;
};

void AppendEventStart(const Answer& answer, std::string* out) {
  out->append(answer.chat ? R"(data: {"id":"chatcmpl-)" : R"(data: {"id":"cmpl-)");
  AppendNumber(static_cast<int64_t>(answer.number), out);
  out->append(answer.chat ? R"(","object":"chat.completion.chunk",)"
                          : R"(","object":"text_completion",)");
  out->append(R"("created":1700000000,"model":"mock","choices":[)");
}

void AppendText(int64_t first, int64_t count, std::string* out) {
  out->push_back('"');
  for (int64_t token = first; token < first + count; ++token) {
    out->push_back(' ');
    AppendNumber(token, out);
  }
  out->push_back('"');
}

void AppendUsage(const Answer& answer, int64_t tokens, std::string* out) {
  const Shape& shape = answer.shape;
  out->append(R"("usage":{"prompt_tokens":)");
  AppendNumber(shape.prompt_tokens, out);
  out->append(R"(,"completion_tokens":)");
  AppendNumber(tokens, out);
  out->append(R"(,"total_tokens":)");
  AppendNumber(shape.prompt_tokens + tokens, out);
  if (shape.cached_tokens >= 0) {
    out->append(R"(,"prompt_tokens_details":{"cached_tokens":)");
    AppendNumber(shape.cached_tokens, out);
    out->push_back('}');
  }
  if (shape.reasoning > 0) {
    out->append(R"(,"completion_tokens_details":{"reasoning_tokens":)");
    AppendNumber(std::min(tokens, shape.reasoning), out);
    out->push_back('}');
  }
  out->push_back('}');
}

bool HasUsageInEachEvent(const Answer& answer) {
  return answer.usage_growing || answer.shape.usage == static_cast<int64_t>(Usage::kInEachEvent);
}

bool HasUsageEvent(const Answer& answer) {
  const auto usage = static_cast<Usage>(answer.shape.usage);
  return usage == Usage::kAlways || (usage == Usage::kIfAsked && answer.usage_asked);
}

// The only choice, from behind its index to its end.
void AppendDelta(const Answer& answer, int64_t first, int64_t count, std::string* out) {
  const bool reasons = first < answer.shape.reasoning;
  if (!answer.chat) {
    out->append(R"("text":)");
  } else {
    out->append(reasons ? R"("delta":{"reasoning_content":)" : R"("delta":{"content":)");
  }
  AppendText(first, count, out);
  if (answer.chat) out->push_back('}');
}

}  // namespace

void AppendStreamHead(const Answer& answer, std::string* out) {
  out->append(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
      "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n");
  if (answer.shape.close) out->append("Connection: close\r\n");
  out->append("\r\n");
}

void AppendRole(const Answer& answer, std::string* out) {
  const Piece piece(out);
  AppendEventStart(answer, out);
  out->append(R"({"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})"
              "\n\n");
}

void AppendTokens(const Answer& answer, int64_t event, std::string* out) {
  const Shape& shape = answer.shape;
  const int64_t first = TokensBefore(shape, event), count = TokensOf(shape, event);
  const bool finishes = event + 1 == EventCount(shape) &&
                        shape.finish == static_cast<int64_t>(Finish::kWithLastToken);
  const Piece piece(out);
  AppendEventStart(answer, out);
  out->append(R"({"index":0,)");
  AppendDelta(answer, first, count, out);
  out->append(finishes ? R"(,"finish_reason":"length"}])" : R"(,"finish_reason":null}])");
  if (HasUsageInEachEvent(answer)) {
    out->push_back(',');
    AppendUsage(answer, first + count, out);
  }
  out->append("}\n\n");
}

void AppendEnd(const Answer& answer, std::string* out) {
  if (answer.shape.finish == static_cast<int64_t>(Finish::kOwnEvent)) {
    const Piece piece(out);
    AppendEventStart(answer, out);
    out->append(answer.chat ? R"({"index":0,"delta":{},)" : R"({"index":0,"text":"",)");
    out->append(R"("finish_reason":"length"}]})"
                "\n\n");
  }
  if (HasUsageEvent(answer)) {
    const Piece piece(out);
    AppendEventStart(answer, out);
    out->append("],");
    AppendUsage(answer, answer.shape.n, out);
    out->append("}\n\n");
  }
  {
    const Piece piece(out);
    out->append("data: [DONE]\n\n");
  }
  if (!answer.shape.linger) out->append("0\r\n\r\n");
}

void AppendComment(std::string* out) {
  const Piece piece(out);
  out->append(": keep-alive\n\n");
}

std::string WholeAnswer(const Answer& answer) {
  std::string json = answer.chat ? R"({"id":"chatcmpl-)" : R"({"id":"cmpl-)";
  AppendNumber(static_cast<int64_t>(answer.number), &json);
  json += answer.chat
              ? R"(","object":"chat.completion","created":1700000000,"model":"mock","choices":)"
                R"([{"index":0,"message":{"role":"assistant","content":)"
              : R"(","object":"text_completion","created":1700000000,"model":"mock","choices":)"
                R"([{"index":0,"text":)";
  AppendText(0, answer.shape.n, &json);
  json += answer.chat ? R"(},"finish_reason":"length"}],)" : R"(,"finish_reason":"length"}],)";
  AppendUsage(answer, answer.shape.n, &json);
  json += '}';
  return JsonResponse(200, json);
}

std::string JsonResponse(int64_t status, std::string_view json, std::string_view headers) {
  std::string response = "HTTP/1.1 ";
  AppendNumber(status, &response);
  response += status == 200 ? " OK" : status == 429 ? " Too Many Requests" : " Refused";
  response += "\r\nContent-Type: application/json\r\nContent-Length: ";
  AppendNumber(static_cast<int64_t>(json.size()), &response);
  response.append("\r\n").append(headers).append("\r\n").append(json);
  return response;
}

}  // namespace mlperf::mock_llm
