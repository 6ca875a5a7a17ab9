// Goal: messages reach the receives of their tag, in order, whole or not at all, below and above
// the size from which the sender waits. Method: the public interface, over tcp and over the Unix
// socket.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "transfer/engine_pair.h"

namespace mlperf::transfer {
namespace {

constexpr uint64_t kKept = 64 << 10;

class MessagesTest : public testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<Op> Send(const std::shared_ptr<Region>& local, uint64_t nbytes, uint32_t tag) {
    std::shared_ptr<Op> op;
    const Status status = ends_.peer->Send(local, 0, nbytes, tag, &op);
    EXPECT_TRUE(status.ok()) << status.message;
    return op;
  }

  std::shared_ptr<Op> Receive(const std::shared_ptr<Region>& local, uint32_t tag,
                              uint64_t offset = 0, uint64_t nbytes = ~uint64_t{0}) {
    std::shared_ptr<Op> op;
    const Status status = ends_.accepted->Receive(
        local, offset, std::min(nbytes, local->nbytes() - offset), tag, &op);
    EXPECT_TRUE(status.ok()) << status.message;
    return op;
  }

  std::shared_ptr<Region> Sent(uint64_t nbytes, uint32_t seed) {
    const auto region = Register(ends_.caller, nbytes);
    Fill(region, seed);
    return region;
  }
  std::shared_ptr<Region> Room(uint64_t nbytes) { return Register(ends_.target, nbytes); }

  EnginePair ends_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Ways, MessagesTest, testing::Values("tcp", "shm"),
                         [](const auto& way) { return std::string(way.param); });

TEST_P(MessagesTest, AMessageReachesItsReceiveWhicheverCameFirst) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, kKept, kKept + 1, uint64_t{3} << 20}) {
    for (const bool is_receive_first : {false, true}) {
      const auto sent = Sent(size, 1);
      const auto room = Room(size + 10);
      std::shared_ptr<Op> receive = is_receive_first ? Receive(room, 7) : nullptr;
      const auto send = Send(sent, size, 7);
      if (!is_receive_first) receive = Receive(room, 7);
      ExpectDone(receive);
      ExpectDone(send);
      EXPECT_EQ(receive->received_nbytes(), size);
      EXPECT_EQ(std::string_view(room->data(), size), std::string_view(sent->data(), size));
      EXPECT_EQ(std::string(room->data() + size, 10), std::string(10, '\0'));
    }
  }
}

TEST_P(MessagesTest, ASmallSendIsDoneWithoutAReceiveAndALargeOneIsNot) {
  const auto small = Send(Sent(kKept, 1), kKept, 1);
  ExpectDone(small);
  const auto large = Send(Sent(kKept + 1, 2), kKept + 1, 2);
  EXPECT_EQ(large->Wait(0.05).code, StatusCode::kTimeout);
  const auto room = Room(kKept + 1);
  ExpectDone(Receive(room, 2));
  ExpectDone(large);
}

TEST_P(MessagesTest, OneTagIsInOrderAndTagsAreApart) {
  constexpr uint32_t kCount = 60;
  std::vector<std::shared_ptr<Op>> ops;
  std::vector<std::shared_ptr<Region>> kept;
  for (uint32_t i = 0; i < kCount; ++i) {
    const uint64_t size = i % 5 == 3 ? kKept + 100 + i : 100 + i;
    kept.push_back(Sent(size, i));
    ops.push_back(Send(kept.back(), size, i % 2));
  }
  for (const uint32_t tag : {1u, 0u}) {
    for (uint32_t i = tag; i < kCount; i += 2) {
      const auto room = Room(kKept + 1000);
      const auto receive = Receive(room, tag);
      ExpectDone(receive);
      ASSERT_EQ(receive->received_nbytes(), kept[i]->nbytes());
      ASSERT_EQ(std::memcmp(room->data(), kept[i]->data(), kept[i]->nbytes()), 0) << i;
    }
  }
  for (const auto& op : ops) ExpectDone(op);
}

TEST_P(MessagesTest, AMessageThatIsTooLongFailsTheReceiveAndWritesNothing) {
  for (const uint64_t size : {uint64_t{100}, kKept + 100}) {
    for (const bool is_receive_first : {false, true}) {
      const auto room = Room(99);
      std::shared_ptr<Op> receive = is_receive_first ? Receive(room, 3) : nullptr;
      const auto send = Send(Sent(size, 5), size, 3);
      if (!is_receive_first) {
        if (size <= kKept) {
          ExpectDone(send);
        }
        receive = Receive(room, 3);
      }
      const Status status = receive->Wait(20);
      EXPECT_EQ(status.code, StatusCode::kFailed);
      EXPECT_NE(status.message.find(std::to_string(size)), std::string::npos) << status.message;
      EXPECT_EQ(std::string(room->data(), 99), std::string(99, '\0'));
      const Status sent = send->Wait(20);
      EXPECT_TRUE(sent.ok() || sent.code == StatusCode::kFailed);
      EXPECT_TRUE(ends_.peer->alive());
    }
  }
}

TEST_P(MessagesTest, NoMoreThanSoManyAreKept) {
  const auto sent = Sent(10, 1);
  std::vector<std::shared_ptr<Op>> ops;
  for (int i = 0; i < 257; ++i) ops.push_back(Send(sent, 10, 4));
  for (int i = 0; i < 256; ++i) ExpectDone(ops[static_cast<size_t>(i)]);
  EXPECT_EQ(ops.back()->Wait(20).code, StatusCode::kFailed);
  for (int i = 0; i < 256; ++i) ExpectDone(Receive(Room(10), 4));
  ExpectDone(Send(sent, 10, 4));
}

TEST_P(MessagesTest, ReceivesPostedWhileMessagesComeGetThemAll) {
  constexpr int kCount = 250;  // Fewer than are kept, however late the receives are.
  const auto sent = Sent(kKept, 8);
  std::thread sender([&] {
    for (int i = 0; i < kCount; ++i) ExpectDone(Send(sent, kKept, 6));
  });
  for (int i = 0; i < kCount; ++i) {
    const auto room = Room(kKept);
    ExpectDone(Receive(room, 6));
    ASSERT_EQ(std::memcmp(room->data(), sent->data(), kKept), 0) << i;
  }
  sender.join();
}

TEST_P(MessagesTest, ClosedRegionsFailTheirMessages) {
  const auto sent = Sent(kKept * 2, 1);
  const auto send = Send(sent, kKept * 2, 1);
  sent->Close();
  EXPECT_EQ(send->Wait(20).code, StatusCode::kRefused);
  const auto withdrawn = Receive(Room(kKept * 2), 1);
  EXPECT_EQ(withdrawn->Wait(20).code, StatusCode::kFailed);
  const auto room = Room(100);
  const auto receive = Receive(room, 2);
  room->Close();
  EXPECT_EQ(receive->Wait(20).code, StatusCode::kRefused);
  std::shared_ptr<Op> op;
  EXPECT_EQ(ends_.accepted->Receive(room, 0, 100, 2, &op).code, StatusCode::kRefused);
  EXPECT_TRUE(ends_.peer->alive());
  // The tag goes on with the next receive.
  const auto next = Room(10);
  const auto last = Receive(next, 2);
  ExpectDone(Send(Sent(10, 3), 10, 2));
  ExpectDone(last);
}

TEST_P(MessagesTest, BoundsAreChecked) {
  const auto region = Register(ends_.caller, 100);
  std::shared_ptr<Op> op;
  EXPECT_EQ(ends_.peer->Send(region, 1, 100, 0, &op).code, StatusCode::kOutOfBounds);
  EXPECT_EQ(ends_.peer->Receive(region, ~uint64_t{0}, 2, 0, &op).code, StatusCode::kOutOfBounds);
  const auto foreign = Register(ends_.target, 100);
  EXPECT_EQ(ends_.peer->Send(foreign, 0, 100, 0, &op).code, StatusCode::kInvalid);
}

}  // namespace
}  // namespace mlperf::transfer
