// Goal: a peer that proved what it has to and then breaks the protocol loses its connection; it
// neither crashes this end, nor leaves operations undone, nor makes it keep memory. Method: frames
// written by hand over a socket, after a right handshake.
#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>
#include <thread>

#include "engine.h"
#include "greeting.h"
#include "identity.h"
#include "stream_socket.h"
#include "wire.h"

namespace mlperf::transfer {
namespace {

constexpr uint64_t kLarge = 16 << 20;  // More than a socket takes while nobody reads.

class HostilePeer {
 public:
  explicit HostilePeer(const std::string& address) {
    EXPECT_TRUE(Connect(address, DeadlineAfter(5), &socket_).ok());
    Greeting hello;
    hello.nonce = NewNonce();
    hello.providers = {{"tcp", ""}};
    SendFrame(FrameKind::kHello, 0, 0, Encode(hello));
    Greeting welcome;
    EXPECT_TRUE(Decode(ReceivePayload(), &welcome));
    const Ready ready{
        ProofOf("", Role::kConnecting, ReadyContext("tcp"), hello.nonce, welcome.nonce), "tcp"};
    SendFrame(FrameKind::kReady, 0, 0, Encode(ready));
    ReceivePayload();
  }

  void SendFrame(FrameKind kind, uint8_t flags, uint64_t op, const std::string& payload = "") {
    FrameHead head;
    head.kind = kind;
    head.flags = flags;
    head.op = op;
    head.nbytes = payload.size();
    head.value = kind == FrameKind::kSend ? 1 : 0;
    head.count = kind == FrameKind::kSend ? 1 : 0;
    std::string bytes(kHeadSize, '\0');
    WriteHead(head, bytes.data());
    if (head.count == 1) {
      bytes.resize(kHeadSize + kSliceSize);
      WriteSlice({0, 100'000}, &bytes[kHeadSize]);
    }
    EXPECT_TRUE(SendAll(socket_, bytes + payload, DeadlineAfter(5)).ok());
  }

  Status Receive(char* to, size_t nbytes) {
    return ReceiveAll(socket_, to, nbytes, DeadlineAfter(5));
  }
  std::string ReceivePayload() {
    char bytes[kHeadSize];
    EXPECT_TRUE(Receive(bytes, sizeof bytes).ok());
    std::string payload(ReadHead(bytes).nbytes, '\0');
    EXPECT_TRUE(Receive(payload.data(), payload.size()).ok());
    return payload;
  }

 private:
  Descriptor socket_;
};

class HostilePeerTest : public testing::Test {
 protected:
  void SetUp() override {
    EngineOptions options;
    options.providers = {"tcp"};
    ASSERT_TRUE(Engine::Start(options, &engine_).ok());
    ASSERT_TRUE(engine_->Allocate(2 * kLarge, Access::kReadWrite, &region_).ok());
    hostile_ = std::make_unique<HostilePeer>(engine_->address());
    ASSERT_TRUE(engine_->Accept(5, &peer_).ok());
  }

  std::shared_ptr<Engine> engine_;
  std::shared_ptr<Region> region_;
  std::unique_ptr<HostilePeer> hostile_;
  std::shared_ptr<Peer> peer_;
};

TEST_F(HostilePeerTest, AnAnswerToAMessageThatIsStillHereEndsTheConnection) {
  std::shared_ptr<Op> first, second;
  ASSERT_TRUE(peer_->Send(region_, 0, kLarge, 1, &first).ok());
  ASSERT_TRUE(peer_->Send(region_, 0, kLarge, 2, &second).ok());
  for (int i = 0; i < 2; ++i) {  // Both were announced before anything is answered.
    char announced[kHeadSize + kSliceSize];
    ASSERT_TRUE(hostile_->Receive(announced, sizeof announced).ok());
  }
  hostile_->SendFrame(FrameKind::kClear, 0, 1);
  hostile_->SendFrame(FrameKind::kClear, 0, 2);
  hostile_->SendFrame(FrameKind::kReply, 0, 2);
  EXPECT_EQ(second->Wait(10).code, StatusCode::kPeerLost);
  EXPECT_EQ(first->Wait(10).code, StatusCode::kPeerLost);
  region_->Close();
}

TEST_F(HostilePeerTest, AnAnswerToWhatWasNotAskedYetEndsTheConnection) {
  hostile_->SendFrame(FrameKind::kReply, 0, 1);
  std::shared_ptr<Op> op;
  const Status status = peer_->Receive(region_, 0, 8, 1, &op);
  EXPECT_EQ(status.ok() ? op->Wait(10).code : status.code, StatusCode::kPeerLost);
}

TEST_F(HostilePeerTest, AMessageThatIsAnnouncedTwiceEndsTheConnection) {
  std::shared_ptr<Op> first, second;
  ASSERT_TRUE(peer_->Receive(region_, 0, kLarge, 1, &first).ok());
  ASSERT_TRUE(peer_->Receive(region_, 0, kLarge, 1, &second).ok());
  hostile_->SendFrame(FrameKind::kSend, kAnnounced, 7);
  hostile_->SendFrame(FrameKind::kSend, kAnnounced, 7);
  EXPECT_EQ(first->Wait(10).code, StatusCode::kPeerLost);
  EXPECT_EQ(second->Wait(10).code, StatusCode::kPeerLost);
}

TEST_F(HostilePeerTest, APeerThatWentUnacceptedIsNotKept) {
  const auto passing = std::make_unique<HostilePeer>(engine_->address());
  pollfd watched{engine_->event_descriptor(), POLLIN, 0};
  EXPECT_EQ(poll(&watched, 1, 10'000), 1);
  passing->SendFrame(FrameKind::kHello, 0, 0);  // In the wrong place: the connection ends.
  const int64_t deadline_ns = DeadlineAfter(10);
  while (poll(&watched, 1, 0) == 1 && MonotonicNs() < deadline_ns) std::this_thread::yield();
  std::shared_ptr<Peer> none;
  EXPECT_EQ(engine_->Accept(0, &none).code, StatusCode::kTimeout);
}

}  // namespace
}  // namespace mlperf::transfer
