#include "body_reader.h"

#include <algorithm>

namespace mlperf::llm {
namespace {

constexpr size_t kMaxDigits = 15;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool HasNoBody(int status) { return status == 204 || status == 304; }

}  // namespace

void BodyReader::Begin(const HttpHead& head) {
  *this = BodyReader();
  if (HasNoBody(head.status)) {
    state_ = State::kLength;
  } else if (head.is_chunked) {
    state_ = State::kSize;
  } else if (head.length) {
    state_ = State::kLength;
    left_ = *head.length;
  }
}

BodyReader::Step BodyReader::Next(std::string_view* piece) {
  for (;;) {
    if (state_ == State::kLength && left_ == 0) return Step::kEnd;
    if (piece->empty()) return Step::kMore;
    const bool is_data =
        state_ == State::kChunk || state_ == State::kLength || state_ == State::kToEnd;
    if (is_data) break;
    const char byte = piece->front();
    piece->remove_prefix(1);
    const Step step = TakeByte(byte);
    if (step != Step::kMore) return step;
  }
  const uint64_t limit = state_ == State::kToEnd ? piece->size() : left_;
  data_ = piece->substr(0, std::min<uint64_t>(limit, piece->size()));
  piece->remove_prefix(data_.size());
  if (state_ == State::kToEnd) return Step::kData;
  left_ -= data_.size();
  if (state_ == State::kChunk && left_ == 0) state_ = State::kChunkEnd;
  return Step::kData;
}

// A byte that is not of the data.
BodyReader::Step BodyReader::TakeByte(char byte) {
  switch (state_) {
    case State::kSize:
      return TakeSize(byte);
    case State::kSizeEnd:
      return TakeSizeEnd(byte);
    case State::kTrailer:
      return TakeTrailer(byte);
    default:  // kChunkEnd
      if (byte == '\r' && line_size_++ == 0) return Step::kMore;
      if (byte != '\n') return Step::kBroken;
      state_ = State::kSize;
      line_size_ = digits_ = 0;
      left_ = 0;
      return Step::kMore;
  }
}

BodyReader::Step BodyReader::TakeSize(char byte) {
  const int value = HexValue(byte);
  if (value < 0) {
    if (digits_ == 0) return Step::kBroken;
    state_ = State::kSizeEnd;
    return TakeSizeEnd(byte);
  }
  if (++digits_ > kMaxDigits) return Step::kBroken;
  left_ = left_ * 16 + static_cast<uint64_t>(value);
  return Step::kMore;
}

BodyReader::Step BodyReader::TakeSizeEnd(char byte) {
  const bool is_allowed =
      line_has_text_ || byte == ';' || byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
  if (!is_allowed || ++line_size_ > kMaxLine) return Step::kBroken;
  line_has_text_ |= byte == ';';
  if (byte != '\n') return Step::kMore;
  line_has_text_ = false;
  line_size_ = 0;
  state_ = left_ == 0 ? State::kTrailer : State::kChunk;
  return Step::kMore;
}

BodyReader::Step BodyReader::TakeTrailer(char byte) {
  if (++line_size_ > kMaxTrailers) return Step::kBroken;
  if (byte == '\n') {
    if (!line_has_text_) return Step::kEnd;
    line_has_text_ = false;
  } else if (byte != '\r') {
    line_has_text_ = true;
  }
  return Step::kMore;
}

}  // namespace mlperf::llm
