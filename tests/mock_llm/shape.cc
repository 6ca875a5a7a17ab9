#include "shape.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace mlperf::mock_llm {
namespace {

struct Option {
  std::string_view name;
  int64_t Shape::* member;
};

constexpr std::array kOptions = {
    Option{"ttft_us", &Shape::ttft_us},
    Option{"itl_us", &Shape::itl_us},
    Option{"n", &Shape::n},
    Option{"tokens_per_event", &Shape::tokens_per_event},
    Option{"reasoning", &Shape::reasoning},
    Option{"role", &Shape::role},
    Option{"finish", &Shape::finish},
    Option{"usage", &Shape::usage},
    Option{"prompt_tokens", &Shape::prompt_tokens},
    Option{"cached_tokens", &Shape::cached_tokens},
    Option{"keepalive_us", &Shape::keepalive_us},
    Option{"pause_us", &Shape::pause_us},
    Option{"work_us", &Shape::work_us},
    Option{"serial", &Shape::serial},
    Option{"linger", &Shape::linger},
    Option{"close", &Shape::close},
    Option{"cut_every", &Shape::cut_every},
    Option{"fail_every", &Shape::fail_every},
    Option{"fail_status", &Shape::fail_status},
};

bool SetOptionFromText(std::string_view item, Shape* shape) {
  const size_t equals = item.find('=');
  if (equals == item.npos) return false;
  int64_t value;
  const char* end = item.data() + item.size();
  const auto [stop, error] = std::from_chars(item.data() + equals + 1, end, value);
  return error == std::errc() && stop == end && SetOption(item.substr(0, equals), value, shape);
}

}  // namespace

bool SetOption(std::string_view name, int64_t value, Shape* shape) {
  const auto option = std::find_if(kOptions.begin(), kOptions.end(),
                                   [&](const Option& other) { return other.name == name; });
  if (option == kOptions.end()) return false;
  shape->*option->member = value;
  return true;
}

bool SetOptions(std::string_view text, Shape* shape) {
  while (true) {
    const size_t comma = std::min(text.find(','), text.size());
    if (!SetOptionFromText(text.substr(0, comma), shape)) return false;
    if (comma == text.size()) return true;
    text.remove_prefix(comma + 1);
  }
}

std::string_view Fault(const Shape& shape) {
  if (shape.n < 1) return "n must be at least 1";
  if (shape.tokens_per_event < 1) return "tokens_per_event must be at least 1";
  if (shape.reasoning >= shape.n) return "reasoning must be below n";
  if (shape.ttft_us < 0 || shape.itl_us < 0) return "ttft_us and itl_us must not be negative";
  if (shape.pause_us > 0 && shape.work_us < 1) return "pause_us needs work_us";
  return "";
}

int64_t EventCount(const Shape& shape) {
  return (shape.n + shape.tokens_per_event - 1) / shape.tokens_per_event;
}

int64_t TokensBefore(const Shape& shape, int64_t event) { return event * shape.tokens_per_event; }

int64_t TokensOf(const Shape& shape, int64_t event) {
  return std::min(shape.tokens_per_event, shape.n - TokensBefore(shape, event));
}

int64_t DueNs(const Shape& shape, int64_t event) {
  const int64_t work_us = shape.ttft_us + event * shape.itl_us;
  const int64_t pauses = shape.pause_us > 0 ? work_us / shape.work_us : 0;
  return 1000 * (work_us + pauses * shape.pause_us);
}

}  // namespace mlperf::mock_llm
