// Goal: connections over TCP and Unix names carry bytes, faults are named, waits end at their
// deadline, and a forked child holds no descriptor. Method: real sockets of this process; a child
// made by fork for the last.
#include "stream_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>

#include "deadline.h"

namespace mlperf::transfer {
namespace {

struct Pair {
  Descriptor listener, connecting, accepting;
  std::string address;
};

Pair Connected(const std::string& address) {
  Pair pair;
  Status status = Listen(address, &pair.listener, &pair.address);
  EXPECT_TRUE(status.ok()) << status.message;
  status = Connect(pair.address, DeadlineAfter(5), &pair.connecting);
  EXPECT_TRUE(status.ok()) << status.message;
  status = Accept(pair.listener, &pair.accepting);
  EXPECT_TRUE(status.ok()) << status.message;
  return pair;
}

std::string AbstractAddress() {
  return "unix://@stream_socket_test_" + std::to_string(getpid()) + "_" +
         std::to_string(MonotonicNs());
}

class StreamSocketTest : public testing::TestWithParam<std::string> {};

TEST_P(StreamSocketTest, CarriesBytesBothWays) {
  const Pair pair = Connected(GetParam() == "unix" ? AbstractAddress() : GetParam());
  ASSERT_TRUE(SendAll(pair.connecting, "there", DeadlineAfter(5)).ok());
  ASSERT_TRUE(SendAll(pair.accepting, "back", DeadlineAfter(5)).ok());
  char there[5];
  char back[4];
  ASSERT_TRUE(ReceiveAll(pair.accepting, there, 5, DeadlineAfter(5)).ok());
  ASSERT_TRUE(ReceiveAll(pair.connecting, back, 4, DeadlineAfter(5)).ok());
  EXPECT_EQ(std::string(there, 5), "there");
  EXPECT_EQ(std::string(back, 4), "back");
  EXPECT_TRUE(fcntl(pair.accepting.get(), F_GETFD) & FD_CLOEXEC);
  EXPECT_TRUE(fcntl(pair.connecting.get(), F_GETFD) & FD_CLOEXEC);
}

INSTANTIATE_TEST_SUITE_P(Kinds, StreamSocketTest,
                         testing::Values("tcp://127.0.0.1:0", "tcp://localhost:0", "unix"),
                         [](const auto& kind) { return "Kind" + std::to_string(kind.index); });

TEST(StreamSocket, NamesTheOtherEnd) {
  const Pair tcp = Connected("tcp://127.0.0.1:0");
  EXPECT_EQ(PeerAddress(tcp.connecting), tcp.address);
  const Pair local = Connected(AbstractAddress());
  EXPECT_EQ(PeerAddress(local.connecting), local.address);
  EXPECT_EQ(PeerAddress(local.accepting), "unix://");
  EXPECT_TRUE(IsOfSameUser(local.connecting));
}

TEST(StreamSocket, RefusesWhatIsNoAddress) {
  for (const char* address : {"", "127.0.0.1:80", "tcp://", "tcp://host", "tcp://host:", "tcp://:1",
                              "tcp://host:65536", "tcp://host:1x", "tcp://::1:80", "tcp://[]:1",
                              "unix://", "unix://name", "unix://@", "udp://host:1"}) {
    EXPECT_EQ(CheckAddress(address).code, StatusCode::kInvalid) << address;
    Descriptor socket;
    EXPECT_EQ(Connect(address, DeadlineAfter(0), &socket).code, StatusCode::kInvalid) << address;
  }
  EXPECT_EQ(CheckAddress("unix:///" + std::string(107, 'x')).code, StatusCode::kInvalid);
  EXPECT_TRUE(CheckAddress("tcp://[::1]:80").ok());
  EXPECT_TRUE(CheckAddress("unix:///tmp/socket").ok());
}

TEST(StreamSocket, KnowsWhatIsOfThisMachine) {
  EXPECT_TRUE(IsLocalAddress("tcp://127.0.0.1:0"));
  EXPECT_TRUE(IsLocalAddress("tcp://127.5.0.1:0"));
  EXPECT_TRUE(IsLocalAddress("tcp://[::1]:0"));
  EXPECT_TRUE(IsLocalAddress("unix://@name"));
  EXPECT_FALSE(IsLocalAddress("tcp://0.0.0.0:0"));
  EXPECT_FALSE(IsLocalAddress("tcp://192.0.2.1:0"));
}

TEST(StreamSocket, SaysWhyItCannotConnect) {
  Descriptor listener;
  std::string address;
  ASSERT_TRUE(Listen("tcp://127.0.0.1:0", &listener, &address).ok());
  listener.Close();
  Descriptor socket;
  const Status status = Connect(address, DeadlineAfter(5), &socket);
  EXPECT_EQ(status.code, StatusCode::kPeerLost);
  EXPECT_NE(status.message.find(address), std::string::npos) << status.message;
}

TEST(StreamSocket, AnAddressInUseIsNamed) {
  Descriptor first, second;
  std::string address;
  ASSERT_TRUE(Listen("tcp://127.0.0.1:0", &first, &address).ok());
  const Status status = Listen(address, &second, nullptr);
  EXPECT_EQ(status.code, StatusCode::kFailed);
  EXPECT_NE(status.message.find(address), std::string::npos) << status.message;
}

TEST(StreamSocket, WaitsUntilItsDeadlineAndNoLonger) {
  const Pair pair = Connected("tcp://127.0.0.1:0");
  char byte;
  EXPECT_EQ(ReceiveAll(pair.accepting, &byte, 1, DeadlineAfter(0.01)).code, StatusCode::kTimeout);
  const std::string large(64 << 20, 'x');
  EXPECT_EQ(SendAll(pair.accepting, large, DeadlineAfter(0.01)).code, StatusCode::kTimeout);
  Descriptor none;
  EXPECT_EQ(Accept(pair.listener, &none).code, StatusCode::kTimeout);
}

TEST(StreamSocket, AnEndThatIsGoneIsLost) {
  Pair pair = Connected("tcp://127.0.0.1:0");
  pair.connecting.Close();
  char byte;
  EXPECT_EQ(ReceiveAll(pair.accepting, &byte, 1, DeadlineAfter(5)).code, StatusCode::kPeerLost);
}

TEST(StreamSocket, AForkedChildHoldsNoDescriptor) {
  const Pair pair = Connected("tcp://127.0.0.1:0");
  const pid_t child = fork();
  if (child == 0) {
    const bool held = fcntl(pair.listener.get(), F_GETFD) >= 0 ||
                      fcntl(pair.connecting.get(), F_GETFD) >= 0 ||
                      fcntl(pair.accepting.get(), F_GETFD) >= 0;
    _exit(held || ProcessGeneration() == 0 ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_GE(fcntl(pair.listener.get(), F_GETFD), 0);
}

TEST(StreamSocket, AChildsCopyClosesNoFileOfItsOwn) {
  Descriptor listener;
  ASSERT_TRUE(Listen("tcp://127.0.0.1:0", &listener, nullptr).ok());
  const pid_t child = fork();
  if (child == 0) {
    const int number = listener.get();
    const int reused = dup2(STDERR_FILENO, number);
    listener.Close();
    _exit(reused == number && fcntl(number, F_GETFD) >= 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace mlperf::transfer
