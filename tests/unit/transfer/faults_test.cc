// Goal: whatever happens to a peer or comes from one, there is an error that names it, no wait
// without end, no byte outside a region, and the engine serves its other peers on. Method: peers
// are children made by fork, killed or stopped at random moments of a transfer; hostile ones write
// frames by hand.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "greeting.h"
#include "stream_socket.h"
#include "transfer/engine_pair.h"
#include "wire.h"

namespace mlperf::transfer {
namespace {

constexpr uint64_t kSize = 4 << 20;

EngineOptions Only(const std::string& provider) {
  EngineOptions options;
  options.providers = {provider};
  return options;
}

void ExpectLost(const Status& status) {
  EXPECT_EQ(status.code, StatusCode::kPeerLost) << status.message;
  EXPECT_FALSE(status.message.empty());
}

// A process with an engine that serves a region of kSize bytes of 'x' until it is killed. It is
// forked before this process has threads of its own in the way.
class ServingChild {
 public:
  explicit ServingChild(const std::string& provider, uint64_t nbytes = kSize) {
    int fds[2];
    EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      const auto engine = StartEngine(Only(provider));
      const auto region = Allocate(engine, nbytes);
      std::memset(region->data(), 'x', nbytes);
      const std::string text = engine->address() + "\n" + region->descriptor();
      if (write(fds[1], text.data(), text.size()) < 0) _exit(1);
      close(fds[1]);
      for (;;) pause();
    }
    close(fds[1]);
    std::string text;
    char bytes[256];
    for (ssize_t got; (got = read(fds[0], bytes, sizeof bytes)) > 0;) {
      text.append(bytes, static_cast<size_t>(got));
    }
    close(fds[0]);
    address = text.substr(0, text.find('\n'));
    descriptor = text.substr(text.find('\n') + 1);
  }
  ~ServingChild() { Kill(); }

  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void Stop() const {
    kill(pid_, SIGSTOP);
    int status = 0;
    waitpid(pid_, &status, WUNTRACED);
  }
  void Continue() const { kill(pid_, SIGCONT); }

  std::string address, descriptor;

 private:
  pid_t pid_ = 0;
};

struct Opened {
  std::shared_ptr<Peer> peer;
  std::shared_ptr<RemoteRegion> remote;
};

Opened Open(const std::shared_ptr<Engine>& engine, const std::string& address,
            const std::string& descriptor) {
  Opened opened;
  Status status = engine->Connect(address, 5, &opened.peer);
  EXPECT_TRUE(status.ok()) << status.message;
  if (!status.ok()) return opened;
  status = opened.peer->Open(descriptor, &opened.remote);
  EXPECT_TRUE(status.ok()) << status.message;
  return opened;
}

size_t OpenDescriptors() {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                           std::filesystem::directory_iterator()));
}

class FaultsTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Ways, FaultsTest, testing::Values("tcp", "shm"),
                         [](const auto& way) { return std::string(way.param); });

// ---- Peers that end or stop. ----

TEST_P(FaultsTest, AKilledPeerIsLostAtOnce) {
  ServingChild child(GetParam());
  const auto engine = StartEngine(Only(GetParam()));
  const Opened opened = Open(engine, child.address, child.descriptor);
  const auto local = Register(engine, kSize);
  ExpectDone(Read(opened.remote, local, {{0, 0, kSize}}));
  child.Kill();
  // Not even memory that is still mapped is taken for an answer.
  for (const uint64_t nbytes : {uint64_t{1}, kSize}) {
    std::shared_ptr<Op> op;
    const std::vector<Slice> slices = {{0, 0, nbytes}};
    const Status posted = opened.remote->Read(local, slices, &op);
    ExpectLost(posted.ok() ? op->Wait(20) : posted);
  }
  std::shared_ptr<RemoteRegion> remote;
  ExpectLost(opened.peer->Open(child.descriptor, &remote));
  EXPECT_FALSE(opened.peer->alive());
  std::shared_ptr<Peer> again;
  ExpectLost(engine->Connect(child.address, 5, &again));
}

TEST_P(FaultsTest, KillsAtRandomMomentsFailWhatIsOutstanding) {
  std::mt19937 draw(11);
  for (int round = 0; round < 50; ++round) {
    ServingChild child(GetParam());
    const auto engine = StartEngine(Only(GetParam()));
    const Opened opened = Open(engine, child.address, child.descriptor);
    const auto local = Register(engine, kSize);
    std::vector<std::shared_ptr<Op>> ops;
    std::thread killer([&, until = MonotonicNs() + static_cast<int64_t>(draw() % 3'000'000)] {
      while (MonotonicNs() < until) std::this_thread::yield();
      child.Kill();
    });
    for (int i = 0; i < 20; ++i) {
      std::shared_ptr<Op> op;
      const std::vector<Slice> slices = {{0, 0, kSize / 4}, {kSize / 4, 0, 1000}};
      const Status status = i % 2 == 0 ? opened.remote->Read(local, slices, &op)
                                       : opened.remote->Write(local, slices, 3, &op);
      if (!status.ok()) {
        ExpectLost(status);
      } else {
        ops.push_back(op);
      }
    }
    for (const auto& op : ops) {
      const Status status = op->Wait(20);
      if (!status.ok()) ExpectLost(status);
    }
    killer.join();
  }
}

TEST_P(FaultsTest, AStoppedPeerIsATimeoutAndGoesOnAfterwards) {
  ServingChild child(GetParam());
  const auto engine = StartEngine(Only(GetParam()));
  const Opened opened = Open(engine, child.address, child.descriptor);
  const auto local = Register(engine, 100);
  child.Stop();
  const auto op = Write(opened.remote, local, {{0, 0, 100}}, 1);
  const Status late = op->Wait(0.05);
  EXPECT_EQ(late.code, StatusCode::kTimeout);
  EXPECT_EQ(op->Wait(0).code, StatusCode::kTimeout);
  std::shared_ptr<RemoteRegion> remote;
  EXPECT_EQ(opened.peer->Open(child.descriptor, &remote, 0.05).code, StatusCode::kTimeout);
  child.Continue();
  ExpectDone(op);
}

TEST_P(FaultsTest, AStoppedPeerCanBeClosed) {
  ServingChild child(GetParam());
  const auto engine = StartEngine(Only(GetParam()));
  const Opened opened = Open(engine, child.address, child.descriptor);
  const auto local = Register(engine, 64 << 20);
  child.Stop();
  std::vector<std::shared_ptr<Op>> ops;
  for (int i = 0; i < 20; ++i) ops.push_back(Write(opened.remote, local, {{0, 0, 4 << 20}}, 1));
  opened.peer->Close();
  for (const auto& op : ops) EXPECT_TRUE(op->done());
  ExpectLost(ops.back()->Wait(0));
  opened.peer->Close();
}

TEST(Faults, AStoppedPeerThatMappedARegionIsDisconnectedWhenItCloses) {
  const auto engine = StartEngine(Only("shm"));
  const auto region = Allocate(engine, 4096);
  int fds[2];
  ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto own = StartEngine(Only("shm"));
    const Opened opened = Open(own, engine->address(), region->descriptor());
    if (write(fds[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte;
  ASSERT_EQ(read(fds[0], &byte, 1), 1);
  close(fds[0]);
  close(fds[1]);
  std::shared_ptr<Peer> peer;
  ASSERT_TRUE(engine->Accept(5, &peer).ok());
  kill(child, SIGSTOP);
  waitpid(child, nullptr, WUNTRACED);
  region->Close();
  EXPECT_FALSE(peer->alive());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

// ---- Closing. ----

class ClosingTest : public testing::TestWithParam<const char*> {
 protected:
  EnginePair ends_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Ways, ClosingTest, testing::Values("tcp", "shm", "socket"),
                         [](const auto& way) { return std::string(way.param); });

TEST_P(ClosingTest, AClosedRegionIsRefusedAndNoImmediateComes) {
  const auto target = ends_.NewTarget(1000);
  const auto remote = ends_.Open(target);
  const auto local = ends_.NewLocal(1000);
  ExpectDone(Write(remote, local, {{0, 0, 1000}}));
  target->Close();
  target->Close();
  Fill(local, 1);
  std::shared_ptr<Op> op;
  const std::vector<Slice> slices = {{0, 0, 1000}};
  for (const bool is_write : {true, false}) {
    const Status posted =
        is_write ? remote->Write(local, slices, 7, &op) : remote->Read(local, slices, &op);
    EXPECT_EQ(posted.ok() ? op->Wait(20).code : posted.code, StatusCode::kRefused);
  }
  EXPECT_TRUE(ends_.peer->alive());
  std::vector<Immediate> none;
  EXPECT_EQ(ends_.target->TakeImmediates(0.01, &none).code, StatusCode::kTimeout);
}

TEST_P(ClosingTest, NothingIsWrittenOnceARegionIsClosed) {
  for (int round = 0; round < 20; ++round) {
    const auto target = ends_.NewTarget(2 << 20);
    const auto remote = ends_.Open(target);
    const auto local = ends_.NewLocal(2 << 20);
    std::memset(local->data(), 'w', local->nbytes());
    std::vector<std::shared_ptr<Op>> ops;
    for (int i = 0; i < 8; ++i) {
      ops.push_back(Write(remote, local, {{0, 0, 2 << 20}}));
      ops.push_back(Read(remote, local, {{0, 0, 2 << 20}}));
    }
    target->Close();
    const std::string before(target->data(), target->nbytes());
    for (const auto& op : ops) {
      const Status status = op->Wait(20);
      EXPECT_TRUE(status.ok() || status.code == StatusCode::kRefused) << status.message;
    }
    EXPECT_TRUE(before == std::string(target->data(), target->nbytes())) << round;
    EXPECT_TRUE(ends_.peer->alive());
  }
}

TEST_P(ClosingTest, AClosedLocalRegionFailsItsOperationsAndIsNotWritten) {
  const auto target = ends_.NewTarget(2 << 20);
  const auto remote = ends_.Open(target);
  for (int round = 0; round < 20; ++round) {
    const auto local = ends_.NewLocal(2 << 20);
    std::vector<std::shared_ptr<Op>> ops;
    for (int i = 0; i < 8; ++i) {
      ops.push_back(Read(remote, local, {{0, 0, 2 << 20}}));
      ops.push_back(Write(remote, local, {{0, 0, 2 << 20}}));
    }
    std::memset(target->data(), 'n', target->nbytes());
    local->Close();
    const std::string before(local->data(), local->nbytes());
    for (const auto& op : ops) {
      const Status status = op->Wait(20);
      EXPECT_TRUE(status.ok() || status.code == StatusCode::kRefused) << status.message;
    }
    EXPECT_TRUE(before == std::string(local->data(), local->nbytes())) << round;
    std::shared_ptr<Op> op;
    const std::vector<Slice> slices = {{0, 0, 1}};
    EXPECT_EQ(remote->Read(local, slices, &op).code, StatusCode::kRefused);
    EXPECT_TRUE(ends_.peer->alive());
  }
}

TEST_P(ClosingTest, AClosedPeerWritesNothingMore) {
  const auto target = ends_.NewTarget(8 << 20);
  const auto remote = ends_.Open(target);
  std::memset(target->data(), 'x', target->nbytes());
  const auto local = ends_.NewLocal(8 << 20);
  std::vector<std::shared_ptr<Op>> ops;
  for (int i = 0; i < 4; ++i) ops.push_back(Read(remote, local, {{0, 0, 8 << 20}}));
  std::thread waiter([op = ops.back()] { static_cast<void>(op->Wait(20)); });
  ends_.peer->Close();
  for (const auto& op : ops) {
    EXPECT_TRUE(op->done());
  }
  std::memset(local->data(), 'y', local->nbytes());
  waiter.join();
  EXPECT_EQ(local->data()[0], 'y');
  EXPECT_EQ(std::memcmp(local->data(), local->data() + 1, local->nbytes() - 1), 0);
  std::shared_ptr<Op> op;
  const std::vector<Slice> slices = {{0, 0, 1}};
  ExpectLost(remote->Read(local, slices, &op));
}

TEST_P(ClosingTest, AClosedEngineSaysSo) {
  const auto target = ends_.NewTarget(100);
  const auto remote = ends_.Open(target);
  const auto local = ends_.NewLocal(100);
  std::thread waiter([&] {
    std::vector<Immediate> none;
    EXPECT_EQ(ends_.caller->TakeImmediates(20, &none).code, StatusCode::kFailed);
  });
  ends_.caller->Close();
  ends_.caller->Close();
  waiter.join();
  std::shared_ptr<Op> op;
  const std::vector<Slice> slices = {{0, 0, 1}};
  EXPECT_EQ(remote->Read(local, slices, &op).code, StatusCode::kFailed);
  std::shared_ptr<Region> region;
  EXPECT_EQ(ends_.caller->Allocate(1, Access::kRead, &region).code, StatusCode::kFailed);
  std::shared_ptr<Peer> peer;
  EXPECT_EQ(ends_.caller->Connect(ends_.target->address(), 1, &peer).code, StatusCode::kFailed);
}

TEST_P(ClosingTest, ObjectsMayBeLetGoInAnyOrderWhileOperationsRun) {
  for (int round = 0; round < 20; ++round) {
    const auto target = ends_.NewTarget(1 << 20);
    auto local = ends_.NewLocal(1 << 20);
    auto remote = ends_.Open(target);
    auto op = Read(remote, local, {{0, 0, 1 << 20}});
    if (round % 2 == 0) local.reset();
    remote.reset();
    if (round % 3 == 0) ExpectDone(op);
    op.reset();
  }
  EXPECT_TRUE(ends_.peer->alive());
}

// ---- Forks. ----

TEST_P(FaultsTest, AForkedChildCannotUseTheEngineAndHoldsNoSocket) {
  const EnginePair ends(GetParam());
  const auto target = ends.NewTarget(100);
  const auto remote = ends.Open(target);
  const auto local = ends.NewLocal(100);
  const auto pending = Write(remote, local, {{0, 0, 100}}, 4);
  const int descriptor = ends.caller->event_descriptor();
  const pid_t child = fork();
  if (child == 0) {
    std::shared_ptr<Op> op;
    std::shared_ptr<Region> region;
    std::shared_ptr<Peer> peer;
    const std::vector<Slice> slices = {{0, 0, 1}};
    bool is_refused = remote->Read(local, slices, &op).code == StatusCode::kFailed;
    is_refused &= ends.caller->Allocate(1, Access::kRead, &region).code == StatusCode::kFailed;
    is_refused &= ends.caller->Accept(0, &peer).code == StatusCode::kFailed;
    is_refused &= pending->done() || pending->Wait(0).code == StatusCode::kFailed;
    is_refused &= !ends.peer->alive();
    is_refused &= fcntl(descriptor, F_GETFD) < 0;
    ends.caller->Close();
    target->Close();
    _exit(is_refused ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ExpectDone(pending);
  ExpectDone(Read(remote, local, {{0, 0, 100}}));
}

TEST_P(FaultsTest, APeerIsLostThoughAChildOfItLives) {
  int fds[2];
  ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
  const auto engine = StartEngine(Only(GetParam()));
  const pid_t child = fork();
  if (child == 0) {
    const auto own = StartEngine(Only(GetParam()));
    std::shared_ptr<Peer> peer;
    if (!own->Connect(engine->address(), 5, &peer).ok()) _exit(1);
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      for (;;) pause();
    }
    if (write(fds[1], &grandchild, sizeof grandchild) < 0) _exit(1);
    for (;;) pause();
  }
  pid_t grandchild = 0;
  ASSERT_EQ(read(fds[0], &grandchild, sizeof grandchild), ssize_t{sizeof grandchild});
  std::shared_ptr<Peer> peer;
  ASSERT_TRUE(engine->Accept(5, &peer).ok());
  const auto room = Register(engine, 10);
  std::shared_ptr<Op> receive;
  ASSERT_TRUE(peer->Receive(room, 0, 10, 0, &receive).ok());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ExpectLost(receive->Wait(20));
  kill(grandchild, SIGKILL);
  close(fds[0]);
  close(fds[1]);
}

// ---- Strangers and hostile peers. ----

// Whether the other end hangs up, whatever it says before.
bool HangsUp(const Descriptor& socket) {
  char byte;
  Status status;
  do {
    status = ReceiveAll(socket, &byte, 1, DeadlineAfter(10));
  } while (status.ok());
  return status.code == StatusCode::kPeerLost;
}

TEST(Faults, GarbageOnThePortEndsItsConnectionAlone) {
  const EnginePair ends("tcp");
  std::mt19937 draw(3);
  for (int round = 0; round < 100; ++round) {
    Descriptor stranger;
    ASSERT_TRUE(Connect(ends.target->address(), DeadlineAfter(5), &stranger).ok());
    std::string garbage(1 + draw() % 5000, '\0');
    for (char& byte : garbage) byte = static_cast<char>(draw());
    if (round % 4 == 0) garbage = "GET / HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n";
    static_cast<void>(SendAll(stranger, garbage, DeadlineAfter(5)));
    if (garbage.size() >= kHeadSize) {
      EXPECT_TRUE(HangsUp(stranger));
    }
  }
  const auto target = ends.NewTarget(100);
  ExpectDone(Read(ends.Open(target), ends.NewLocal(100), {{0, 0, 100}}));
}

std::string Frame(FrameHead head, const std::vector<WireSlice>& slices = {},
                  const std::string& payload = "") {
  head.count = static_cast<uint32_t>(slices.size());
  std::string bytes(kHeadSize + slices.size() * kSliceSize, '\0');
  WriteHead(head, bytes.data());
  for (size_t i = 0; i < slices.size(); ++i) {
    WriteSlice(slices[i], &bytes[kHeadSize + i * kSliceSize]);
  }
  return bytes + payload;
}

FrameHead Head(FrameKind kind, uint64_t nbytes = 0, uint32_t handle = 0, uint8_t flags = 0) {
  FrameHead head;
  head.kind = kind;
  head.flags = flags;
  head.op = 1;
  head.nbytes = nbytes;
  head.handle = handle;
  return head;
}

// A peer that shook hands by hand, with an engine that has no secret.
Descriptor HostilePeer(const std::string& address) {
  Descriptor socket;
  EXPECT_TRUE(Connect(address, DeadlineAfter(5), &socket).ok());
  Greeting hello;
  hello.nonce = NewNonce();
  hello.providers = {{"tcp", ""}};
  const std::string bytes = Encode(hello);
  EXPECT_TRUE(
      SendAll(socket, Frame(Head(FrameKind::kHello, bytes.size()), {}, bytes), DeadlineAfter(5))
          .ok());
  char head[kHeadSize];
  EXPECT_TRUE(ReceiveAll(socket, head, sizeof head, DeadlineAfter(5)).ok());
  std::string answer(ReadHead(head).nbytes, '\0');
  EXPECT_TRUE(ReceiveAll(socket, answer.data(), answer.size(), DeadlineAfter(5)).ok());
  Greeting welcome;
  EXPECT_TRUE(Decode(answer, &welcome));
  const Ready ready{ProofOf("", Role::kConnecting, "transfer 1 tcp", hello.nonce, welcome.nonce),
                    "tcp"};
  const std::string last = Encode(ready);
  EXPECT_TRUE(
      SendAll(socket, Frame(Head(FrameKind::kReady, last.size()), {}, last), DeadlineAfter(5))
          .ok());
  EXPECT_TRUE(ReceiveAll(socket, head, sizeof head, DeadlineAfter(5)).ok());
  EXPECT_EQ(ReadHead(head).value, 0u);
  return socket;
}

TEST(Faults, FramesInTheWrongPlaceEndTheConnection) {
  const EnginePair ends("tcp");
  const std::vector<std::string> kHostile = {
      Frame(Head(FrameKind::kHello)),
      Frame(Head(FrameKind::kReady)),
      Frame(Head(FrameKind::kReply)),
      Frame(Head(FrameKind::kReply, 1 << 20)),
      Frame(Head(FrameKind::kClear)),
      Frame(Head(FrameKind::kSend, 10, 0, kCleared)),
      Frame(Head(FrameKind::kSend, kMaxPayload)),
      Frame(Head(FrameKind::kWrite, kMaxPayload + 1)),
      Frame(Head(FrameKind::kWrite, 5), {{0, 4}}),
      std::string(kHeadSize, '\xff'),
  };
  for (const std::string& hostile : kHostile) {
    const Descriptor socket = HostilePeer(ends.target->address());
    ASSERT_TRUE(SendAll(socket, hostile, DeadlineAfter(5)).ok());
    EXPECT_TRUE(HangsUp(socket));
  }
  ExpectDone(Read(ends.Open(ends.NewTarget(100)), ends.NewLocal(100), {{0, 0, 100}}));
}

Answer AnswerTo(const Descriptor& socket, const std::string& frame) {
  EXPECT_TRUE(SendAll(socket, frame, DeadlineAfter(5)).ok());
  char head[kHeadSize];
  EXPECT_TRUE(ReceiveAll(socket, head, sizeof head, DeadlineAfter(5)).ok());
  EXPECT_EQ(ReadHead(head).nbytes, 0u);
  return static_cast<Answer>(ReadHead(head).value);
}

TEST(Faults, AnEngineGuessesNoKeyAndNoHandle) {
  const auto engine = StartEngine();
  const auto region = Allocate(engine, 100);
  const Descriptor socket = HostilePeer(engine->address());
  // The id is in the descriptor, the key is not known.
  const std::string guess = region->descriptor().substr(4, 8) + std::string(32, 'x');
  EXPECT_EQ(AnswerTo(socket, Frame(Head(FrameKind::kOpen, kOpenProofSize), {}, guess)),
            Answer::kRefused);
  for (const uint32_t handle : {0u, 1u, 2u, 0xffffffffu}) {
    EXPECT_EQ(AnswerTo(socket, Frame(Head(FrameKind::kRead, 0, handle), {{0, 4}})),
              Answer::kClosed);
    EXPECT_EQ(AnswerTo(socket,
                       Frame(Head(FrameKind::kWrite, 4, handle, kHasImmediate), {{0, 4}}, "evil")),
              Answer::kClosed);
  }
  EXPECT_EQ(std::string(region->data(), 100), std::string(100, '\0'));
  std::vector<Immediate> none;
  EXPECT_EQ(engine->TakeImmediates(0, &none).code, StatusCode::kTimeout);
}

TEST(Faults, APeerThatAsksAndNeverReadsIsDisconnected) {
  const auto engine = StartEngine();
  const Descriptor socket = HostilePeer(engine->address());
  std::string frames;
  for (int i = 0; i < 1000; ++i) frames += Frame(Head(FrameKind::kRead, 0, 9));
  Status status;
  for (int i = 0; i < 10'000 && status.ok(); ++i) {
    status = SendAll(socket, frames, DeadlineAfter(20));
  }
  EXPECT_EQ(status.code, StatusCode::kPeerLost);
}

TEST(Faults, TheSecretMustBeTheSame) {
  EngineOptions with, other;
  with.secret = std::string(32, 's');
  other.secret = std::string(32, 't');
  const auto target = StartEngine(with);
  std::shared_ptr<Peer> peer;
  for (const EngineOptions& options : {EngineOptions(), other}) {
    const auto caller = StartEngine(options);
    const Status status = caller->Connect(target->address(), 5, &peer);
    EXPECT_EQ(status.code, StatusCode::kFailed);
    EXPECT_NE(status.message.find("secret"), std::string::npos) << status.message;
  }
  const auto right = StartEngine(with);
  EXPECT_TRUE(right->Connect(target->address(), 5, &peer).ok());
  EXPECT_EQ(peer->provider(), "shm");
}

TEST(Faults, OptionsThatAreNotSafeOrNotKnownAreRefused) {
  std::shared_ptr<Engine> engine;
  const auto code = [&](const std::function<void(EngineOptions*)>& change) {
    EngineOptions options;
    change(&options);
    return Engine::Start(options, &engine).code;
  };
  EXPECT_EQ(code([](auto* o) { o->bind = "tcp://0.0.0.0:0"; }), StatusCode::kInvalid);
  EXPECT_EQ(code([](auto* o) { o->bind = "nowhere"; }), StatusCode::kInvalid);
  EXPECT_EQ(code([](auto* o) { o->secret = "short"; }), StatusCode::kInvalid);
  EXPECT_EQ(code([](auto* o) { o->providers = {"carrier pigeon"}; }), StatusCode::kInvalid);
  EXPECT_EQ(code([](auto* o) { o->spin_us = -1; }), StatusCode::kInvalid);
  EXPECT_EQ(engine, nullptr);
  EXPECT_EQ(code([](auto* o) {
              o->bind = "tcp://0.0.0.0:0";
              o->insecure = true;
            }),
            StatusCode::kOk);
}

TEST(Faults, NoProviderInCommonIsNamed) {
  const auto target = StartEngine(Only("tcp"));
  const auto caller = StartEngine(Only("shm"));
  std::shared_ptr<Peer> peer;
  const Status status = caller->Connect(target->address(), 5, &peer);
  EXPECT_EQ(status.code, StatusCode::kFailed);
  EXPECT_NE(status.message.find("shm"), std::string::npos) << status.message;
  EXPECT_NE(status.message.find("tcp"), std::string::npos) << status.message;
}

TEST(Faults, MorePeersThanMaxPeersAreTurnedAway) {
  EngineOptions options = Only("tcp");
  options.max_peers = 2;
  const auto target = StartEngine(options);
  const auto caller = StartEngine(Only("tcp"));
  std::shared_ptr<Peer> one, two, three;
  ASSERT_TRUE(caller->Connect(target->address(), 5, &one).ok());
  ASSERT_TRUE(caller->Connect(target->address(), 5, &two).ok());
  const Status status = caller->Connect(target->address(), 5, &three);
  ExpectLost(status);
  EXPECT_NE(status.message.find("max_peers"), std::string::npos) << status.message;
}

TEST_P(FaultsTest, AHundredConnectionsComeAndGoAndNothingIsLeft) {
  const auto target = StartEngine(Only(GetParam()));
  const auto region = Allocate(target, 1000);
  Fill(region, 1);
  size_t before = 0;
  for (int round = 0; round < 2; ++round) {
    const auto caller = StartEngine(Only(GetParam()));
    const auto local = Register(caller, 1000);
    std::vector<Opened> opened;
    for (int i = 0; i < 100; ++i) {
      opened.push_back(Open(caller, target->address(), region->descriptor()));
    }
    std::vector<std::shared_ptr<Op>> ops;
    for (const Opened& each : opened) ops.push_back(Read(each.remote, local, {{0, 0, 1000}}));
    for (const auto& op : ops) ExpectDone(op);
    std::vector<std::shared_ptr<Peer>> accepted(100);
    for (std::shared_ptr<Peer>& peer : accepted) ASSERT_TRUE(target->Accept(5, &peer).ok());
    for (const Opened& each : opened) each.peer->Close();
    caller->Close();
    for (const std::shared_ptr<Peer>& peer : accepted) {
      // A receive fails once the target noticed that the peer is gone.
      std::shared_ptr<Op> op;
      const auto room = Register(target, 1);
      if (peer->Receive(room, 0, 1, 0, &op).ok()) ExpectLost(op->Wait(20));
    }
    opened.clear();
    if (round == 0) before = OpenDescriptors();
  }
  // The last ones are closed right after their operations failed.
  const int64_t deadline_ns = DeadlineAfter(20);
  while (OpenDescriptors() > before && MonotonicNs() < deadline_ns) std::this_thread::yield();
  EXPECT_LE(OpenDescriptors(), before);
}

TEST_P(FaultsTest, AWriterMayNotFloodTheImmediatesOfAProgramThatTakesNone) {
  const EnginePair ends(GetParam());
  const auto target = ends.NewTarget(8);
  const auto remote = ends.Open(target);
  const auto local = ends.NewLocal(8);
  std::vector<std::shared_ptr<Op>> ops;
  for (uint32_t i = 0; i < 65'537; ++i) ops.push_back(Write(remote, local, {}, i));
  for (uint32_t i = 0; i < 65'536; ++i) ExpectDone(ops[i]);
  EXPECT_EQ(ops.back()->Wait(20).code, StatusCode::kFailed);
  EXPECT_EQ(TakeImmediates(ends.target, 65'536).back(), 65'535u);
  ExpectDone(Write(remote, local, {}, 1));
}

}  // namespace
}  // namespace mlperf::transfer
