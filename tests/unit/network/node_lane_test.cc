// Goal: what a load generator sends on a lane reaches the system's thread as the queries it was,
// however the stream is cut, and what the system does with them is answered, in order; whoever
// sends nonsense or takes no answers is named, and nothing is left behind of a run that ended.
// Method: a load generator by hand at the other end of a socket pair; the test's thread is the
// system's, and in some tests another one serves the poller, too.
#include "node_lane.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lane_peer.h"
#include "platform/clock.h"

namespace mlperf::network {
namespace {

using loadgen::MonotonicClock;

constexpr LaneLimits kLimits = {8 << 20, 4 << 20, 30'000};
constexpr uint64_t kArenaBytes = 4096;

// Serves a system's poller while its own thread does something else, as a node's lane server does.
class Serving {
 public:
  explicit Serving(std::shared_ptr<HostedSystem> system)
      : system_(std::move(system)), thread_([this] {
          while (!is_over_) {
            system_->poller.Wait(-1);
            system_->work.LetWorkerGoFirst();
          }
        }) {}
  ~Serving() {
    is_over_ = true;
    system_->poller.Wake();
    thread_.join();
  }

 private:
  std::shared_ptr<HostedSystem> system_;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

class NodeLaneTest : public testing::Test {
 protected:
  NodeLaneTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    peer_ = std::make_unique<LanePeer>(transfer::Descriptor(ends[1]));
    lane_ = std::make_shared<NodeLane>(system_, transfer::Descriptor(ends[0]), SharedMemory(),
                                       kLimits, [this](LaneEnd end) { ended_ = std::move(end); });
    lane_->Open();
  }
  ~NodeLaneTest() override { lane_->Close(); }

  // Of the load generator, with a sample's bytes at 64.
  static ForeignArena SharedMemory() {
    transfer::SharedMemory memory;
    EXPECT_TRUE(transfer::SharedMemory::Make("lane test", kArenaBytes, true, &memory).ok());
    const std::string bytes = SampleBytes(0, 0, "placed").substr(sizeof(SampleRecord));
    std::memcpy(memory.data() + 64, bytes.data(), bytes.size());
    return std::make_shared<const transfer::SharedMemory>(std::move(memory));
  }
  static std::string PlacedBytes(uint64_t key, uint64_t place, uint64_t size) {
    SampleRecord record;
    record.kind = SampleKind::kPlaced;
    record.key = record.index = key;
    record.layout_bytes = 13;
    record.size = size;
    record.place = place;
    return {reinterpret_cast<const char*>(&record), sizeof(record)};
  }

  Work TakeWork() {
    std::optional<Work> work = system_->work.Take(kHangLimitMs);
    EXPECT_TRUE(work.has_value());
    return work ? *std::move(work) : Work{};
  }
  void ServeOnce() { system_->poller.Wait(kHangLimitMs); }

  void Complete(ResponseId id, const std::string& text, bool publish = true) {
    QuerySampleResponse response(id, reinterpret_cast<uintptr_t>(text.data()), text.size(), 3);
    ASSERT_TRUE(system_->served->Claim(id));
    system_->served->Complete(response, MonotonicClock().NowNs());
    if (publish) system_->served->Publish();
  }
  // Those of its queries.
  static void AddSizes(const Work& work, std::vector<size_t>* sizes) {
    size_t begin = 0;
    for (const size_t end : work.query_ends) sizes->push_back(end - std::exchange(begin, end));
  }
  std::string PayloadOf(uint64_t index) {
    const auto payload = system_->payloads.Find(index);
    if (payload == nullptr) return "none";
    const Bytes parts = payload->parts();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(parts.data()) % kAlignment, 0u);
    return std::string(payload->layout()) +
           std::string(reinterpret_cast<const char*>(parts.data()), parts.size());
  }

  std::shared_ptr<HostedSystem> system_ = std::make_shared<HostedSystem>();
  std::unique_ptr<LanePeer> peer_;
  std::shared_ptr<NodeLane> lane_;
  std::optional<LaneEnd> ended_;
};

TEST_F(NodeLaneTest, ASampleIsIssuedAndAnswered) {
  const int64_t before_ns = MonotonicClock().NowNs();
  peer_->Send(SampleBytes(70, 5, "abc"));
  const Work work = TakeWork();
  ASSERT_EQ(work.samples.size(), 1u);
  EXPECT_EQ(work.samples[0].index, 5u);
  EXPECT_EQ(PayloadOf(5), "[\"bytes\", []]abc");
  const int64_t issued_ns = MonotonicClock().NowNs();
  EXPECT_TRUE(system_->served->MarkIssued(work.samples[0].id, 1, issued_ns));
  Complete(work.samples[0].id, "answer");
  const Answer sent = peer_->Receive();
  EXPECT_EQ(sent.record.kind, AnswerKind::kSent);
  const Answer answer = peer_->Receive();
  EXPECT_EQ(answer.record.kind, AnswerKind::kCompleted);
  EXPECT_EQ(answer.record.key, 70u);
  EXPECT_EQ(answer.record.n_tokens, 3);
  EXPECT_EQ(answer.text, "answer");
  EXPECT_LE(before_ns, answer.record.received_ns);
  EXPECT_LE(answer.record.received_ns, answer.record.issued_ns);
  EXPECT_EQ(answer.record.issued_ns, issued_ns);
  EXPECT_LE(answer.record.issued_ns, answer.record.completed_ns);
  EXPECT_LE(answer.record.completed_ns, sent.record.sent_ns);
  EXPECT_EQ(PayloadOf(5), "none");
}

TEST_F(NodeLaneTest, ASampleMayLieInSharedMemory) {
  peer_->Send(PlacedBytes(7, 64, 6) + PlacedBytes(8, kArenaBytes - 24, 8));
  const Work work = TakeWork();
  EXPECT_EQ(work.samples.at(0).index, 7u);
  EXPECT_EQ(PayloadOf(7), "[\"bytes\", []]placed");
  EXPECT_EQ(system_->payloads.Find(8)->parts().size(), 8u);
}

TEST_F(NodeLaneTest, APlaceBeyondSharedMemoryIsNonsense) {
  const uint64_t beyond = uint64_t{1} << 63;
  for (const auto& [place, size] :
       std::vector<std::pair<uint64_t, uint64_t>>{{kArenaBytes - 24, 9},
                                                  {kArenaBytes, 0},
                                                  {kArenaBytes + 8, 0},
                                                  {68, 6},
                                                  {beyond, 6},
                                                  {UINT64_MAX - 7, 6},
                                                  {0, kArenaBytes - 8}}) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    LanePeer peer{transfer::Descriptor(ends[1])};
    std::optional<LaneEnd> ended;
    const auto lane =
        std::make_shared<NodeLane>(system_, transfer::Descriptor(ends[0]), SharedMemory(), kLimits,
                                   [&ended](LaneEnd end) { ended = std::move(end); });
    lane->Open();
    peer.Send(PlacedBytes(9, place, size));
    ServeOnce();
    ASSERT_TRUE(ended.has_value()) << place << " " << size;
    EXPECT_EQ(ended->text, "a place in memory that is not shared");
    EXPECT_EQ(system_->payloads.Find(9), nullptr);
    lane->Close();
  }
}

TEST_F(NodeLaneTest, QueriesStayWholeHoweverTheStreamIsCut) {
  const std::string bytes = SampleBytes(1, 10, "a", false) + SampleBytes(2, 11, "", false) +
                            SampleBytes(3, 12, "ccccccccc") + SampleBytes(4, 13, "d");
  const Serving serving(system_);
  for (const char byte : bytes) peer_->Send(std::string(1, byte));
  std::vector<size_t> sizes;
  std::string payloads;
  while (sizes.size() < 2) {
    const Work work = TakeWork();
    AddSizes(work, &sizes);
    for (const QuerySample& sample : work.samples) payloads += PayloadOf(sample.index).substr(13);
  }
  EXPECT_EQ(sizes, (std::vector<size_t>{3, 1}));
  EXPECT_EQ(payloads, "acccccccccd");
}

TEST_F(NodeLaneTest, AQueryWithoutAnEndIsDivided) {
  std::string bytes;
  for (uint64_t i = 0; i < 5000; ++i) bytes += SampleBytes(i, i, "x", i == 4999);
  std::thread sender([&] { peer_->Send(bytes); });
  std::vector<size_t> sizes;
  while (std::accumulate(sizes.begin(), sizes.end(), size_t{0}) < 5000 && !HasFailure()) {
    AddSizes(TakeWork(), &sizes);
  }
  sender.join();
  EXPECT_EQ(sizes, (std::vector<size_t>{4096, 904}));
}

TEST_F(NodeLaneTest, LargePayloadsAndAnswersArriveAsTheyAre) {
  std::string large(3 << 20, 'x');
  for (size_t i = 0; i < large.size(); i += 1000) large[i] = static_cast<char>('a' + i % 26);
  const Serving serving(system_);
  std::thread sender([&] { peer_->Send(SampleBytes(1, 1, large) + SampleBytes(2, 2, "small")); });
  Work work = TakeWork();
  sender.join();
  EXPECT_TRUE(PayloadOf(1).substr(13) == large);
  Complete(work.samples[0].id, large);
  if (work.samples.size() < 2) work.samples.push_back(TakeWork().samples.at(0));
  Complete(work.samples[1].id, "last");
  EXPECT_TRUE(peer_->ReceiveAnswer().text == large);
  EXPECT_EQ(peer_->ReceiveAnswer().text, "last");
}

TEST_F(NodeLaneTest, FlushesComeAfterTheQueriesBeforeThem) {
  peer_->Send(SampleBytes(1, 1, "") + RecordBytes(SampleKind::kFlush) + SampleBytes(2, 2, ""));
  std::vector<Work::Kind> kinds;
  while (kinds.size() < 3) kinds.push_back(TakeWork().kind);
  EXPECT_EQ(kinds, (std::vector<Work::Kind>{Work::Kind::kQueries, Work::Kind::kFlush,
                                            Work::Kind::kQueries}));
}

TEST_F(NodeLaneTest, WhatHappensIsReportedInOrder) {
  peer_->Send(SampleBytes(1, 1, "") + SampleBytes(2, 2, ""));
  const Work work = TakeWork();
  const ResponseId first = work.samples[0].id, second = work.samples[1].id;
  const std::string token = "to";
  system_->served->FirstToken(
      QuerySampleResponse(first, reinterpret_cast<uintptr_t>(token.data()), token.size()), 1);
  Complete(first, "all", false);
  EXPECT_FALSE(system_->served->Claim(first));
  EXPECT_TRUE(system_->served->Claim(second));
  system_->served->Fail(second, "no memory", 2);
  system_->served->Abort();
  std::vector<std::string> reported;
  while (reported.size() < 5) {
    const Answer answer = peer_->ReceiveAnswer();
    reported.push_back(std::to_string(static_cast<int>(answer.record.kind)) + " " +
                       std::to_string(answer.record.key) + " " + answer.text);
  }
  EXPECT_EQ(reported, (std::vector<std::string>{
                          "1 1 to", "0 1 all",
                          "3 0 completed a sample twice: complete each sample exactly once",
                          "2 2 no memory", "4 0 its system under test called AbortTest"}));
}

TEST_F(NodeLaneTest, AnAnswerBeyondWhatIsTakenFailsItsSample) {
  peer_->Send(SampleBytes(1, 1, "") + SampleBytes(2, 2, ""));
  const Work work = TakeWork();
  const std::string huge((4 << 20) + 1, 'x');
  system_->served->FirstToken(
      QuerySampleResponse(work.samples[0].id, reinterpret_cast<uintptr_t>(huge.data()),
                          huge.size()),
      1);
  Complete(work.samples[0].id, huge);
  const Answer first = peer_->ReceiveAnswer();
  EXPECT_EQ(first.record.kind, AnswerKind::kFault);
  const Answer answer = peer_->ReceiveAnswer();
  EXPECT_EQ(answer.record.kind, AnswerKind::kFailed);
  EXPECT_EQ(answer.record.key, 1u);
  EXPECT_EQ(answer.text,
            "an answer has 4194305 bytes, more than the 4194304 the load generator takes: give it "
            "a higher max_answer_bytes");
}

TEST_F(NodeLaneTest, NonsenseEndsTheLaneAndIsNamed) {
  const std::vector<std::pair<std::string, std::string>> kCases = {
      {RecordBytes(SampleKind{99}), "unknown kind 99"},
      {RecordBytes(SampleKind::kSample, uint64_t{1} << 60), "more than 8388608"},
      {RecordBytes(SampleKind::kSample, UINT64_MAX), "more than 8388608"},
      {RecordBytes(SampleKind::kFlush, 8), "without a payload"},
      {RecordBytes(SampleKind::kPlaced, 8), "memory that is not shared"},
      {RecordBytes(SampleKind::kFreed), "memory that is not shared"},
      {std::string(200, '\xff'), "unknown kind"},
  };
  for (const auto& [bytes, words] : kCases) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    LanePeer peer{transfer::Descriptor(ends[1])};
    std::optional<LaneEnd> ended;
    const auto lane =
        std::make_shared<NodeLane>(system_, transfer::Descriptor(ends[0]), nullptr, kLimits,
                                   [&ended](LaneEnd end) { ended = std::move(end); });
    lane->Open();
    peer.Send(SampleBytes(1, 1, "good") + bytes + SampleBytes(2, 2, "after it"));
    while (!ended) ServeOnce();
    EXPECT_EQ(ended->kind, LaneEnd::Kind::kNonsense);
    EXPECT_NE(ended->text.find(words), std::string::npos) << ended->text;
    EXPECT_TRUE(peer.SeesTheEnd());
    lane->Close();
  }
}

TEST_F(NodeLaneTest, WhoTakesNoAnswersIsGivenUp) {
  const size_t count = kLimits.max_unread_answers + 20'000;
  std::thread sender([&] {
    std::string bytes;
    for (size_t i = 0; i < count; ++i) bytes += SampleBytes(i, 0, "");
    peer_->Send(bytes);
  });
  size_t issued = 0;
  while (issued < count && !ended_) {
    for (const QuerySample& sample : TakeWork().samples) {
      Complete(sample.id, "");
      ++issued;
    }
  }
  ASSERT_TRUE(ended_.has_value());
  EXPECT_EQ(ended_->text, "does not take its answers and is given up");
  lane_->Close();
  sender.join();
}

TEST_F(NodeLaneTest, AnAnswerToOneThatIsGoneEndsTheLane) {
  peer_->Send(SampleBytes(1, 1, ""));
  const Work work = TakeWork();
  peer_.reset();
  Complete(work.samples[0].id, "late");
  if (!ended_) ServeOnce();
  ASSERT_TRUE(ended_.has_value());
  EXPECT_EQ(ended_->kind, LaneEnd::Kind::kBroken);
}

TEST_F(NodeLaneTest, TheEndOfSendingIsNoEndOfTheLane) {
  peer_->Send(SampleBytes(1, 1, ""));
  peer_->EndSending();
  const Work work = TakeWork();
  while (!lane_->WaitForEnd(0)) ServeOnce();
  Complete(work.samples[0].id, "late");
  EXPECT_EQ(peer_->ReceiveAnswer().text, "late");
  EXPECT_FALSE(ended_.has_value());
}

TEST_F(NodeLaneTest, NothingComesOfWhatIsClosed) {
  peer_->Send(SampleBytes(1, 1, "") + SampleBytes(2, 2, ""));
  const Work work = TakeWork();
  lane_->Close();
  Complete(work.samples[0].id, "late");
  EXPECT_TRUE(peer_->SeesTheEnd());
  EXPECT_TRUE(system_->work.IsEmpty());
}

// More than are written one by one: what is gathered is written in the end, too.
TEST_F(NodeLaneTest, AllAnswersArriveAtAHighPaceFromSeveralThreads) {
  constexpr size_t kThreads = 4, kEach = 5000;
  const Serving serving(system_);
  std::thread sender([&] {
    for (size_t i = 0; i < kThreads * kEach; ++i) peer_->Send(SampleBytes(i, i, "x"));
  });
  std::vector<ResponseId> ids;
  while (ids.size() < kThreads * kEach) {
    for (const QuerySample& sample : TakeWork().samples) ids.push_back(sample.id);
  }
  sender.join();
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kEach; ++i) Complete(ids[t * kEach + i], "ab");
    });
  }
  std::set<uint64_t> keys;
  while (keys.size() < kThreads * kEach) {
    const Answer answer = peer_->ReceiveAnswer();
    ASSERT_EQ(answer.record.kind, AnswerKind::kCompleted);
    ASSERT_EQ(answer.text, "ab");
    ASSERT_TRUE(keys.insert(answer.record.key).second);
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace mlperf::network
