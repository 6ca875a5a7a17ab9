// Goal: the reader of event streams gives the same events however they are cut, and those that the
// format says. Method: a second, slow reader that has the whole text and splits it into lines; the
// input is read at once, in random pieces and byte by byte.
#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "event_stream.h"
#include "fuzz_targets.h"

namespace mlperf::loadgen {
namespace {

using Name = llm::StreamEvent::Name;

struct Event {
  std::string data;
  Name name;

  bool operator==(const Event&) const = default;
};

// The last one is what stands unfinished, if anything does.
using Events = std::vector<Event>;

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines(1);
  for (size_t at = 0; at < text.size(); ++at) {
    const bool is_pair = text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n';
    if (text[at] != '\r' && text[at] != '\n') {
      lines.back().push_back(text[at]);
    } else {
      lines.emplace_back();
      at += is_pair;
    }
  }
  return lines;
}

Events ReadSlowly(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Events events;
  std::vector<std::string> data;
  Name name = Name::kMessage;
  const std::vector<std::string> lines = Lines(text);
  for (size_t number = 0; number < lines.size(); ++number) {
    const std::string& line = lines[number];
    const size_t colon = std::min(line.find(':'), line.size());
    const std::string field = line.substr(0, colon);
    std::string value = colon < line.size() ? line.substr(colon + 1) : "";
    if (value.starts_with(' ')) value.erase(0, 1);
    if (field == "data") data.push_back(value);
    if (field == "event") {
      name = value == "error"                      ? Name::kError
             : value.empty() || value == "message" ? Name::kMessage
                                                   : Name::kOther;
    }
    if (!line.empty() && number + 1 < lines.size()) continue;
    std::string joined;
    for (const std::string& part : data) joined += (&part == &data[0] ? "" : "\n") + part;
    if (!joined.empty()) events.push_back({joined, name});
    data.clear();
    name = Name::kMessage;
  }
  return events;
}

template <typename NextSize>
Events Read(std::string_view text, const NextSize& next_size) {
  llm::EventStream stream;
  llm::StreamEvent event;
  Events events;
  while (!text.empty()) {
    // A copy that is gone afterwards, as the buffer of a read is.
    const std::string piece(text.substr(0, next_size()));
    text.remove_prefix(piece.size());
    std::string_view left = piece;
    while (stream.Next(&left, &event)) events.push_back({std::string(event.data), event.name});
  }
  if (stream.Finish(&event)) events.push_back({std::string(event.data), event.name});
  return events;
}

}  // namespace

bool FuzzLlmEvents(std::string_view input) {
  const Events slowly = ReadSlowly(input);
  Require(Read(input, [&] { return input.size(); }) == slowly, "the events of the format");
  std::minstd_rand draw(static_cast<uint32_t>(input.size()));
  Require(Read(input, [&] { return size_t{1} + draw() % 50; }) == slowly,
          "random cuts change nothing");
  if (input.size() <= 20'000) {
    Require(Read(input, [] { return size_t{1}; }) == slowly, "single bytes change nothing");
  }
  return !slowly.empty();
}

}  // namespace mlperf::loadgen
