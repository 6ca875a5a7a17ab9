#include "event_stream.h"

namespace mlperf::llm {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

size_t EndOfLine(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && text[end] != '\n' && text[end] != '\r') ++end;
  return end;
}

}  // namespace

bool EventStream::Next(std::string_view* piece, StreamEvent* event) {
  while (!piece->empty()) {
    if (is_after_cr_) {
      is_after_cr_ = false;
      if (piece->front() == '\n') {
        piece->remove_prefix(1);
        continue;
      }
    }
    const size_t end = EndOfLine(*piece);
    if (end == piece->size()) {
      line_.append(*piece);
      piece->remove_prefix(end);
      break;
    }
    is_after_cr_ = (*piece)[end] == '\r';
    const std::string_view in_piece = piece->substr(0, end);
    piece->remove_prefix(end + 1);
    if (line_.empty()) {
      TakeLine(in_piece);
    } else {
      line_.append(in_piece);
      TakeLine(line_);
      KeepData();
      line_.clear();
    }
    if (TakeEvent(event)) return true;
  }
  KeepData();
  return false;
}

bool EventStream::Finish(StreamEvent* event) {
  if (!line_.empty()) TakeLine(line_);
  ends_event_ = true;
  return TakeEvent(event);
}

void EventStream::Clear() {
  line_.clear();
  data_.clear();
  has_data_ = is_in_piece_ = ends_event_ = is_after_cr_ = false;
  is_first_line_ = true;
  name_ = StreamEvent::Name::kMessage;
}

void EventStream::TakeLine(std::string_view line) {
  if (is_first_line_ && line.starts_with(kByteOrderMark)) line.remove_prefix(3);
  is_first_line_ = false;
  ends_event_ = line.empty();
  const size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    TakeData(value);
  } else if (field == "event") {
    name_ = value == "error"                      ? StreamEvent::Name::kError
            : value.empty() || value == "message" ? StreamEvent::Name::kMessage
                                                  : StreamEvent::Name::kOther;
  }
}

void EventStream::TakeData(std::string_view value) {
  if (!has_data_) {
    has_data_ = is_in_piece_ = true;
    in_piece_ = value;
    return;
  }
  KeepData();
  data_.push_back('\n');
  data_.append(value);
}

// Data of a line that will not stay where it is.
void EventStream::KeepData() {
  if (!is_in_piece_) return;
  is_in_piece_ = false;
  data_.assign(in_piece_);
}

bool EventStream::TakeEvent(StreamEvent* event) {
  if (!ends_event_) return false;
  ends_event_ = false;
  event->data = is_in_piece_ ? in_piece_ : std::string_view(data_);
  event->name = name_;
  const bool has_data = has_data_ && !event->data.empty();
  has_data_ = is_in_piece_ = false;
  name_ = StreamEvent::Name::kMessage;
  return has_data;
}

}  // namespace mlperf::llm
