// Goal: two ends with one secret agree; any other end is refused, and learns nothing that it could
// use. Method: both ends of a real connection in two threads; hostile ends send bytes of their own.
#include "handshake.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "deadline.h"
#include "stream_socket.h"

namespace mlperf::transfer {
namespace {

struct Ends {
  Descriptor listener, connecting, accepting;

  Ends() {
    std::string address;
    EXPECT_TRUE(Listen("tcp://127.0.0.1:0", &listener, &address).ok());
    EXPECT_TRUE(Connect(address, DeadlineAfter(5), &connecting).ok());
    EXPECT_TRUE(Accept(listener, &accepting).ok());
  }
};

struct Outcome {
  StatusCode connecting, accepting;
};

Outcome Prove(const std::string& secret, const std::string& other_secret,
              const std::string& context, const std::string& other_context) {
  Ends ends;
  Status accepted;
  std::thread thread([&] {
    accepted = ProveSecret(ends.accepting, Role::kAccepting, other_secret, other_context,
                           DeadlineAfter(5));
    ends.accepting.Close();
  });
  const Status connected =
      ProveSecret(ends.connecting, Role::kConnecting, secret, context, DeadlineAfter(5));
  ends.connecting.Close();
  thread.join();
  return {connected.code, accepted.code};
}

TEST(Handshake, EndsWithOneSecretAgree) {
  const Outcome outcome = Prove("a secret", "a secret", "lane 1", "lane 1");
  EXPECT_EQ(outcome.connecting, StatusCode::kOk);
  EXPECT_EQ(outcome.accepting, StatusCode::kOk);
}

TEST(Handshake, AnotherSecretOrContextIsRefusedAtBothEnds) {
  for (const Outcome& outcome : {Prove("a secret", "a guess", "lane 1", "lane 1"),
                                 Prove("a secret", "a secret", "lane 1", "lane 2")}) {
    EXPECT_EQ(outcome.connecting, StatusCode::kRefused);
    EXPECT_EQ(outcome.accepting, StatusCode::kRefused);
  }
}

TEST(Handshake, AnEndThatSendsItsProofBackIsRefused) {
  Ends ends;
  std::thread thread([&] {  // It echoes whatever it gets.
    char byte;
    while (ReceiveAll(ends.accepting, &byte, 1, DeadlineAfter(5)).ok()) {
      if (!SendAll(ends.accepting, {&byte, 1}, DeadlineAfter(5)).ok()) break;
    }
  });
  const Status status =
      ProveSecret(ends.connecting, Role::kConnecting, "a secret", "lane 1", DeadlineAfter(0.2));
  EXPECT_FALSE(status.ok());
  ends.connecting.Close();
  thread.join();
}

TEST(Handshake, ProofsOfTheRolesDiffer) {
  const Nonce one = NewNonce();
  const Nonce other = NewNonce();
  EXPECT_NE(one, other);
  const Digest proof = ProofOf("secret", Role::kConnecting, "c", one, other);
  EXPECT_EQ(proof, ProofOf("secret", Role::kConnecting, "c", one, other));
  EXPECT_NE(proof, ProofOf("secret", Role::kAccepting, "c", one, other));
  EXPECT_NE(proof, ProofOf("secret", Role::kConnecting, "c", other, one));
}

TEST(Handshake, GarbageIsRefused) {
  Ends ends;
  ASSERT_TRUE(SendAll(ends.connecting, "GET / HTTP/1.1\r\n\r\n", DeadlineAfter(5)).ok());
  EXPECT_EQ(
      ProveSecret(ends.accepting, Role::kAccepting, "a secret", "lane 1", DeadlineAfter(5)).code,
      StatusCode::kRefused);
}

TEST(Handshake, AnEndThatSaysNothingIsNotWaitedForLonger) {
  Ends ends;
  EXPECT_EQ(
      ProveSecret(ends.accepting, Role::kAccepting, "a secret", "lane 1", DeadlineAfter(0.01)).code,
      StatusCode::kTimeout);
  Ends other;
  other.connecting.Close();
  EXPECT_EQ(
      ProveSecret(other.accepting, Role::kAccepting, "a secret", "lane 1", DeadlineAfter(5)).code,
      StatusCode::kPeerLost);
}

}  // namespace
}  // namespace mlperf::transfer
