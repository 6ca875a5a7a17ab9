// The events of a text/event-stream body, from bytes that come in pieces of any size.
//
// Lines end with LF, CR or CRLF and nothing else. The data lines of an event are joined by LF, and
// one space after the colon goes. Comments and unknown fields do not matter, nor does a byte order
// mark at the begin.
#ifndef MLPERF_LLM_EVENT_STREAM_H_
#define MLPERF_LLM_EVENT_STREAM_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace mlperf::llm {

struct StreamEvent {
  enum class Name : uint8_t {
    kMessage,  // None, or "message".
    kError,
    kOther,
  };
  std::string_view data;
  Name name = Name::kMessage;
};

class EventStream {
 public:
  // Takes bytes from the front of `piece`, up to the end of an event with data. Returns whether
  // there is one; else the piece is used up. The event's data is valid until the next call, and
  // as long as the piece is.
  bool Next(std::string_view* piece, StreamEvent* event);

  // The stream ends here. Returns whether an event stands unfinished; its data is valid until
  // Clear.
  bool Finish(StreamEvent* event);

  // Another stream begins. Keeps the memory.
  void Clear();

 private:
  void TakeLine(std::string_view line);
  void TakeData(std::string_view value);
  bool TakeEvent(StreamEvent* event);
  void KeepData();

  std::string line_;  // The begin of a line, of earlier pieces.
  std::string data_;  // Of the event, where it is not in one line of the piece.
  std::string_view in_piece_;
  StreamEvent::Name name_ = StreamEvent::Name::kMessage;
  bool has_data_ = false;
  bool is_in_piece_ = false;
  bool ends_event_ = false;   // The last line was empty.
  bool is_after_cr_ = false;  // A line feed that comes next belongs to it.
  bool is_first_line_ = true;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_EVENT_STREAM_H_
