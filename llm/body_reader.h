// The body of a response of HTTP/1.1, from bytes that come in pieces of any size: in chunks (with
// extensions and trailers), of a length that is known, or to the end of the connection.
#ifndef MLPERF_LLM_BODY_READER_H_
#define MLPERF_LLM_BODY_READER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http_head.h"

namespace mlperf::llm {

class BodyReader {
 public:
  enum class Step : uint8_t {
    kMore,    // The piece is used up.
    kData,    // data() is the next part of the body.
    kEnd,     // The body ended properly; what is left of the piece is not of it.
    kBroken,  // This is no chunked body.
  };

  static constexpr size_t kMaxLine = 16 << 10;  // Of the line before a chunk.
  static constexpr size_t kMaxTrailers = 64 << 10;

  void Begin(const HttpHead& head);

  // Takes bytes from the front of `piece`. No call may follow kEnd or kBroken.
  Step Next(std::string_view* piece);

  std::string_view data() const { return data_; }

 private:
  enum class State : uint8_t {
    kSize,
    kSizeEnd,  // After the size: blanks, an extension, the line's end.
    kChunk,
    kChunkEnd,
    kTrailer,
    kLength,
    kToEnd,
  };

  Step TakeByte(char byte);
  Step TakeSize(char byte);
  Step TakeSizeEnd(char byte);
  Step TakeTrailer(char byte);

  State state_ = State::kToEnd;
  uint64_t left_ = 0;     // Of the chunk or of the body.
  size_t line_size_ = 0;  // Of the line so far, or of all trailers.
  size_t digits_ = 0;
  bool line_has_text_ = false;
  std::string_view data_;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_BODY_READER_H_
