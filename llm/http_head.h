// The head of a response of HTTP/1.1: its status line and the header fields that matter here.
#ifndef MLPERF_LLM_HTTP_HEAD_H_
#define MLPERF_LLM_HTTP_HEAD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mlperf::llm {

struct HttpHead {
  int status = 0;
  std::string reason;  // As it stands behind the status.
  std::string type;    // Content-Type in lower case, without its parameters.
  std::string coding;  // Content-Encoding in lower case; empty for identity.
  std::optional<uint64_t> length;
  bool is_chunked = false;
  bool keeps_connection = true;

  // 100 to 199: another head follows.
  bool is_interim() const { return status >= 100 && status < 200; }
};

// Reads a head from bytes that come in pieces of any size.
class HeadReader {
 public:
  enum class Step : uint8_t { kMore, kHead, kBroken };

  static constexpr size_t kMaxSize = 64 << 10;

  // Takes bytes from the front of `piece`, up to the end of the head.
  Step Next(std::string_view* piece);

  const HttpHead& head() const { return head_; }
  // Why it is broken, in words.
  const char* fault() const { return fault_; }
  // Another head begins.
  void Clear();

 private:
  void Parse();
  bool ParseStatus(std::string_view line);
  bool ParseField(std::string_view line);
  bool TakeLength(std::string_view value);
  bool TakeTransferCoding(std::string_view value);

  std::string text_;
  size_t line_begin_ = 0;
  HttpHead head_;
  const char* fault_ = nullptr;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_HTTP_HEAD_H_
