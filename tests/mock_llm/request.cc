#include "request.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <system_error>

namespace mlperf::mock_llm {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::string_view WithoutSpaces(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t");
  return start == text.npos ? "" : text.substr(start);
}

std::optional<int64_t> LeadingNumber(std::string_view text, int base = 10) {
  text = WithoutSpaces(text);
  int64_t value;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (result.ec != std::errc()) return std::nullopt;
  return value;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// What follows `"name":` in the text; nothing if that is not there.
std::optional<std::string_view> MemberOf(std::string_view text, std::string_view name) {
  const std::string quoted = '"' + std::string(name) + '"';
  const size_t at = text.find(quoted);
  if (at == text.npos) return std::nullopt;
  const std::string_view rest = WithoutSpaces(text.substr(at + quoted.size()));
  if (!rest.starts_with(':')) return std::nullopt;
  return WithoutSpaces(rest.substr(1));
}

// The value of a header in a head of lower case; empty if it is not there.
std::string_view Header(std::string_view head, std::string_view name) {
  const std::string start = "\r\n" + std::string(name) + ":";
  const size_t at = head.find(start);
  if (at == head.npos) return "";
  const std::string_view rest = head.substr(at + start.size());
  return WithoutSpaces(rest.substr(0, rest.find("\r\n")));
}

// Where the chunked body at the front of `text` ends; its bytes go to `body`.
std::optional<size_t> TakeChunks(std::string_view text, std::string* body) {
  size_t at = 0;
  while (true) {
    const size_t line_end = text.find("\r\n", at);
    if (line_end == text.npos) return std::nullopt;
    const auto size = static_cast<size_t>(LeadingNumber(text.substr(at), 16).value_or(0));
    const size_t end = line_end + 2 + size + 2;
    if (text.size() < end) return std::nullopt;
    body->append(text.substr(line_end + 2, size));
    at = end;
    if (size == 0) return at;
  }
}

}  // namespace

std::string_view Request::Options() const {
  const std::string_view segment = std::string_view(path).substr(1, path.find('/', 1) - 1);
  return segment.find('=') == segment.npos ? "" : segment;
}

std::optional<int64_t> Request::Number(std::string_view name) const {
  const auto value = MemberOf(body, name);
  return value ? LeadingNumber(*value) : std::nullopt;
}

std::optional<int64_t> Request::Mark() const {
  const size_t at = body.find('#');
  return at == body.npos ? std::nullopt : LeadingNumber(std::string_view(body).substr(at + 1));
}

bool Request::Asks(std::string_view name) const {
  const auto value = MemberOf(body, name);
  return value && value->starts_with("true");
}

std::optional<Request> TakeRequest(std::string* read) {
  const size_t head_size = read->find(kHeadEnd);
  if (head_size == read->npos) return std::nullopt;
  const std::string_view text = *read;
  const std::string head = Lower(text.substr(0, head_size));
  const std::string_view rest = text.substr(head_size + kHeadEnd.size());

  Request request;
  size_t body_size;
  if (Header(head, "transfer-encoding") == "chunked") {
    const auto end = TakeChunks(rest, &request.body);
    if (!end) return std::nullopt;
    body_size = *end;
  } else {
    body_size = static_cast<size_t>(LeadingNumber(Header(head, "content-length")).value_or(0));
    if (rest.size() < body_size) return std::nullopt;
    request.body = rest.substr(0, body_size);
  }
  const size_t target = text.find(' ') + 1;
  request.path = text.substr(target, text.find_first_of(" ?", target) - target);
  if (!request.path.starts_with('/')) request.path = "/";
  request.close = Header(head, "connection") == "close";
  read->erase(0, head_size + kHeadEnd.size() + body_size);
  return request;
}

}  // namespace mlperf::mock_llm
