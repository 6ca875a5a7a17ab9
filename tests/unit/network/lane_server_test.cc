// Goal: a lane is opened by who proves the secret of the run, once, and by no other, whatever else
// connects; it ends with its run.
// Method: connections made by hand to a server in this process, over TCP and a Unix name.
#include "lane_server.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "deadline.h"
#include "handshake.h"
#include "lane_peer.h"
#include "shared_memory.h"
#include "stream_socket.h"

namespace mlperf::network {
namespace {

const std::string kSecret(64, 's');
constexpr uint64_t kArenaBytes = 4096;
constexpr LaneLimits kLimits = {1 << 20, 1 << 20, 1000};

int64_t Soon() { return transfer::DeadlineAfter(20.0); }

class LaneServerTest : public testing::TestWithParam<const char*> {
 protected:
  LaneServerTest() {
    const std::string address = std::string(GetParam()) == "tcp"
                                    ? "tcp://127.0.0.1:0"
                                    : "unix://@mlperf-lane-test-" + std::to_string(getpid()) + "-" +
                                          std::to_string(++tests);
    EXPECT_TRUE(server_.Listen(address, &address_).ok());
  }

  transfer::Descriptor Connect() {
    transfer::Descriptor socket;
    EXPECT_TRUE(transfer::Connect(address_, Soon(), &socket).ok());
    return socket;
  }

  // A connection on which the secret was proved; `ok`: whether the server agreed.
  // `shared`: what this end shares over a Unix socket.
  transfer::Descriptor Prove(const std::string& secret, bool* ok,
                             const transfer::Descriptor* shared = nullptr) {
    transfer::Descriptor socket = Connect();
    *ok = transfer::ProveSecret(socket, transfer::Role::kConnecting, secret, kLaneContext, Soon())
              .ok();
    if (*ok && address_.starts_with("unix://")) {
      std::array<uint64_t, 2> arena = {shared != nullptr ? kArenaBytes : 0, 0};
      const std::string_view preface(reinterpret_cast<const char*>(arena.data()), sizeof(arena));
      EXPECT_TRUE(transfer::SendAll(socket, preface, Soon()).ok());
      if (shared != nullptr) {
        EXPECT_TRUE(transfer::SendDescriptor(socket, *shared, Soon()).ok());
      }
      *ok = transfer::ReceiveAll(socket, arena.data(), sizeof(arena), Soon()).ok();
      EXPECT_TRUE(!*ok || arena[0] == 0);
    }
    return socket;
  }

  // The lane's other end.
  LanePeer OpenLane() {
    bool ok = false;
    LanePeer peer(Prove(kSecret, &ok));
    EXPECT_TRUE(ok);
    return peer;
  }

  static inline int tests = 0;
  std::shared_ptr<HostedSystem> system_ = std::make_shared<HostedSystem>();
  LaneServer server_{system_};
  std::string address_;
};

TEST_P(LaneServerTest, WhoKnowsTheSecretHasTheLaneUntilTheEndOfTheRun) {
  server_.BeginRun(kSecret, kLimits);
  LanePeer peer = OpenLane();
  peer.Send(SampleBytes(1, 5, "abc"));
  const std::optional<Work> work = system_->work.Take(kHangLimitMs);
  ASSERT_TRUE(work.has_value());
  EXPECT_EQ(work->samples.at(0).index, 5u);
  EXPECT_GT(server_.last_received_ns(), 0);
  QuerySampleResponse response(work->samples[0].id, 0, 0);
  EXPECT_TRUE(system_->served->Claim(response.id));
  system_->served->Complete(response, 1);
  system_->served->Publish();
  EXPECT_EQ(peer.ReceiveAnswer().record.key, 1u);
  peer.EndSending();
  EXPECT_TRUE(server_.WaitForEnd(kHangLimitMs));
  server_.EndRun();
  EXPECT_TRUE(peer.SeesTheEnd());
  EXPECT_EQ(server_.last_received_ns(), 0);
  EXPECT_FALSE(server_.TakeEnd().has_value());
}

TEST_P(LaneServerTest, OnlyMemoryThatCannotShrinkIsShared) {
  if (address_.starts_with("tcp://")) GTEST_SKIP() << "there is none over TCP";
  server_.BeginRun(kSecret, kLimits);
  bool ok = true;
  const transfer::Descriptor unsealed(memfd_create("lane test", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(unsealed.get(), kArenaBytes), 0);
  Prove(kSecret, &ok, &unsealed);
  EXPECT_FALSE(ok);
  transfer::SharedMemory memory;
  ASSERT_TRUE(transfer::SharedMemory::Make("lane test", kArenaBytes, true, &memory).ok());
  const std::string bytes = SampleBytes(0, 0, "placed").substr(sizeof(SampleRecord));
  std::memcpy(memory.data(), bytes.data(), bytes.size());
  LanePeer peer(Prove(kSecret, &ok, &memory.descriptor()));
  ASSERT_TRUE(ok);
  SampleRecord record;
  record.kind = SampleKind::kPlaced;
  record.index = 3;
  record.layout_bytes = 13;
  record.size = 6;
  peer.Send({reinterpret_cast<const char*>(&record), sizeof(record)});
  EXPECT_TRUE(system_->work.Take(kHangLimitMs).has_value());
  const Bytes parts = system_->payloads.Find(3)->parts();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(parts.data()), parts.size()), "placed");
}

TEST_P(LaneServerTest, NoOtherIsLetIn) {
  bool ok = true;
  Prove(kSecret, &ok);
  EXPECT_FALSE(ok) << "before there is a run";
  server_.BeginRun(kSecret, kLimits);
  const transfer::Descriptor silent = Connect();
  Prove(std::string(64, 'x'), &ok);
  EXPECT_FALSE(ok) << "with another secret";
  LanePeer garbage(Connect());
  garbage.Send("GET / HTTP/1.1\r\nHost: somebody-who-looks-for-another-server\r\n\r\n");
  EXPECT_TRUE(garbage.SeesTheEnd());
  LanePeer peer = OpenLane();
  peer.Send(SampleBytes(1, 1, ""));
  EXPECT_TRUE(system_->work.Take(kHangLimitMs).has_value());
  Prove(kSecret, &ok);
  EXPECT_FALSE(ok) << "a second time";
  server_.BeginRun(std::string(64, 'n'), kLimits);
  Prove(kSecret, &ok);
  EXPECT_FALSE(ok) << "in the next run";
}

TEST_P(LaneServerTest, OneThatWasProvedForARunThatEndedIsClosed) {
  server_.BeginRun(kSecret, kLimits);
  const transfer::Descriptor late = Connect();
  server_.BeginRun(std::string(64, 'n'), kLimits);
  LanePeer early(transfer::Descriptor(dup(late.get())));
  (void)transfer::ProveSecret(late, transfer::Role::kConnecting, kSecret, kLaneContext, Soon())
      .ok();
  if (address_.starts_with("unix://")) {
    early.Send(std::string(16, '\0'));
    std::array<uint64_t, 2> arena = {};
    (void)transfer::ReceiveAll(late, arena.data(), sizeof(arena), Soon()).ok();
  }
  early.EndSending();
  EXPECT_TRUE(early.SeesTheEnd());
  EXPECT_EQ(server_.last_received_ns(), 0);
}

TEST_P(LaneServerTest, HowALaneEndedIsReportedOnce) {
  server_.BeginRun(kSecret, kLimits);
  LanePeer peer = OpenLane();
  peer.Send(RecordBytes(SampleKind{77}));
  pollfd asked{server_.fd(), POLLIN, 0};
  ASSERT_EQ(poll(&asked, 1, kHangLimitMs), 1);
  const std::optional<LaneEnd> end = server_.TakeEnd();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->kind, LaneEnd::Kind::kNonsense);
  EXPECT_FALSE(server_.TakeEnd().has_value());
  EXPECT_EQ(poll(&asked, 1, 0), 0);
}

TEST_P(LaneServerTest, ManyWhoSayNothingKeepItFromNoEnd) {
  server_.BeginRun(kSecret, kLimits);
  std::vector<transfer::Descriptor> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(Connect());
  silent.clear();
  // Those that hung up make room again.
  bool ok = false;
  transfer::Descriptor socket;
  while (!ok) socket = Prove(kSecret, &ok);
  LanePeer peer(std::move(socket));
  peer.Send(SampleBytes(1, 1, ""));
  EXPECT_TRUE(system_->work.Take(kHangLimitMs).has_value());
}

INSTANTIATE_TEST_SUITE_P(Lanes, LaneServerTest, testing::Values("tcp", "unix"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace mlperf::network
