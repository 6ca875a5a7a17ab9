// Goal: heads and bodies of HTTP/1.1 are read as RFC 9112 says, however the bytes are cut, and what
// is none is refused. Method: each response is read at once and in pieces of 1, 2, 3 and 7 bytes,
// and must give the same.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "body_reader.h"
#include "http_head.h"

namespace mlperf::llm {
namespace {

struct Read {
  HttpHead head;
  std::string fault;
  std::string body;
  bool has_ended = false;
  bool is_broken = false;
  std::string left;
};

void TakeBody(std::string_view* piece, BodyReader* body, Read* read) {
  while (!read->has_ended && !read->is_broken) {
    const BodyReader::Step step = body->Next(piece);
    if (step == BodyReader::Step::kMore) return;
    if (step == BodyReader::Step::kData) read->body += body->data();
    read->has_ended = step == BodyReader::Step::kEnd;
    read->is_broken = step == BodyReader::Step::kBroken;
  }
}

Read InPieces(std::string_view text, size_t size) {
  Read read;
  HeadReader head;
  BodyReader body;
  bool in_body = false;
  for (size_t at = 0; at < text.size() && read.fault.empty(); at += size) {
    const std::string copy(text.substr(at, size));
    std::string_view piece = copy;
    if (!in_body) {
      const HeadReader::Step step = head.Next(&piece);
      if (step == HeadReader::Step::kBroken) read.fault = head.fault();
      in_body = step == HeadReader::Step::kHead;
      if (!in_body) continue;
      read.head = head.head();
      body.Begin(read.head);
    }
    TakeBody(&piece, &body, &read);
    read.left += piece;
  }
  return read;
}

Read ReadAll(std::string_view text) {
  const Read at_once = InPieces(text, text.size());
  for (const size_t size : {1, 2, 3, 7}) {
    const Read cut = InPieces(text, size);
    EXPECT_EQ(cut.head.status, at_once.head.status) << size;
    EXPECT_EQ(cut.fault, at_once.fault) << size;
    EXPECT_EQ(cut.body, at_once.body) << size;
    EXPECT_EQ(cut.has_ended, at_once.has_ended) << size;
    EXPECT_EQ(cut.is_broken, at_once.is_broken) << size;
    EXPECT_EQ(cut.left, at_once.left) << size;
  }
  return at_once;
}

Read Chunked(const std::string& body) {
  return ReadAll("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body);
}

TEST(HttpHead, FieldsThatMatter) {
  const HttpHead head =
      ReadAll(
          "HTTP/1.1 429 Too Many Requests\r\ncontent-TYPE:  Text/Event-Stream ; charset=UTF-8 \r\n"
          "Content-Length: 0\r\nConnection: x, Close\r\nContent-Encoding: GZIP\r\nA:\r\n\r\n")
          .head;
  EXPECT_EQ(head.status, 429);
  EXPECT_EQ(head.reason, "Too Many Requests");
  EXPECT_EQ(head.type, "text/event-stream");
  EXPECT_EQ(head.length, 0u);
  EXPECT_EQ(head.coding, "gzip");
  EXPECT_FALSE(head.keeps_connection);
  EXPECT_FALSE(head.is_chunked);
}

TEST(HttpHead, LinesMayEndWithALineFeedAlone) {
  const Read read = ReadAll("HTTP/1.1 200\nContent-Length: 2\n\nabc");
  EXPECT_EQ(read.head.status, 200);
  EXPECT_EQ(read.body, "ab");
  EXPECT_EQ(read.left, "c");
}

TEST(HttpHead, VersionsAndTheConnection) {
  EXPECT_TRUE(ReadAll("HTTP/1.1 200 OK\r\n\r\n").head.keeps_connection);
  EXPECT_FALSE(ReadAll("HTTP/1.0 200 OK\r\n\r\n").head.keeps_connection);
  EXPECT_TRUE(ReadAll("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n").head.keeps_connection);
}

TEST(HttpHead, WhatIsNoHead) {
  for (const char* text :
       {"HTTP/2 200 OK\r\n\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 99 \r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"}) {
    EXPECT_NE(ReadAll(text).fault, "") << text;
  }
  EXPECT_NE(ReadAll("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x')).fault, "");
}

TEST(HttpHead, AnEmptyLineBeforeItIsPassed) {
  EXPECT_EQ(ReadAll("\r\n\nHTTP/1.1 204 No\r\n\r\n").head.status, 204);
}

TEST(HttpBody, Chunks) {
  const Read read = Chunked("3\r\nabc\r\n00A;name=\"v\"\r\n0123456789\r\n2 \nde\n0\r\n\r\nleft");
  EXPECT_EQ(read.body, "abc0123456789de");
  EXPECT_TRUE(read.has_ended);
  EXPECT_EQ(read.left, "left");
}

TEST(HttpBody, Trailers) {
  const Read read = Chunked("1\r\na\r\n0;x\r\nTrailer: 0\r\nb: c\r\n\r\nX");
  EXPECT_EQ(read.body, "a");
  EXPECT_TRUE(read.has_ended);
  EXPECT_EQ(read.left, "X");
}

TEST(HttpBody, BrokenChunks) {
  for (const char* body :
       {"x\r\n", "\r\n", "-1\r\n", "1 2\r\na", "1\r\nab\r\n", "1000000000000000\r\n"}) {
    EXPECT_TRUE(Chunked(body).is_broken) << body;
  }
  EXPECT_TRUE(Chunked("1;" + std::string(20'000, 'x')).is_broken);
  EXPECT_TRUE(Chunked("0\r\n" + std::string(70'000, 'x')).is_broken);
}

TEST(HttpBody, UnfinishedChunks) {
  for (const char* body : {"", "3", "3\r\n", "3\r\nab", "3\r\nabc", "0\r\n", "0\r\na: b\r\n"}) {
    const Read read = Chunked(body);
    EXPECT_FALSE(read.has_ended) << body;
    EXPECT_FALSE(read.is_broken) << body;
  }
}

TEST(HttpBody, ALengthThatIsKnown) {
  const Read read = ReadAll("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nabcdefg");
  EXPECT_EQ(read.body, "abcde");
  EXPECT_TRUE(read.has_ended);
  EXPECT_EQ(read.left, "fg");
  EXPECT_TRUE(ReadAll("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").has_ended);
  EXPECT_TRUE(ReadAll("HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n").has_ended);
}

TEST(HttpBody, ToTheEndOfTheConnection) {
  const Read read = ReadAll("HTTP/1.1 200 OK\r\n\r\nabc");
  EXPECT_EQ(read.body, "abc");
  EXPECT_FALSE(read.has_ended);
}

}  // namespace
}  // namespace mlperf::llm
