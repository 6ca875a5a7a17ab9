// Goal: one walk gives the members of an archive and their bodies, or says what is wrong and where.
// Method: archives put together byte by byte, fed at once and byte by byte. The golden corpus runs
// through Python (test_corpus_streams.py) and through the fuzz target.
#include "member_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/tar_bytes.h"

namespace mlperf::shards {
namespace {

using Event = MemberStream::Event;

struct Outcome {
  std::vector<std::string> members;  // "name=body".
  FormatError error;
  bool no_end_marker = false;
  bool data_after_end = false;
};

Outcome Read(std::string_view bytes, size_t piece_size, bool read_concatenated = false) {
  MemberStream stream(read_concatenated);
  Outcome outcome;
  Event event = Event::kNeedsMore;
  std::string_view piece;
  while (event != Event::kDone && event != Event::kError) {
    if (piece.empty() && !bytes.empty()) {
      piece = bytes.substr(0, piece_size);
      bytes.remove_prefix(piece.size());
    }
    event = piece.empty() ? stream.Finish() : stream.Next(&piece);
    if (event == Event::kMember) outcome.members.push_back(stream.walker().member().name + "=");
    if (event == Event::kBody) outcome.members.back() += stream.body();
  }
  outcome.error = stream.walker().error();
  outcome.no_end_marker = stream.walker().has_no_end_marker();
  outcome.data_after_end = stream.walker().has_data_after_end();
  return outcome;
}

Outcome ReadBothWays(const std::string& bytes, bool read_concatenated = false) {
  const Outcome at_once = Read(bytes, bytes.size() + 1, read_concatenated);
  const Outcome by_bytes = Read(bytes, 1, read_concatenated);
  EXPECT_EQ(by_bytes.members, at_once.members);
  EXPECT_EQ(by_bytes.error.kind, at_once.error.kind);
  EXPECT_EQ(by_bytes.error.offset, at_once.error.offset);
  EXPECT_EQ(by_bytes.error.what, at_once.error.what);
  return at_once;
}

void ExpectError(const std::string& bytes, ErrorKind kind, uint64_t offset) {
  const Outcome outcome = ReadBothWays(bytes);
  EXPECT_STREQ(ErrorName(outcome.error.kind), ErrorName(kind)) << outcome.error.what;
  EXPECT_EQ(outcome.error.offset, offset);
}

std::string PaxMember(const std::string& records, char type = 'x') {
  return TarMember("././@PaxHeader", records, {.type = type});
}

TEST(MemberStream, MembersWithTheirBodies) {
  const Outcome outcome =
      ReadBothWays(TarMember("a.cls", "7") + TarMember("a.jpg", std::string(600, 'x')) +
                   TarMember("empty.txt", "") + TarEnd());
  EXPECT_FALSE(outcome.error);
  EXPECT_EQ(outcome.members,
            (std::vector<std::string>{"a.cls=7", "a.jpg=" + std::string(600, 'x'), "empty.txt="}));
  EXPECT_FALSE(outcome.no_end_marker);
}

TEST(MemberStream, RecordsComeBeforeLongNames) {
  const std::string long_name = TarMember("././@LongLink", "long.jpg\0rest", {.type = 'L'});
  const std::string member = TarMember("short.jpg", "1");
  EXPECT_EQ(ReadBothWays(long_name + member + TarEnd()).members[0], "long.jpg=1");
  for (const std::string& both :
       {PaxMember("16 path=pax.jpg\n") + long_name, long_name + PaxMember("16 path=pax.jpg\n")}) {
    EXPECT_EQ(ReadBothWays(both + member + member + TarEnd()).members,
              (std::vector<std::string>{"pax.jpg=1", "short.jpg=1"}));
  }
}

TEST(MemberStream, LinksHaveNoBodyWhateverTheySay) {
  for (const char type : {'1', '2', '3', '4', '5', '6'}) {
    const std::string link = TarBlock("l.jpg", 600, {.type = type, .link_name = "a.jpg"});
    const Outcome outcome = ReadBothWays(link + TarMember("a.jpg", "1") + TarEnd());
    EXPECT_EQ(outcome.members, (std::vector<std::string>{"l.jpg=", "a.jpg=1"})) << type;
  }
}

TEST(MemberStream, EndsOfArchives) {
  const std::string member = TarMember("a.jpg", "1");
  EXPECT_TRUE(ReadBothWays(member).no_end_marker);
  EXPECT_FALSE(ReadBothWays(member + std::string(512, '\0')).error);
  EXPECT_FALSE(ReadBothWays(member + std::string(600, '\0')).data_after_end);
  EXPECT_TRUE(ReadBothWays(member + TarEnd() + "x").data_after_end);
  EXPECT_TRUE(ReadBothWays(member + TarEnd() + std::string(5000, 'x')).data_after_end);
  ExpectError(member + std::string(511, '\0'), ErrorKind::kTruncated, 1024);
  ExpectError(member + TarEnd() + member, ErrorKind::kAfterEnd, 2048);
  const Outcome both = ReadBothWays(member + TarEnd() + member + TarEnd(), true);
  EXPECT_FALSE(both.error);
  EXPECT_EQ(both.members.size(), 2u);
}

TEST(MemberStream, Faults) {
  const std::string member = TarMember("a.jpg", "1");
  std::string damaged = member;
  damaged[3] = 'x';
  ExpectError("", ErrorKind::kNotTar, 0);
  ExpectError(damaged, ErrorKind::kNotTar, 0);
  ExpectError(member + damaged, ErrorKind::kChecksum, 1024);
  ExpectError(member.substr(0, 600), ErrorKind::kTruncated, 0);
  ExpectError(member + member.substr(0, 100), ErrorKind::kTruncated, 1024);
  ExpectError(member + PaxMember("16 path=pax.jpg\n"), ErrorKind::kDangling, 1024);
  ExpectError(member + PaxMember("x"), ErrorKind::kPax, 1024);
  ExpectError(PaxMember("16 path=pax.jpg\n", 'g'), ErrorKind::kPax, 0);
  ExpectError(TarBlock("p", (1 << 20) + 1, {.type = 'L'}), ErrorKind::kLimit, 0);
  ExpectError(TarBlock("p", 1 << 20, {.type = 'L'}), ErrorKind::kTruncated, 0);
  ExpectError(TarMember("s", "1", {.type = 'S'}), ErrorKind::kUnsupported, 0);
  ExpectError(TarMember("m", "1", {.type = 'M'}), ErrorKind::kUnsupported, 0);
  ExpectError(PaxMember("28 size=9223372036854775807\n") + member, ErrorKind::kTruncated, 0);
}

TEST(MemberStream, AnErrorNamesTheMember) {
  const Outcome outcome = ReadBothWays(TarBlock("cut.jpg", 5000));
  EXPECT_EQ(outcome.error.member, "cut.jpg");
  EXPECT_NE(outcome.error.what.find("5000 bytes"), std::string::npos) << outcome.error.what;
}

}  // namespace
}  // namespace mlperf::shards
