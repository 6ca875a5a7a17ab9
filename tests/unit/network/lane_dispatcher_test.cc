// Goal: what is issued reaches nodes once, within their limits and in the right order, and what
// nodes answer completes it; whatever else comes is an event in words. Method: the other end of a
// pair of sockets is a node that the test plays; completions are caught by a sink of its own, as no
// test is running.
#include "lane_dispatcher.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <condition_variable>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "issue/completion_registry.h"
#include "serve/completion_sink.h"

namespace mlperf::network {
namespace {

constexpr int kHangLimitMs = 20'000;

// Keeps what is completed.
class Sink : public loadgen::CompletionSink {
 public:
  bool Claim(ResponseId) override { return true; }
  void Complete(const QuerySampleResponse& response, int64_t) override {
    Note(std::to_string(response.id) + "=" + Data(response));
  }
  void FirstToken(const QuerySampleResponse& response, int64_t) override {
    Note(std::to_string(response.id) + " begins " + Data(response));
  }
  void Fail(ResponseId, const std::string&, int64_t) override {}
  void Abort() override {}
  void Publish() override {}

  // The first `count` notes, once there are as many.
  std::vector<std::string> Wait(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool there = changed_.wait_for(lock, std::chrono::milliseconds(kHangLimitMs),
                                         [&] { return notes_.size() >= count; });
    EXPECT_TRUE(there) << notes_.size() << " of " << count;
    return notes_;
  }

 private:
  static std::string Data(const QuerySampleResponse& response) {
    return {reinterpret_cast<const char*>(response.data), response.size};
  }
  void Note(std::string note) {
    std::lock_guard<std::mutex> lock(mutex_);
    notes_.push_back(std::move(note));
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> notes_;
};

// A node's end.
class ScriptedNode {
 public:
  explicit ScriptedNode(int fd) : fd_(fd) {
    const timeval limit = {kHangLimitMs / 1000, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }

  // The next record; nullopt where the stream ends.
  std::optional<SampleRecord> Next(std::string* bytes = nullptr) {
    Received<SampleRecord> received;
    while (!reader_.Next(&received)) {
      EXPECT_EQ(reader_.fault(), "");
      const auto room = reader_.Room();
      const ssize_t size = recv(fd_.get(), room.data(), room.size(), 0);
      EXPECT_GE(size, 0) << "nothing comes";
      if (size <= 0) return std::nullopt;
      reader_.Filled(static_cast<size_t>(size));
    }
    if (bytes != nullptr) {
      bytes->assign(reinterpret_cast<const char*>(received.bytes.data()), received.bytes.size());
    }
    return received.record;
  }

  std::vector<SampleRecord> Next(size_t count) {
    std::vector<SampleRecord> records;
    for (size_t i = 0; i < count; ++i) records.push_back(Next().value_or(SampleRecord{}));
    return records;
  }

  void Say(AnswerKind kind, uint64_t key, const std::string& data = "") {
    AnswerRecord record;
    record.kind = kind;
    record.key = key;
    record.size = data.size();
    record.received_ns = 1;
    record.issued_ns = 2;
    record.completed_ns = 3;
    std::string text(sizeof(record), '\0');
    std::memcpy(text.data(), &record, sizeof(record));
    text += data;
    text.resize(Padded(text.size()));
    Send(text);
  }

  void Send(const std::string& text) {
    EXPECT_EQ(send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  bool HasNothing() {
    pollfd polled = {fd_.get(), POLLIN, 0};
    return poll(&polled, 1, 0) == 0;
  }

  void Close() { fd_.Close(); }

 private:
  transfer::Descriptor fd_;
  RecordReader<SampleRecord> reader_{1 << 20};
};

class LaneDispatcherTest : public testing::Test {
 protected:
  void SetUp() override { loadgen::SetCompletionSink(sink_); }
  void TearDown() override {
    if (dispatcher_) dispatcher_->Stop();
    loadgen::SetCompletionSink(nullptr);
  }

  void Begin(size_t nodes, DispatchLimits limits = {1024, 64 << 20},
             Balance balance = Balance::kLeastOutstanding, uint64_t most_prepared = 1 << 20) {
    dispatcher_ = std::make_unique<LaneDispatcher>(nodes, limits, balance, most_prepared);
    for (uint32_t number = 0; number < nodes; ++number) {
      nodes_.push_back(nullptr);
      Open(number);
    }
  }

  void Open(uint32_t number, uint64_t max_payload_bytes = 1000, bool sees_arena = false) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    nodes_[number] = std::make_unique<ScriptedNode>(ends[1]);
    dispatcher_->Open(number, "node" + std::to_string(number), transfer::Descriptor(ends[0]),
                      max_payload_bytes, 1 << 20, sees_arena);
  }

  void Prepare(uint64_t index, const std::string& payload) {
    dispatcher_->Prepare(index, "layout", {std::as_bytes(std::span(payload))}, payload.size());
  }

  // A query of samples with these ids, each of the index that is its id modulo 10.
  void Issue(const std::vector<uint64_t>& ids) {
    std::vector<QuerySample> samples;
    for (const uint64_t id : ids) samples.push_back({id, id % 10});
    dispatcher_->Issue(samples.data(), samples.size());
  }

  std::vector<LaneEvent> WaitForEvents() {
    pollfd polled = {dispatcher_->fd(), POLLIN, 0};
    EXPECT_EQ(poll(&polled, 1, kHangLimitMs), 1) << "no event comes";
    return dispatcher_->TakeEvents();
  }

  std::shared_ptr<Sink> sink_ = std::make_shared<Sink>();
  std::unique_ptr<LaneDispatcher> dispatcher_;
  std::vector<std::unique_ptr<ScriptedNode>> nodes_;
};

TEST_F(LaneDispatcherTest, ASampleGoesOutAndItsAnswerCompletesIt) {
  Begin(1);
  Prepare(7, "payload!");
  Issue({17});
  std::string bytes;
  const SampleRecord record = nodes_[0]->Next(&bytes).value_or(SampleRecord{});
  EXPECT_EQ(record.index, 7u);
  EXPECT_EQ(record.ends_query, 1);
  EXPECT_EQ(record.size, 8u);
  EXPECT_EQ(record.layout_bytes, 6u);
  EXPECT_EQ(bytes, std::string("layout\0\0payload!", 16));
  nodes_[0]->Say(AnswerKind::kFirstToken, record.key, "one");
  nodes_[0]->Say(AnswerKind::kCompleted, record.key, "answer");
  EXPECT_EQ(sink_->Wait(2), (std::vector<std::string>{"17 begins one", "17=answer"}));
  EXPECT_EQ(dispatcher_->AnsweredBy(0), 1u);
}

TEST_F(LaneDispatcherTest, ARowHasTheTimesInTheirOrder) {
  Begin(1);
  dispatcher_->SetClockOffset(0, -1000);
  Prepare(1, "x");
  Issue({1});
  const uint64_t key = nodes_[0]->Next()->key;
  AnswerRecord sent;
  sent.kind = AnswerKind::kSent;
  sent.sent_ns = 4;
  std::string text(sizeof(sent), '\0');
  std::memcpy(text.data(), &sent, sizeof(sent));
  nodes_[0]->Send(text);
  nodes_[0]->Say(AnswerKind::kCompleted, key);
  sink_->Wait(1);
  const std::vector<TimingRow> rows = dispatcher_->TakeRows();
  ASSERT_EQ(rows.size(), 1u);
  const TimingRow& row = rows[0];
  EXPECT_EQ(row.id, 1u);
  EXPECT_GT(row.issued_ns, 0);
  EXPECT_LE(row.issued_ns, row.taken_ns);
  EXPECT_LE(row.taken_ns, row.sent_ns);
  EXPECT_LE(row.sent_ns, row.received_ns);
  EXPECT_LE(row.received_ns, row.completed_ns);
  EXPECT_EQ(row.node_received_ns, 1001);
  EXPECT_EQ(row.node_issued_ns, 1002);
  EXPECT_EQ(row.node_completed_ns, 1003);
  EXPECT_EQ(row.node_sent_ns, 1004);
  EXPECT_TRUE(dispatcher_->TakeRows().empty());
}

TEST_F(LaneDispatcherTest, SamplesWaitForTheirPayloads) {
  Begin(1);
  Issue({1, 2});
  Issue({11});
  EXPECT_TRUE(WaitForEvents().empty());
  EXPECT_EQ(dispatcher_->Wanted(8), (std::vector<uint64_t>{1, 2}));
  Prepare(1, "one");
  dispatcher_->Dispatch();
  EXPECT_TRUE(nodes_[0]->HasNothing());  // Its query stays whole.
  EXPECT_EQ(dispatcher_->Wanted(8), (std::vector<uint64_t>{2}));
  Prepare(2, "two");
  dispatcher_->Dispatch();
  const std::vector<SampleRecord> records = nodes_[0]->Next(3);
  EXPECT_EQ(records[0].ends_query, 0);
  EXPECT_EQ(records[1].ends_query, 1);
  EXPECT_EQ(records[2].ends_query, 1);
  EXPECT_EQ(records[2].index, 1u);
  EXPECT_TRUE(dispatcher_->Wanted(8).empty());
}

TEST_F(LaneDispatcherTest, APayloadBeyondTheBoundIsWantedEachTime) {
  Begin(1, {1024, 64 << 20}, Balance::kLeastOutstanding, 0);
  Prepare(1, "one");
  Issue({1});
  nodes_[0]->Next(1);
  Issue({11});
  EXPECT_EQ(dispatcher_->Wanted(8), (std::vector<uint64_t>{1}));
}

TEST_F(LaneDispatcherTest, PayloadsOfLoadedSamplesStayAtAFlushUntilTheyAreUnloaded) {
  Begin(1);
  dispatcher_->KeepPayloads();
  Prepare(1, "one");
  dispatcher_->Flush();
  EXPECT_EQ(nodes_[0]->Next()->kind, SampleKind::kFlush);
  Issue({1});
  EXPECT_EQ(nodes_[0]->Next()->index, 1u);
  dispatcher_->ForgetPayloads();
  Issue({11});
  EXPECT_EQ(dispatcher_->Wanted(8), (std::vector<uint64_t>{1}));
}

TEST_F(LaneDispatcherTest, AFlushComesAfterTheQueriesBeforeItAndForgetsPayloads) {
  Begin(2);
  Prepare(1, "one");
  Issue({1});
  Issue({2});
  dispatcher_->Flush();
  EXPECT_EQ(nodes_[0]->Next()->index, 1u);
  EXPECT_TRUE(nodes_[0]->HasNothing() && nodes_[1]->HasNothing());
  Prepare(2, "two");
  dispatcher_->Dispatch();
  EXPECT_EQ(nodes_[1]->Next()->index, 2u);
  EXPECT_EQ(nodes_[0]->Next()->kind, SampleKind::kFlush);
  EXPECT_EQ(nodes_[1]->Next()->kind, SampleKind::kFlush);
  Issue({1});
  EXPECT_EQ(dispatcher_->Wanted(8), (std::vector<uint64_t>{1}));
}

TEST_F(LaneDispatcherTest, NoMoreIsOutstandingThanMayBe) {
  Begin(1, {2, 64 << 20});
  for (uint64_t index = 1; index < 4; ++index) Prepare(index, "x");
  for (uint64_t id = 1; id < 4; ++id) Issue({id});
  const std::vector<SampleRecord> records = nodes_[0]->Next(2);
  EXPECT_TRUE(nodes_[0]->HasNothing());
  nodes_[0]->Say(AnswerKind::kCompleted, records[0].key);
  EXPECT_EQ(nodes_[0]->Next()->index, 3u);
}

TEST_F(LaneDispatcherTest, NoMoreBytesAreOutstandingThanMayBe) {
  Begin(1, {1024, 10});
  Prepare(1, "eight or");
  for (const uint64_t id : std::vector<uint64_t>{1, 11, 21}) Issue({id});
  const std::vector<SampleRecord> records = nodes_[0]->Next(2);
  EXPECT_TRUE(nodes_[0]->HasNothing());
  nodes_[0]->Say(AnswerKind::kFailed, records[0].key, "no");
  EXPECT_EQ(nodes_[0]->Next()->index, 1u);
}

TEST_F(LaneDispatcherTest, TheNodeWithTheFewestSamplesIsNext) {
  Begin(3);
  Prepare(1, "x");
  for (const auto& ids : std::vector<std::vector<uint64_t>>{{1, 11}, {21}, {31}, {41, 51}}) {
    Issue(ids);
  }
  EXPECT_EQ(nodes_[0]->Next(2)[1].ends_query, 1);
  EXPECT_EQ(nodes_[1]->Next(3)[2].ends_query, 1);
  EXPECT_EQ(nodes_[2]->Next(1).size(), 1u);
}

TEST_F(LaneDispatcherTest, RoundRobinTakesOneAfterTheOther) {
  Begin(3, {1024, 64 << 20}, Balance::kRoundRobin);
  Prepare(1, "x");
  for (const auto& ids : std::vector<std::vector<uint64_t>>{{1, 11}, {21}, {31}, {41, 51}}) {
    Issue(ids);
  }
  EXPECT_EQ(nodes_[1]->Next(4)[3].ends_query, 1);
  EXPECT_EQ(nodes_[2]->Next(1).size(), 1u);
  EXPECT_EQ(nodes_[0]->Next(1).size(), 1u);
}

TEST_F(LaneDispatcherTest, WhatCannotBeSentIsRefusedAndTheRestOfItsQueryGoes) {
  Begin(1);
  Prepare(1, "small");
  Prepare(2, std::string(1001, 'x'));
  dispatcher_->Refuse(3, "an array of dtype object cannot be sent");
  Issue({1, 2, 3});
  const SampleRecord record = nodes_[0]->Next().value_or(SampleRecord{});
  EXPECT_EQ(record.index, 1u);
  EXPECT_EQ(record.ends_query, 1);
  const std::vector<LaneEvent> events = WaitForEvents();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, LaneEventKind::kRefused);
  EXPECT_EQ(events[0].ids, std::vector<uint64_t>{2});
  EXPECT_EQ(events[0].text,
            "node0: sample 2 has 1001 bytes, more than the 1000 the node takes: serve with a "
            "higher max_payload_bytes");
  EXPECT_EQ(events[1].text, "node0: an array of dtype object cannot be sent");
}

TEST_F(LaneDispatcherTest, WhatIsRareIsAnEvent) {
  Begin(1);
  Prepare(1, "x");
  Issue({1});
  const uint64_t key = nodes_[0]->Next()->key;
  const std::vector<std::pair<std::function<void()>, LaneEventKind>> cases = {
      {[&] { nodes_[0]->Say(AnswerKind::kCompleted, key + 1); }, LaneEventKind::kUnknown},
      {[&] { nodes_[0]->Say(AnswerKind::kFault, 0, "a fault"); }, LaneEventKind::kFault},
      {[&] { nodes_[0]->Say(AnswerKind::kFailed, key, "a reason"); }, LaneEventKind::kFailed},
      {[&] { nodes_[0]->Say(AnswerKind::kFailed, key, "again"); }, LaneEventKind::kUnknown},
      {[&] { nodes_[0]->Say(AnswerKind::kAborted, 0, "aborted"); }, LaneEventKind::kAborted},
      {[&] { nodes_[0]->Send(std::string(64, '\x7f')); }, LaneEventKind::kBroken},
  };
  for (const auto& [say, kind] : cases) {
    say();
    const std::vector<LaneEvent> events = WaitForEvents();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].kind, kind);
    if (kind == LaneEventKind::kFailed) {
      EXPECT_EQ(events[0].ids, std::vector<uint64_t>{1});
    }
  }
}

TEST_F(LaneDispatcherTest, ANodeThatIsGoneIsAnEventAndItsSamplesAreGivenBack) {
  Begin(2);
  Prepare(1, "x");
  Issue({1});
  nodes_[0]->Next(1);
  nodes_[0]->Close();
  const std::vector<LaneEvent> events = WaitForEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, LaneEventKind::kBroken);
  EXPECT_EQ(events[0].text, "the connection was closed");
  EXPECT_EQ(dispatcher_->Lose(0), std::vector<uint64_t>{1});
  Issue({11});
  Issue({21});
  nodes_[1]->Next(2);
}

TEST_F(LaneDispatcherTest, WithoutANodeSamplesAreRefusedUntilOneIsBack) {
  Begin(1);
  Prepare(1, "x");
  dispatcher_->Lose(0);
  Issue({1});
  const std::vector<LaneEvent> events = WaitForEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].text, "no node is left to send it to");
  EXPECT_EQ(events[0].ids, std::vector<uint64_t>{1});
  Open(0);
  Issue({11});
  EXPECT_EQ(nodes_[0]->Next()->index, 1u);
}

TEST_F(LaneDispatcherTest, NothingIsCompletedAfterTheEnd) {
  Begin(1);
  Prepare(1, "x");
  Issue({1});
  Issue({11});
  const std::vector<SampleRecord> records = nodes_[0]->Next(2);
  nodes_[0]->Say(AnswerKind::kCompleted, records[0].key);
  sink_->Wait(1);
  dispatcher_->Finish();
  EXPECT_FALSE(nodes_[0]->Next().has_value());
  nodes_[0]->Say(AnswerKind::kCompleted, records[1].key);
  dispatcher_->Stop();
  EXPECT_EQ(sink_->Wait(1).size(), 1u);
}

TEST_F(LaneDispatcherTest, ManyThreadsIssueAndAllIsAnsweredOnce) {
  constexpr size_t kThreads = 4, kQueries = 5000;
  Begin(2, {64, 64 << 20});
  for (uint64_t index = 0; index < 10; ++index) Prepare(index, std::string(900, 'x'));
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (size_t i = 0; i < kQueries; ++i) Issue({1 + thread * kQueries + i});
    });
  }
  for (uint32_t number = 0; number < 2; ++number) {
    threads.emplace_back([&, number] {
      while (const auto record = nodes_[number]->Next()) {
        if (record->kind == SampleKind::kFlush) return;
        nodes_[number]->Say(AnswerKind::kCompleted, record->key, "done");
      }
    });
  }
  for (size_t thread = 0; thread < kThreads; ++thread) threads[thread].join();
  sink_->Wait(kThreads * kQueries);
  dispatcher_->Flush();
  for (size_t number = 0; number < 2; ++number) threads[kThreads + number].join();
  EXPECT_EQ(dispatcher_->AnsweredBy(0) + dispatcher_->AnsweredBy(1), kThreads * kQueries);
  EXPECT_GT(dispatcher_->AnsweredBy(0), 0u);
  EXPECT_GT(dispatcher_->AnsweredBy(1), 0u);
}

TEST_F(LaneDispatcherTest, LargePayloadsComeThroughASocketThatIsFull) {
  Begin(1, {1024, 64 << 20}, Balance::kLeastOutstanding, 64 << 20);
  dispatcher_->Lose(0);
  Open(0, 1 << 20);
  for (uint64_t index = 0; index < 10; ++index) {
    Prepare(index, std::string(1 << 20, static_cast<char>('a' + index)));
  }
  for (uint64_t id = 1; id <= 30; ++id) Issue({id});
  for (uint64_t id = 1; id <= 30; ++id) {
    std::string bytes;
    ASSERT_TRUE(nodes_[0]->Next(&bytes).has_value());
    EXPECT_TRUE(bytes == std::string("layout\0\0", 8) +
                             std::string(1 << 20, static_cast<char>('a' + id % 10)));
  }
}

TEST_F(LaneDispatcherTest, LargePayloadsLieWhereTheNodeReadsThem) {
  Begin(2, {1024, 64 << 20}, Balance::kRoundRobin, 4 << 20);
  const std::shared_ptr<Arena> arena = dispatcher_->arena(true);
  ASSERT_NE(arena, nullptr);
  dispatcher_->Lose(0);
  dispatcher_->Lose(1);
  Open(0, 1 << 20);
  Open(1, 1 << 20, true);
  const std::string payload(1 << 20, 'p');
  Prepare(1, payload);
  Prepare(2, "small");
  for (const uint64_t id : std::vector<uint64_t>{1, 11, 2, 2}) Issue({id});
  const SampleRecord placed = nodes_[1]->Next().value_or(SampleRecord{});
  EXPECT_EQ(placed.kind, SampleKind::kPlaced);
  const std::string_view there(arena->memory().data() + placed.place,
                               Padded(placed.layout_bytes) + placed.size);
  EXPECT_TRUE(there == std::string("layout\0\0", 8) + payload);
  EXPECT_EQ(nodes_[1]->Next()->kind, SampleKind::kSample);  // A small one is sent,
  std::string bytes;
  EXPECT_EQ(nodes_[0]->Next(&bytes)->kind, SampleKind::kSample);
  EXPECT_TRUE(bytes == there);  // and all to a node that does not see the memory.
  dispatcher_->Flush();         // It forgets payloads, but not those that a node may be reading.
  EXPECT_GT(arena->Take(1)->place(), 0u);
}

}  // namespace
}  // namespace mlperf::network
