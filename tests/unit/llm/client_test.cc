// Goal: a client hands over an answer or a failure for each request, once, whatever servers do to
// its connections. Method: servers that follow scripts, and a sink that keeps what it is given.
#include "client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "helpers/scripted_server.h"

namespace mlperf::llm {
namespace {

using loadgen::ScriptedServer;
using loadgen::ServedConnection;

const std::string kStream =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string kToken = "22\r\ndata: {\"choices\":[{\"text\":\"a\"}]}\n\n\r\n";
const std::string kDone = "e\r\ndata: [DONE]\n\n\r\n";
const std::string kEnd = "0\r\n\r\n";
const std::string kAnswer = kStream + kToken + kToken + kDone + kEnd;
const std::string kRefusal = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 9\r\n\r\nslow down";

void AnswerAll(ServedConnection* connection) {
  while (!connection->ReadRequest().empty()) connection->Send(kAnswer);
}

class KeepingSink : public AnswerSink {
 public:
  bool WantsText() override {
    const int64_t begin_ns = SystemClockPair().MonotonicNs();
    while (SystemClockPair().MonotonicNs() - begin_ns < begin_takes_ns) std::this_thread::yield();
    return wants_text;
  }
  void Complete(uint64_t id, int64_t sent_ns, const Answer& answer, bool cancelled) override {
    const std::lock_guard lock(mutex_);
    answers[id] = answer;
    sent[id] = sent_ns;
    cancelled_count += cancelled;
    Note(id);
  }
  void Fail(uint64_t id, const std::string& reason) override {
    const std::lock_guard lock(mutex_);
    failures[id] = reason;
    Note(id);
  }
  void WaitFor(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return seen_ >= count; });
    EXPECT_FALSE(is_double_);
  }

  std::atomic<bool> wants_text = false;
  int64_t begin_takes_ns = 0;  // The least time that the begin of each request takes.
  std::map<uint64_t, Answer> answers;
  std::map<uint64_t, int64_t> sent;
  std::map<uint64_t, std::string> failures;
  int cancelled_count = 0;

 private:
  void Note(uint64_t id) {
    ++seen_;
    is_double_ |=
        answers.count(id) + failures.count(id) != 1 || answers.size() + failures.size() != seen_;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  size_t seen_ = 0;
  bool is_double_ = false;
};

Server At(uint16_t port) {
  Server server;
  server.host = "127.0.0.1";
  server.port = port;
  server.shown = "the server";
  return server;
}

// A port that nobody listens on.
uint16_t FreePort() {
  return ScriptedServer([](ServedConnection*) {}).port();
}

class ClientTest : public testing::Test {
 protected:
  // Opens a client of the servers at these ports.
  void Open(std::vector<uint16_t> ports, ClientOptions options = {}) {
    for (const uint16_t port : ports) options.servers.push_back(At(port));
    if (options.max_outstanding == 1) options.max_outstanding = 64;
    client_ = std::make_unique<Client>(options);
    client_->SetSink(&sink_);
    client_->Open();
    client_->prepared().Put(0, std::vector<std::string>(ports.size(), "GET / HTTP/1.1\r\n\r\n"));
  }

  void Issue(uint64_t id, uint64_t index = 0) {
    const Request request{id, index, SystemClockPair().MonotonicNs()};
    client_->Issue(&request, 1);
  }
  void Ask(uint64_t id) {
    Issue(id);
    sink_.WaitFor(++asked_);
  }

  KeepingSink sink_;
  std::unique_ptr<Client> client_;
  size_t asked_ = 0;
};

TEST_F(ClientTest, AnswersComeOverOneConnection) {
  ScriptedServer server(AnswerAll);
  Open({server.port()});
  for (uint64_t id = 1; id <= 20; ++id) Ask(id);
  ASSERT_EQ(sink_.answers.size(), 20u);
  const ClientCounts counts = client_->Counts();
  EXPECT_EQ(counts.opened, 1u);
  EXPECT_EQ(counts.reused, 19u);
  EXPECT_EQ(counts.statuses.at(200), 20u);
  EXPECT_EQ(counts.events, 60u);
  EXPECT_EQ(counts.most_outstanding, 1u);
  const std::vector<RequestRow> rows = client_->TakeRows();
  ASSERT_EQ(rows.size(), 20u);
  for (const RequestRow& row : rows) {
    EXPECT_LE(row.issued_ns, row.connected_ns);
    EXPECT_LE(row.connected_ns, row.sent_ns);
    EXPECT_EQ(row.sent_ns, sink_.sent[row.id]);
    EXPECT_LE(row.sent_ns, row.first_byte_ns);
    EXPECT_LE(row.first_byte_ns, row.first_token_ns);
    EXPECT_LE(row.last_token_ns, row.completed_ns);
    EXPECT_EQ(row.tokens, 2);
  }
}

TEST_F(ClientTest, TheKernelStampsReads) {
  ScriptedServer server(AnswerAll);
  Open({server.port()});
  Ask(1);
  const ClientCounts counts = client_->Counts();
  EXPECT_EQ(counts.reads_by_kernel, counts.reads);
  EXPECT_EQ(counts.lags.count(), counts.reads);
}

TEST_F(ClientTest, TextIsHandedOverWhereItIsWanted) {
  ScriptedServer server(AnswerAll);
  Open({server.port()});
  Ask(1);
  sink_.wants_text = true;
  Ask(2);
  EXPECT_EQ(sink_.answers[1].text.content, "");
  EXPECT_EQ(sink_.answers[2].text.content, "aa");
}

TEST_F(ClientTest, AReusedConnectionThatIsDeadIsNoFailure) {
  ScriptedServer server([](ServedConnection* connection) {
    if (connection->number() > 0) return AnswerAll(connection);
    connection->ReadRequest();
    connection->Send(kAnswer);
    connection->ReadRequest();  // And it hangs up.
  });
  Open({server.port()});
  Ask(1);
  Ask(2);
  EXPECT_EQ(sink_.answers.size(), 2u);
  EXPECT_EQ(client_->Counts().repeated, 1u);
}

TEST_F(ClientTest, ARequestIsRepeatedOnceOnly) {
  ScriptedServer server([](ServedConnection* connection) {
    connection->ReadRequest();
    if (connection->number() == 0) connection->Send(kAnswer);
    if (connection->number() == 0) connection->ReadRequest();
  });
  Open({server.port()});
  Ask(1);
  Ask(2);
  EXPECT_EQ(sink_.failures[2], "the connection was closed before an answer");
  EXPECT_EQ(client_->Counts().repeated, 1u);
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(ClientTest, AnswersThatAreCutAreNotRepeated) {
  ScriptedServer server([](ServedConnection* connection) {
    connection->ReadRequest();
    connection->Send(kAnswer);
    connection->ReadRequest();
    connection->Send(kStream + kToken);
  });
  Open({server.port()});
  Ask(1);
  Ask(2);
  EXPECT_EQ(sink_.failures[2], "cut before finish_reason or [DONE]");
  EXPECT_EQ(client_->Counts().repeated, 0u);
}

TEST_F(ClientTest, RefusalsAreCountedAndShownOnce) {
  ScriptedServer server([](ServedConnection* connection) {
    while (!connection->ReadRequest().empty()) connection->Send(kRefusal);
  });
  Open({server.port()});
  for (uint64_t id = 1; id <= 3; ++id) Ask(id);
  EXPECT_EQ(sink_.failures[3], "HTTP 429: Too Many Requests");
  const ClientCounts counts = client_->Counts();
  EXPECT_EQ(counts.failures.at("HTTP 429: Too Many Requests"), 3u);
  EXPECT_EQ(counts.statuses.at(429), 3u);
  EXPECT_EQ(counts.opened, 1u);
  const std::vector<ClientEvent> events = client_->TakeEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, ClientEvent::Kind::kRefused);
  EXPECT_EQ(events[0].text, "HTTP 429 Too Many Requests: slow down");
}

TEST_F(ClientTest, RequestsWaitForRoom) {
  std::atomic<int> open{0}, most{0};
  ScriptedServer server([&](ServedConnection* connection) {
    while (!connection->ReadRequest().empty()) {
      const int now = ++open;
      int seen = most;
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      std::this_thread::yield();
      --open;
      connection->Send(kAnswer);
    }
  });
  ClientOptions options;
  options.max_outstanding = 3;
  Open({server.port()}, options);
  for (uint64_t id = 1; id <= 200; ++id) Issue(id);
  sink_.WaitFor(200);
  EXPECT_EQ(sink_.answers.size(), 200u);
  EXPECT_LE(most, 3);
  EXPECT_EQ(client_->Counts().most_outstanding, 3u);
}

TEST_F(ClientTest, ARequestWithoutAnAnswerTimesOut) {
  ScriptedServer server([](ServedConnection* connection) {
    connection->ReadRequest();
    connection->Send(kStream + kToken);
    connection->WaitForEnd();
  });
  ClientOptions options;
  options.request_timeout_ns = 50'000'000;
  Open({server.port()}, options);
  Ask(1);
  EXPECT_EQ(sink_.failures[1], "no whole answer within 0.05 s");
}

TEST_F(ClientTest, CancelledStreamsAreNoFailures) {
  ScriptedServer server([](ServedConnection* connection) {
    const bool is_second = connection->number() == 1;
    connection->ReadRequest();
    connection->Send(is_second ? kStream + kToken + kToken : kAnswer);
    connection->WaitForEnd();
  });
  ClientOptions options;
  options.cancel_after_ns = 20'000'000;
  options.cancel_share = 0.5;
  Open({server.port()}, options);
  Issue(1);
  Issue(2);
  sink_.WaitFor(2);
  EXPECT_TRUE(sink_.failures.empty());
  EXPECT_EQ(sink_.cancelled_count, 1);
  EXPECT_EQ(sink_.answers[2].n_tokens, 2);
  EXPECT_EQ(client_->Counts().cancelled, 1u);
}

TEST_F(ClientTest, RequestsThatTimeOutMakeRoomForThoseThatWait) {
  ScriptedServer server([](ServedConnection* connection) {
    if (connection->number() >= 2) return AnswerAll(connection);
    connection->WaitForEnd();
  });
  ClientOptions options;
  options.max_outstanding = 2;
  options.request_timeout_ns = 500'000'000;
  Open({server.port()}, options);
  const Request requests[] = {{1, 0, 1}, {2, 0, 1}, {3, 0, 1}, {4, 0, 1}};
  client_->Issue(requests, 4);
  sink_.WaitFor(4);
  EXPECT_EQ(sink_.failures.size(), 2u);
  EXPECT_EQ(sink_.answers.size(), 2u);
}

TEST_F(ClientTest, RequestsThatBeginAfterOthersAreCancelledAndDoNotFail) {
  ScriptedServer server([](ServedConnection* connection) { connection->WaitForEnd(); });
  ClientOptions options;
  options.warm_connections = 2;
  options.cancel_after_ns = 50'000'000;
  options.cancel_share = 1;
  sink_.begin_takes_ns = 20'000'000;
  Open({server.port()}, options);
  const Request requests[] = {{1, 0, 1}, {2, 0, 1}};
  client_->Issue(requests, 2);
  sink_.WaitFor(2);
  EXPECT_TRUE(sink_.failures.empty());
  EXPECT_EQ(client_->Counts().cancelled, 2u);
}

TEST_F(ClientTest, AServerThatLingersIsLeft) {
  std::promise<void> left;
  ScriptedServer server([&](ServedConnection* connection) {
    connection->ReadRequest();
    connection->Send(kStream + kToken + kDone);
    connection->WaitForEnd();
    left.set_value();
  });
  Open({server.port()});
  Ask(1);
  EXPECT_EQ(sink_.answers.size(), 1u);
  left.get_future().wait();
}

TEST_F(ClientTest, ABodyThatEndsLaterFreesTheConnection) {
  std::promise<void> handed_over;
  ScriptedServer server([&](ServedConnection* connection) {
    if (connection->number() > 0) return AnswerAll(connection);
    connection->ReadRequest();
    connection->Send(kStream + kToken + kDone);
    handed_over.get_future().wait();
    connection->Send(kEnd);
    AnswerAll(connection);
  });
  Open({server.port()});
  Ask(1);
  handed_over.set_value();
  // Whether the end comes before the next request is a race, which both ways end well.
  Ask(2);
  EXPECT_EQ(sink_.answers.size(), 2u);
}

TEST_F(ClientTest, NobodyListens) {
  Open({FreePort()});
  Ask(1);
  EXPECT_EQ(sink_.failures[1], "cannot connect: Connection refused");
  Ask(2);
  const std::vector<ClientEvent> events = client_->TakeEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, ClientEvent::Kind::kLost);
}

TEST_F(ClientTest, AnotherServerTakesWhatALostOneCannot) {
  ScriptedServer server(AnswerAll);
  Open({FreePort(), server.port()});
  for (uint64_t id = 1; id <= 10; ++id) Ask(id);
  EXPECT_EQ(sink_.answers.size(), 10u);
}

TEST_F(ClientTest, ALostServerIsTriedAgainWhileTheOtherIsFullAndSilent) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const Descriptor returning(socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(bind(returning.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(getsockname(returning.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  ScriptedServer silent([](ServedConnection* connection) { connection->WaitForEnd(); });
  ClientOptions options;
  options.max_outstanding = 2;
  Open({ntohs(address.sin_port), silent.port()}, options);
  for (uint64_t id = 1; id <= 4; ++id) Issue(id);
  while (client_->TakeEvents().empty()) std::this_thread::yield();
  ASSERT_EQ(listen(returning.get(), 8), 0);
  // No byte comes from anywhere: two wait for the silent server, and the others for this one.
  pollfd connected{returning.get(), POLLIN, 0};
  EXPECT_EQ(poll(&connected, 1, 20'000), 1);
}

TEST_F(ClientTest, ServersTakeTurns) {
  ScriptedServer first(AnswerAll), second(AnswerAll);
  ClientOptions options;
  options.round_robin = true;
  Open({first.port(), second.port()}, options);
  for (uint64_t id = 1; id <= 10; ++id) Ask(id);
  const std::vector<RequestRow> rows = client_->TakeRows();
  EXPECT_EQ(std::ranges::count(rows, 1u, &RequestRow::server), 5);
}

TEST_F(ClientTest, ConnectionsAreOpenedBefore) {
  ScriptedServer server(AnswerAll);
  ClientOptions options;
  options.warm_connections = 5;
  Open({server.port()}, options);
  EXPECT_EQ(client_->Counts().opened, 5u);
  Ask(1);
  EXPECT_EQ(client_->Counts().opened, 5u);
}

TEST_F(ClientTest, OpeningNamesTheServerThatIsNotThere) {
  ClientOptions options;
  options.warm_connections = 2;
  try {
    Open({FreePort()}, options);
    ADD_FAILURE() << "it was opened";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "the server: cannot connect: Connection refused");
  }
}

TEST_F(ClientTest, ASampleThatIsNotLoadedFails) {
  ScriptedServer server(AnswerAll);
  Open({server.port()});
  Issue(1, 7);
  sink_.WaitFor(1);
  EXPECT_EQ(sink_.failures[1], "the sample is not loaded");
}

TEST_F(ClientTest, LargeRequestsAreSentWhole) {
  constexpr size_t kSize = 20 << 20;
  ScriptedServer server([](ServedConnection* connection) {
    if (connection->ReadBytes(kSize) == kSize) connection->Send(kAnswer);
    connection->WaitForEnd();
  });
  Open({server.port()});
  client_->prepared().Put(1, {std::string(kSize, 'x')});
  Issue(1, 1);
  sink_.WaitFor(1);
  EXPECT_EQ(sink_.answers.size(), 1u);
}

TEST_F(ClientTest, AConnectionIsNotUsedAgainBeforeItsRequestIsSent) {
  constexpr size_t kSize = 20 << 20;
  std::promise<void> handed_over;
  ScriptedServer server([&](ServedConnection* connection) {
    connection->ReadRequest();
    connection->Send(connection->number() == 0 ? kRefusal : kAnswer);
    if (connection->number() == 0) handed_over.get_future().wait();
  });
  Open({server.port()});
  client_->prepared().Put(1, {"GET / HTTP/1.1\r\n\r\n" + std::string(kSize, 'x')});
  Issue(1, 1);
  sink_.WaitFor(++asked_);
  Issue(2);
  handed_over.set_value();
  sink_.WaitFor(++asked_);
  EXPECT_EQ(sink_.failures[1], "HTTP 429: Too Many Requests");
  EXPECT_EQ(sink_.answers.size(), 1u);
  EXPECT_EQ(client_->Counts().reused, 0u);
}

TEST_F(ClientTest, NothingIsHandedOverAfterTheEnd) {
  std::promise<void> asked, ceased;
  ScriptedServer server([&](ServedConnection* connection) {
    connection->ReadRequest();
    asked.set_value();
    ceased.get_future().wait();
    connection->Send(kAnswer);
    connection->WaitForEnd();
  });
  Open({server.port()});
  Issue(1);
  asked.get_future().wait();
  client_->Cease();
  ceased.set_value();
  Issue(2);
  client_->Stop();
  EXPECT_TRUE(sink_.answers.empty());
  EXPECT_TRUE(sink_.failures.empty());
}

TEST_F(ClientTest, ManyRequestsOfManyThreads) {
  ScriptedServer server([](ServedConnection* connection) {
    for (int count = 0; !connection->ReadRequest().empty(); ++count) {
      if (count % 7 == 6) return;  // The connection dies now and then.
      connection->Send(count % 5 == 4 ? kRefusal : kAnswer);
    }
  });
  ClientOptions options;
  options.threads = 2;
  options.max_outstanding = 16;
  Open({server.port()}, options);
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 3; ++thread) {
    threads.emplace_back([this, thread] {
      for (uint64_t id = 1; id <= 200; ++id) Issue(thread * 1000 + id);
    });
  }
  for (std::thread& thread : threads) thread.join();
  sink_.WaitFor(600);
  const ClientCounts counts = client_->Counts();
  EXPECT_EQ(client_->TakeRows().size(), 600u);
  EXPECT_EQ(sink_.answers.size(), counts.statuses.at(200));
  EXPECT_LE(counts.most_outstanding, 16u);
}

TEST(WorkerTest, AnAddressThatThereIsNoWayToIsPassedOver) {
  ScriptedServer server(AnswerAll);
  std::string fault;
  FleetServer to;
  // TCP cannot connect to a group, which is known at once.
  to.addresses = Resolve("224.0.0.1", server.port(), &fault);
  to.addresses.push_back(Resolve("127.0.0.1", server.port(), &fault).at(0));
  PreparedRequests prepared;
  prepared.Put(0, {"GET / HTTP/1.1\r\n\r\n"});
  KeepingSink sink;
  Worker worker({}, ServerFleet({to}, 1, false), &prepared, [] {});
  worker.SetSink(&sink);
  const Request request{1, 0, SystemClockPair().MonotonicNs()};
  worker.Push(&request, 1);
  sink.WaitFor(1);
  EXPECT_EQ(sink.answers.size(), 1u);
}

}  // namespace
}  // namespace mlperf::llm
