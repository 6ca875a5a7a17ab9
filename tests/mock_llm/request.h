// Requests taken from what a connection has read.
//
// A body is searched and not parsed: a prompt must hold no text such as "max_tokens":.
#ifndef MLPERF_LOADGEN_TESTS_MOCK_LLM_REQUEST_H_
#define MLPERF_LOADGEN_TESTS_MOCK_LLM_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mlperf::mock_llm {

struct Request {
  std::string path;  // Without what follows a question mark.
  std::string body;
  bool close = false;  // "Connection: close".

  bool EndsWith(std::string_view tail) const { return path.ends_with(tail); }
  // "a=1,b=2" in "/a=1,b=2/v1/models"; empty if the first segment holds no options.
  std::string_view Options() const;
  // The number in the first `"name": 12`, or in the first "#12" of the body.
  std::optional<int64_t> Number(std::string_view name) const;
  std::optional<int64_t> Mark() const;
  // Whether the body holds `"name": true`.
  bool Asks(std::string_view name) const;
};

// Takes the first request out of `read` if all of it is there. Bodies have a Content-Length or are
// chunked.
std::optional<Request> TakeRequest(std::string* read);

}  // namespace mlperf::mock_llm

#endif  // MLPERF_LOADGEN_TESTS_MOCK_LLM_REQUEST_H_
