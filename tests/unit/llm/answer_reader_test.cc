// Goal: what is made of an answer is right for each kind of stream that servers are known to send,
// however it is cut. Method: raw answers, read at once and in pieces of 1, 2, 3 and 7 bytes; each
// byte arrives 1 us after the one before, so that a time says which byte it is of.
#include "answer_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "event_facts.h"
#include "json_text.h"

namespace mlperf::llm {
namespace {

const std::string kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";
const std::string kEnd = "0\r\n\r\n";

std::string Chunk(const std::string& data) {
  char size[20];
  snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + data + "\r\n";
}

std::string Event(const std::string& json) { return Chunk("data: " + json + "\n\n"); }

std::string Delta(const std::string& members, const std::string& beside = "") {
  return Event(R"({"choices":[{"index":0,"delta":{)" + members + "}" + beside + "}]}");
}

std::string Text(const std::string& text) { return Delta(R"("content":")" + text + '"'); }

const std::string kRole = Delta(R"("role":"assistant","content":"")");
const std::string kStop = Delta("", R"(,"finish_reason":"stop")");
const std::string kDone = Event("[DONE]");

std::string Usage(int tokens) {
  return Event(R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":)" +
               std::to_string(tokens) + R"(,"prompt_tokens_details":{"cached_tokens":3}}})");
}

int64_t TimeOf(size_t bytes) { return 1'000 * static_cast<int64_t>(bytes); }

AnswerReader InPieces(const std::string& bytes, size_t size, bool closed) {
  AnswerReader reader;
  for (size_t at = 0; at < bytes.size(); at += size) {
    const std::string piece = bytes.substr(at, size);
    const int64_t time = TimeOf(at + piece.size());
    reader.Feed(piece, {time, time + 5, true});
  }
  if (closed) reader.End({TimeOf(bytes.size() + 1), TimeOf(bytes.size() + 1), false});
  return reader;
}

// Reads `bytes` in all ways. Returns the reading byte by byte, whose times say most.
AnswerReader Read(const std::string& bytes, bool closed = false) {
  AnswerReader single = InPieces(bytes, 1, closed);
  for (const size_t size : {size_t{2}, size_t{3}, size_t{7}, bytes.size()}) {
    const AnswerReader other = InPieces(bytes, size, closed);
    const Answer &a = single.answer(), &b = other.answer();
    EXPECT_EQ(a.failure, b.failure) << size;
    EXPECT_EQ(a.reason, b.reason) << size;
    EXPECT_EQ(a.n_tokens, b.n_tokens) << size;
    EXPECT_EQ(a.source, b.source) << size;
    EXPECT_EQ(a.text.content, b.text.content) << size;
    EXPECT_EQ(a.text.reasoning, b.text.reasoning) << size;
    EXPECT_EQ(a.text.tools, b.text.tools) << size;
    EXPECT_EQ(a.events.size(), b.events.size()) << size;
    EXPECT_EQ(a.faults, b.faults) << size;
    EXPECT_EQ(a.first_event, b.first_event) << size;
    EXPECT_EQ(single.is_over(), other.is_over()) << size;
    EXPECT_EQ(single.is_reusable(), other.is_reusable()) << size;
  }
  return single;
}

// When the last byte of `bytes` had come that ends the event: the line feed of its empty line.
int64_t EndOf(const std::string& bytes) { return TimeOf(bytes.size() - 2); }

TEST(AnswerReader, AnAnswer) {
  const std::string first = kHead + kRole + Text("Hel");
  const std::string all = first + Text("lo") + kStop + Usage(2) + kDone;
  const AnswerReader reader = Read(all + kEnd);
  const Answer& answer = reader.answer();
  EXPECT_EQ(answer.failure, "");
  EXPECT_TRUE(reader.is_over());
  EXPECT_TRUE(reader.is_reusable());
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.text.content, "Hello");
  EXPECT_EQ(answer.n_tokens, 2);
  EXPECT_EQ(answer.source, TokenSource::kUsage);
  EXPECT_EQ(answer.prompt_tokens, 7);
  EXPECT_EQ(answer.cached_tokens, 3);
  EXPECT_EQ(answer.reasoning_tokens, -1);
  EXPECT_EQ(answer.first_token_ns, EndOf(first));
  EXPECT_EQ(answer.first_output_ns, EndOf(first));
  EXPECT_EQ(answer.completed_ns, EndOf(all));
  EXPECT_EQ(answer.first_token_lag_ns, 5u);
  EXPECT_EQ(answer.first_event, "Hel");
  ASSERT_EQ(answer.events.size(), 2u);
  EXPECT_EQ(answer.events[0].tokens, 0u);  // The usage came too late to tell.
}

TEST(AnswerReader, TheEndWithoutAnEndMark) {
  EXPECT_EQ(Read(kHead + Text("a") + kStop + kEnd).answer().failure, "");
  EXPECT_FALSE(Read(kHead + Text("a") + kStop).is_over());
  EXPECT_EQ(Read(kHead + Text("a") + kStop, true).answer().failure, "");
  const std::string close_delimited = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
  const std::string event = R"(data: {"choices":[{"text":"a","finish_reason":"length"}]})";
  const AnswerReader reader = Read(close_delimited + event, true);
  EXPECT_EQ(reader.answer().failure, "");
  EXPECT_EQ(reader.answer().n_tokens, 1);
  EXPECT_EQ(reader.answer().source, TokenSource::kEvents);
  EXPECT_FALSE(reader.is_reusable());
}

TEST(AnswerReader, CutAnswersFail) {
  for (const bool closed : {false, true}) {
    const AnswerReader reader =
        Read(kHead + kRole + Text("a") + Text("b") + (closed ? "" : kEnd), closed);
    EXPECT_EQ(reader.answer().failure, "cut after 2 tokens: neither finish_reason nor [DONE]");
    EXPECT_EQ(reader.answer().reason, "cut before finish_reason or [DONE]");
    EXPECT_EQ(reader.cut_after(), 2);
  }
  EXPECT_EQ(Read(kHead + "5\r\nda", true).cut_after(), 0);
  EXPECT_NE(Read("", true).answer().failure, "");
  EXPECT_NE(Read("HTTP/1.1 200 OK\r\n", true).answer().failure, "");
}

TEST(AnswerReader, CompleteAtTheEndMark) {
  const AnswerReader reader = Read(kHead + Text("a") + kDone);
  EXPECT_TRUE(reader.is_over());
  EXPECT_EQ(reader.answer().failure, "");
  EXPECT_FALSE(reader.is_reusable());
  EXPECT_FALSE(reader.is_at_end());
}

TEST(AnswerReader, WhatComesAfterTheEndMarkIsIgnored) {
  const AnswerReader reader = Read(kHead + Text("a") + kDone + Text("b") + Event("x") + kEnd);
  EXPECT_EQ(reader.answer().text.content, "a");
  EXPECT_EQ(reader.answer().faults, 0u);
  EXPECT_TRUE(reader.is_reusable());
  EXPECT_FALSE(Read(kHead + Text("a") + kDone + kEnd + "HTTP/1.1 200 OK\r\n\r\n").is_reusable());
}

TEST(AnswerReader, ErrorsInTheStream) {
  const std::string start = kHead + Text("a");
  for (const std::string& event : {Event(R"({"error":{"message":"out of memory","code":500}})"),
                                   Event(R"({"error":"out of memory"})"),
                                   Event(R"({"object":"error","message":"out of memory"})"),
                                   Chunk("event: error\ndata: {\"message\":\"out of memory\"}\n\n"),
                                   Chunk("event: error\ndata: out of memory\n\n")}) {
    const AnswerReader reader = Read(start + event + kDone + kEnd);
    EXPECT_EQ(reader.answer().failure, "the server sent an error: out of memory") << event;
    EXPECT_EQ(reader.answer().reason, "the server sent an error: out of memory");
    EXPECT_TRUE(reader.is_reusable());
  }
  EXPECT_NE(Read(start + Delta("", R"(,"finish_reason":"error")") + kDone).answer().failure, "");
  EXPECT_EQ(Read(start + Event(R"({"choices":[],"error":null})") + kDone).answer().failure, "");
}

TEST(AnswerReader, RefusalsWithTheServersWords) {
  const AnswerReader reader = Read(
      "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 33\r\n\r\n"
      R"({"error":{"message":"slow down"}})");
  EXPECT_EQ(reader.answer().reason, "HTTP 429: Too Many Requests");
  EXPECT_EQ(reader.answer().failure, "HTTP 429 Too Many Requests: slow down");
  EXPECT_TRUE(reader.is_reusable());
  const AnswerReader unicorn = Read(
      "HTTP/1.1 422 Unprocessable\r\nContent-Length: "
      "28\r\n\r\n{\"detail\":[{\"msg\":\"ignore\"}]}");
  EXPECT_NE(unicorn.answer().failure.find("422"), std::string::npos);
}

TEST(AnswerReader, AnswersOfAnotherType) {
  const AnswerReader page =
      Read("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<html");
  EXPECT_EQ(page.answer().failure, "the answer is text/html, and no event stream: <html");
  const AnswerReader packed = Read(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: br\r\n"
      "Content-Length: 1\r\n\r\nx");
  EXPECT_EQ(packed.answer().failure, "the answer is compressed: br");
}

TEST(AnswerReader, AWholeCompletionIsOneEvent) {
  const std::string json =
      R"({"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],)"
      R"("usage":{"completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":2}}})";
  const AnswerReader reader =
      Read("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(json.size()) + "\r\n\r\n" + json);
  const Answer& answer = reader.answer();
  EXPECT_EQ(answer.failure, "");
  EXPECT_EQ(answer.n_tokens, 5);
  EXPECT_EQ(answer.reasoning_tokens, 2);
  EXPECT_EQ(answer.text.content, "Hello");
  ASSERT_EQ(answer.events.size(), 1u);
  EXPECT_EQ(answer.events[0].tokens, 5u);
  EXPECT_EQ(answer.completed_ns, answer.first_token_ns);
}

TEST(AnswerReader, ACompleteAnswerWithoutATokenFails) {
  const Answer answer = Read(kHead + kRole + kStop + kDone + kEnd).answer();
  EXPECT_EQ(answer.failure, "the answer is complete, but has no token");
}

TEST(AnswerReader, WhatIsNoJsonIsAFault) {
  const AnswerReader reader = Read(kHead + Text("a") + Event("{\"choices\":[{\"text\":\"lost\"") +
                                   Event("oops") + Text("b") + kDone + kEnd);
  EXPECT_EQ(reader.answer().failure, "");
  EXPECT_EQ(reader.answer().faults, 2u);
  EXPECT_EQ(reader.answer().first_fault, "{\"choices\":[{\"text\":\"lost\"");
  EXPECT_EQ(reader.answer().text.content, "ab");
}

TEST(AnswerReader, KeepAlivesAreNothing) {
  const std::string alive = Chunk(": ping\n\n:\n\n") +
                            Chunk("event: ping\ndata: {\"type\":\"ping\"}\n\n") +
                            Chunk("event: ping\ndata: ping\n\n");
  const Answer answer = Read(kHead + alive + Text("a") + alive + kDone).answer();
  EXPECT_EQ(answer.failure, "");
  EXPECT_EQ(answer.faults, 0u);
  EXPECT_EQ(answer.events.size(), 1u);
}

TEST(AnswerReader, ReasoningComesFirst) {
  for (const char* name : {"reasoning", "reasoning_content"}) {
    const std::string first = kHead + kRole + Delta(std::string("\"") + name + "\":\"hm\"");
    const std::string second = first + Text("a");
    const Answer answer = Read(second + kDone).answer();
    EXPECT_EQ(answer.first_token_ns, EndOf(first)) << name;
    EXPECT_EQ(answer.first_output_ns, EndOf(second)) << name;
    EXPECT_EQ(answer.text.reasoning, "hm") << name;
    EXPECT_EQ(answer.text.content, "a") << name;
    EXPECT_EQ(answer.first_event, "hm") << name;
  }
}

TEST(AnswerReader, ToolCallsAndRefusalsAreTokens) {
  const std::string call =
      Delta(R"("tool_calls":[{"index":0,"function":{"name":"f","arguments":"{\"x\":"}}])") +
      Delta(R"("tool_calls":[{"index":0,"function":{"arguments":"1}"}}])");
  const Answer tools = Read(kHead + kRole + call + kDone).answer();
  EXPECT_EQ(tools.events.size(), 2u);
  EXPECT_EQ(TextOfJson(tools.text.tools), "f{\"x\":1}");
  EXPECT_EQ(Read(kHead + Delta(R"("tool_calls":[])") + Text("a") + kDone).answer().events.size(),
            1u);
  EXPECT_EQ(Read(kHead + Delta(R"("refusal":"no")") + kDone).answer().text.content, "no");
}

std::string WithUsage(const std::string& text, int tokens) {
  return Event(R"({"choices":[{"delta":{"content":")" + text +
               R"("}}],"usage":{"completion_tokens":)" + std::to_string(tokens) + "}}");
}

TEST(AnswerReader, UsageInEachEventTellsItsTokens) {
  const Answer answer = Read(kHead + WithUsage("", 0) + WithUsage("a", 1) + WithUsage("bcd", 4) +
                             WithUsage("", 6) + Delta("", R"(,"finish_reason":"stop")") + kDone)
                            .answer();
  ASSERT_EQ(answer.events.size(), 3u);  // Text that is held back has arrived all the same.
  EXPECT_EQ(answer.events[0].tokens, 1u);
  EXPECT_EQ(answer.events[1].tokens, 3u);
  EXPECT_EQ(answer.events[2].tokens, 2u);
  EXPECT_EQ(answer.n_tokens, 6);
}

TEST(AnswerReader, UsageOfTheLastEventAloneTellsNoEventsTokens) {
  const std::string last =
      R"({"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}],"usage":{"completion_tokens":9}})";
  const Answer answer = Read(kHead + Text("a") + Event(last) + kDone).answer();
  ASSERT_EQ(answer.events.size(), 2u);
  EXPECT_EQ(answer.events[0].tokens, 0u);
  EXPECT_EQ(answer.events[1].tokens, 0u);
  EXPECT_EQ(answer.n_tokens, 9);
}

TEST(AnswerReader, WhereUsageStands) {
  const std::string usage = R"("usage":{"completion_tokens":4})";
  const std::string start = kHead + Event("{\"choices\":[],\"usage\":null}") + Text("a");
  for (const std::string& end :
       {Event("{\"choices\":[]," + usage + "}"),
        Event("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]," + usage + "}"),
        Event("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"," + usage + "}]}"),
        Event("{" + usage + "}")}) {
    EXPECT_EQ(Read(start + end + kDone).answer().n_tokens, 4) << end;
    EXPECT_EQ(Read(start + end + kDone).answer().events.size(), 1u) << end;
  }
  EXPECT_EQ(Read(start + kDone).answer().source, TokenSource::kEvents);
}

TEST(AnswerReader, TokenIds) {
  const std::string ids = R"({"choices":[{"text":"ab","token_ids":[5,6]}]})";
  const std::string hidden = R"({"choices":[{"text":"","token_ids":[7]}]})";
  const Answer answer = Read(kHead + Event(ids) + Event(hidden) + kDone).answer();
  ASSERT_EQ(answer.events.size(), 2u);
  EXPECT_EQ(answer.events[0].tokens, 2u);
  EXPECT_EQ(answer.n_tokens, 3);
  EXPECT_EQ(answer.source, TokenSource::kTokenIds);
  EXPECT_TRUE(answer.text.token_ids.empty());
  AnswerReader keeping({true, true});
  keeping.Feed(kHead + Event(ids) + Event(hidden) + kDone, {1, 1, false});
  EXPECT_EQ(keeping.answer().text.token_ids, (std::vector<int32_t>{5, 6, 7}));
}

TEST(AnswerReader, InterimHeadsAreNoAnswer) {
  const Answer answer = Read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n" +
                             kHead + Text("a") + kDone + kEnd)
                            .answer();
  EXPECT_EQ(answer.failure, "");
  EXPECT_EQ(answer.status, 200);
}

TEST(AnswerReader, WhatIsNoHttp) {
  const AnswerReader reader = Read("SSH-2.0-server\r\n\r\n");
  EXPECT_EQ(reader.answer().reason, "no answer of HTTP/1.1");
  EXPECT_TRUE(reader.is_at_end());
  EXPECT_EQ(Read(kHead + "zz\r\n").answer().reason, "broken chunked coding");
}

TEST(AnswerReader, TooLongAnswersFail) {
  AnswerReader reader({false, false, 1000});
  const std::string comments = Chunk(":" + std::string(400, 'x') + "\n");
  EXPECT_FALSE(reader.Feed(kHead + comments + comments, {1, 1, false}));
  EXPECT_TRUE(reader.Feed(comments, {2, 2, false}));
  EXPECT_EQ(reader.answer().failure, "the answer has more than 1000 bytes; raise max_answer_bytes");
  EXPECT_FALSE(reader.is_reusable());
}

// However the reads were cut.
TEST(AnswerReader, WhatIsWithinTheLimitCounts) {
  for (const uint64_t limit : {50, 90}) {
    AnswerReader reader({true, false, limit});
    EXPECT_TRUE(reader.Feed(kHead + Text("a") + Text("b") + kDone, {1, 1, false}));
    EXPECT_EQ(reader.answer().events.size(), limit == 90 ? 1u : 0u);
  }
}

TEST(AnswerReader, WordsOfAServerAreCut) {
  const std::string endless(30'000, 'x');
  const AnswerReader reader = Read("HTTP/1.1 500 " + endless + "\r\nContent-Length: 0\r\n\r\n");
  EXPECT_LT(reader.answer().reason.size(), 300u);
  EXPECT_LT(reader.answer().failure.size(), 500u);
}

TEST(AnswerReader, TextIsKeptOnlyWhereItIsAskedFor) {
  AnswerReader reader({false, false});
  reader.Feed(kHead + Text("a") + kDone + kEnd, {1, 1, false});
  EXPECT_EQ(reader.answer().text.content, "");
  EXPECT_EQ(reader.answer().n_tokens, 1);
  reader.Begin({true, false});
  EXPECT_TRUE(reader.is_untouched());
  reader.Feed(kHead + Text("b") + kDone, {3, 3, false});
  EXPECT_EQ(reader.answer().text.content, "b");
  EXPECT_EQ(reader.answer().events.size(), 1u);
  EXPECT_EQ(reader.answer().first_token_ns, 3);
}

TEST(AnswerReader, ArrivalsDoNotRunBack) {
  AnswerReader reader;
  reader.Feed(kHead + Text("a"), {100, 120, true});
  reader.Feed(Text("b"), {90, 130, true});
  reader.Feed(kDone, {140, 150, true});
  ASSERT_EQ(reader.answer().events.size(), 2u);
  EXPECT_EQ(reader.answer().events[1].at_ns, 100);
  EXPECT_EQ(reader.answer().completed_ns, 140);
}

TEST(OneLine, IsUtf8OfWholeCharacters) {
  const std::string replaced = "\xef\xbf\xbd";
  const std::string valid = "\u00e4 \u0416 \u20ac \U0001f600";
  EXPECT_EQ(OneLine(valid), valid);
  EXPECT_EQ(OneLine("Fehler \xfc\xff"), "Fehler " + replaced + replaced);
  EXPECT_EQ(OneLine(std::string(199, 'a') + "\u00e4"), std::string(199, 'a'));
  EXPECT_EQ(OneLine("\xc3"), replaced);
  EXPECT_EQ(OneLine("\xed\xa0\x80"), replaced + replaced + replaced);  // Half a pair of UTF-16.
}

}  // namespace
}  // namespace mlperf::llm
