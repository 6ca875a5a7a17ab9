// Goal: the events of a stream are those of the event stream format, however the bytes are cut.
// Method: each stream is read at once, in two pieces cut at each place, and in pieces of 1, 2, 3
// and 7 bytes, and must give the same.
#include "event_stream.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace mlperf::llm {
namespace {

using Events = std::vector<std::string>;

void TakeAll(std::string_view piece, EventStream* stream, Events* events) {
  // A copy that is gone afterwards, as the buffer of a read is.
  const std::string copy(piece);
  std::string_view left = copy;
  for (StreamEvent event; stream->Next(&left, &event);) {
    const char* name = event.name == StreamEvent::Name::kError   ? "error|"
                       : event.name == StreamEvent::Name::kOther ? "other|"
                                                                 : "";
    events->push_back(name + std::string(event.data));
  }
}

Events Finish(EventStream* stream, Events events) {
  StreamEvent event;
  if (stream->Finish(&event)) events.push_back("unfinished|" + std::string(event.data));
  return events;
}

Events InPieces(std::string_view text, size_t size) {
  EventStream stream;
  Events events;
  for (size_t at = 0; at < text.size(); at += size)
    TakeAll(text.substr(at, size), &stream, &events);
  return Finish(&stream, events);
}

Events Read(std::string_view text) {
  const Events at_once = InPieces(text, text.size() + 1);
  for (const size_t size : {1, 2, 3, 7}) EXPECT_EQ(InPieces(text, size), at_once) << size;
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EventStream stream;
    Events events;
    TakeAll(text.substr(0, cut), &stream, &events);
    TakeAll(text.substr(cut), &stream, &events);
    EXPECT_EQ(Finish(&stream, events), at_once) << "cut at " << cut;
  }
  return at_once;
}

TEST(EventStream, EachEndOfLine) {
  for (const std::string end : {"\n", "\r", "\r\n"}) {
    EXPECT_EQ(Read("data: a" + end + end + "data: b" + end + "data: c" + end + end),
              (Events{"a", "b\nc"}));
  }
  EXPECT_EQ(Read("data: a\r\n\ndata: b\n\r\n"), (Events{"a", "b"}));
}

TEST(EventStream, NothingElseEndsALine) {
  EXPECT_EQ(Read("data: a\xe2\x80\xa8\xe2\x80\xa9\xc2\x85\x0b\x0c z\n\n"),
            (Events{"a\xe2\x80\xa8\xe2\x80\xa9\xc2\x85\x0b\x0c z"}));
}

TEST(EventStream, OneSpaceAfterTheColonGoes) {
  EXPECT_EQ(Read("data:a\n\ndata:  b \n\n"), (Events{"a", " b "}));
}

TEST(EventStream, WhatDoesNotMatter) {
  EXPECT_EQ(Read(": ping\n\n:\n\nid: 7\nretry: 10\nfoo\ndatax: 1\n data: 2\n\ndata: a\n\n"),
            (Events{"a"}));
  EXPECT_EQ(Read("data\n\ndata:\n\n\n\n"), (Events{}));
}

TEST(EventStream, AByteOrderMarkAtTheBeginGoes) {
  EXPECT_EQ(Read("\xef\xbb\xbf"
                 "data: a\n\n\xef\xbb\xbf"
                 "data: b\n\n"),
            (Events{"a"}));
}

TEST(EventStream, NamesOfEvents) {
  EXPECT_EQ(Read("event: error\ndata: a\n\nevent: ping\ndata: b\n\ndata: c\nevent: message\n\n"
                 "event: error\n\ndata: d\n\n"),
            (Events{"error|a", "other|b", "c", "d"}));
}

TEST(EventStream, AnUnfinishedEvent) {
  EXPECT_EQ(Read("data: a\n\ndata: b\n"), (Events{"a", "unfinished|b"}));
  EXPECT_EQ(Read("data: a\ndata: b"), (Events{"unfinished|a\nb"}));
  EXPECT_EQ(Read("data: a\r"), (Events{"unfinished|a"}));
  EXPECT_EQ(Read("data: a\n\n: b"), (Events{"a"}));
}

TEST(EventStream, AnotherStreamKnowsNothingOfTheOneBefore) {
  EventStream stream;
  Events events;
  TakeAll("event: error\ndata: a\ndata: b\r", &stream, &events);
  stream.Clear();
  TakeAll(
      "\xef\xbb\xbf"
      "data: c\n\n",
      &stream, &events);
  EXPECT_EQ(events, (Events{"c"}));
}

}  // namespace
}  // namespace mlperf::llm
