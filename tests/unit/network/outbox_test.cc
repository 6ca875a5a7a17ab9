// Goal: an outbox writes all that was added, in order and once, whatever the socket takes; it lets
// go of what is written. Method: a pair of sockets, of which the other end is read slowly.
#include "outbox.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>

namespace mlperf::network {
namespace {

class OutboxTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_), 0); }
  void TearDown() override {
    close(ends_[0]);
    if (ends_[1] >= 0) close(ends_[1]);
  }

  void Gather(const std::string& text) {
    std::memcpy(outbox_.Extend(text.size()), text.data(), text.size());
    expected_ += text;
  }

  void Refer(const std::string& text) {
    const auto kept = std::make_shared<const std::string>(text);
    kept_ = kept;
    outbox_.Refer(std::as_bytes(std::span(*kept)), kept);
    expected_ += text;
  }

  void ReadSome() {
    char buffer[70'000];
    const ssize_t size = recv(ends_[1], buffer, sizeof(buffer), MSG_DONTWAIT);
    if (size > 0) read_.append(buffer, static_cast<size_t>(size));
  }

  int ends_[2];
  Outbox outbox_;
  std::string expected_, read_;
  std::weak_ptr<const std::string> kept_;
};

TEST_F(OutboxTest, AllComesInOrderThroughAFullSocket) {
  for (int i = 0; i < 300; ++i) {
    Gather(std::string(1000 + static_cast<size_t>(i), static_cast<char>('a' + i % 26)));
    if (i % 3 == 0) Refer(std::string(40'000, static_cast<char>('A' + i % 26)));
  }
  Gather(std::string(300'000, '.'));
  bool was_full = false;
  while (!outbox_.empty()) {
    was_full |= outbox_.WriteTo(ends_[0], SIZE_MAX) == WriteEnd::kFull;
    ReadSome();
  }
  while (read_.size() < expected_.size()) ReadSome();
  EXPECT_TRUE(was_full);
  EXPECT_TRUE(read_ == expected_);
}

TEST_F(OutboxTest, ItWritesNoMoreThanAsked) {
  Gather("abcdef");
  EXPECT_EQ(outbox_.WriteTo(ends_[0], 4), WriteEnd::kFull);
  ReadSome();
  EXPECT_EQ(read_, "abcd");
  EXPECT_EQ(outbox_.bytes(), 2u);
  EXPECT_EQ(outbox_.WriteTo(ends_[0], 4), WriteEnd::kDone);
}

TEST_F(OutboxTest, ItLetsGoOfWhatIsWritten) {
  Refer("referred to");
  EXPECT_FALSE(kept_.expired());
  EXPECT_EQ(outbox_.WriteTo(ends_[0], SIZE_MAX), WriteEnd::kDone);
  EXPECT_TRUE(kept_.expired());
  Refer("cleared");
  outbox_.Clear();
  EXPECT_TRUE(kept_.expired());
  EXPECT_TRUE(outbox_.empty());
}

TEST_F(OutboxTest, AnEndThatIsGoneRaisesNoSignal) {
  close(ends_[1]);
  ends_[1] = -1;
  Gather("to nowhere");
  EXPECT_EQ(outbox_.WriteTo(ends_[0], SIZE_MAX), WriteEnd::kBroken);
}

}  // namespace
}  // namespace mlperf::network
