// Goal: reads and writes move the bytes that were asked for, and no others; bounds, access and keys
// are checked before a byte moves; immediates come after their bytes, in order. Method: the public
// interface, by tcp, by shared memory and by the socket beside it, against copies made by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "transfer/engine_pair.h"

namespace mlperf::transfer {
namespace {

class BatchesTest : public testing::TestWithParam<const char*> {
 protected:
  EnginePair ends_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Ways, BatchesTest, testing::Values("tcp", "shm", "socket"),
                         [](const auto& way) { return std::string(way.param); });

TEST_P(BatchesTest, AReadBringsTheBytes) {
  for (const uint64_t size : {1ull, 100ull, 70'000ull, 1ull << 20, (5ull << 20) + 3}) {
    const auto target = ends_.NewTarget(size);
    Fill(target, 1);
    const auto local = ends_.NewLocal(size);
    const auto op = Read(ends_.Open(target), local, {{0, 0, size}});
    ExpectDone(op);
    EXPECT_EQ(std::memcmp(local->data(), target->data(), size), 0) << size;
    EXPECT_EQ(op->nbytes(), size);
    EXPECT_GE(op->completed_ns(), op->posted_ns());
  }
}

TEST_P(BatchesTest, AWriteIsSeenByAReadAfterIt) {
  for (const uint64_t size : {1ull, 100ull, 70'000ull, 1ull << 20, (5ull << 20) + 3}) {
    const auto target = ends_.NewTarget(size);
    const auto remote = ends_.Open(target);
    const auto local = ends_.NewLocal(size);
    Fill(local, 7);
    ExpectDone(Write(remote, local, {{0, 0, size}}));
    const auto back = ends_.NewLocal(size);
    ExpectDone(Read(remote, back, {{0, 0, size}}));
    EXPECT_EQ(std::memcmp(local->data(), back->data(), size), 0) << size;
  }
}

TEST_P(BatchesTest, RandomSlicesMoveAsCopiesWould) {
  constexpr uint64_t kSize = 300'000;
  const auto target = ends_.NewTarget(kSize);
  const auto remote = ends_.Open(target);
  std::mt19937_64 draw(5);
  for (int round = 0; round < 20; ++round) {
    const auto local = ends_.NewLocal(kSize);
    Fill(local, static_cast<uint32_t>(round));
    Fill(target, static_cast<uint32_t>(round) + 100);
    const bool is_write = round % 2 == 1;
    std::string expected(is_write ? target->data() : local->data(), kSize);
    // Destinations do not overlap: one after another, with gaps; some slices are empty.
    std::vector<Slice> slices;
    uint64_t at = draw() % 50;
    while (slices.size() < 200) {
      const uint64_t nbytes = draw() % 4 == 0 ? 0 : draw() % 2000;
      const uint64_t from = draw() % (kSize - 2000);
      if (at + nbytes > kSize) break;
      slices.push_back(is_write ? Slice{from, at, nbytes} : Slice{at, from, nbytes});
      std::memcpy(&expected[at], (is_write ? local->data() : target->data()) + from, nbytes);
      at += nbytes + draw() % 100;
    }
    ExpectDone(is_write ? Write(remote, local, slices) : Read(remote, local, slices));
    const char* got = is_write ? target->data() : local->data();
    EXPECT_EQ(std::memcmp(got, expected.data(), kSize), 0) << round;
  }
}

TEST_P(BatchesTest, MoreSlicesThanAFrameHoldsAreOneOperation) {
  constexpr uint64_t kCount = 40'000;
  const auto target = ends_.NewTarget(kCount);
  Fill(target, 3);
  const auto local = ends_.NewLocal(kCount);
  std::vector<Slice> slices;
  for (uint64_t i = 0; i < kCount; ++i) slices.push_back({kCount - 1 - i, i, 1});
  ExpectDone(Read(ends_.Open(target), local, slices));
  EXPECT_TRUE(std::equal(local->data(), local->data() + kCount,
                         std::make_reverse_iterator(target->data() + kCount)));
  const auto writing = ends_.NewLocal(kCount);
  Fill(writing, 4);
  ExpectDone(Write(ends_.Open(target), writing, slices, 5));
  EXPECT_EQ(TakeImmediates(ends_.target, 1), std::vector<uint32_t>{5});
  EXPECT_TRUE(std::equal(writing->data(), writing->data() + kCount,
                         std::make_reverse_iterator(target->data() + kCount)));
}

TEST_P(BatchesTest, OverlappingSlicesGiveBytesOfOneOfThem) {
  const auto target = ends_.NewTarget(2000);
  std::memset(target->data(), 'a', 1000);
  std::memset(target->data() + 1000, 'b', 1000);
  const auto local = ends_.NewLocal(2000);
  ExpectDone(Read(ends_.Open(target), local, {{0, 0, 1000}, {500, 1000, 1000}, {0, 0, 700}}));
  for (int i = 0; i < 500; ++i) ASSERT_EQ(local->data()[i], 'a');
  for (int i = 500; i < 1000; ++i) ASSERT_TRUE(local->data()[i] == 'a' || local->data()[i] == 'b');
  for (int i = 1000; i < 1500; ++i) ASSERT_EQ(local->data()[i], 'b');
  for (int i = 1500; i < 2000; ++i) ASSERT_EQ(local->data()[i], 0);
}

TEST_P(BatchesTest, NothingIsDoneAtOnce) {
  const auto target = ends_.NewTarget(10);
  const auto remote = ends_.Open(target);
  const auto local = ends_.NewLocal(10);
  for (const std::vector<Slice>& slices : {std::vector<Slice>{}, {{3, 4, 0}, {10, 10, 0}}}) {
    EXPECT_TRUE(Read(remote, local, slices)->done());
    EXPECT_TRUE(Write(remote, local, slices)->done());
    ExpectDone(Write(remote, local, slices, 9));
    EXPECT_EQ(TakeImmediates(ends_.target, 1), std::vector<uint32_t>{9});
  }
}

TEST_P(BatchesTest, WhatLiesOutsideMovesNoByte) {
  const auto target = ends_.NewTarget(1000);
  const auto remote = ends_.Open(target);
  const auto local = ends_.NewLocal(500);
  Fill(local, 1);
  constexpr uint64_t kHuge = ~uint64_t{0};
  const std::vector<Slice> kBad = {{0, 1000, 1},      {0, 999, 2},
                                   {500, 0, 1},       {0, 0, 501},
                                   {kHuge, 0, 1},     {0, kHuge, 1},
                                   {0, 0, kHuge},     {1, 1, kHuge},
                                   {0, kHuge - 3, 5}, {0, kHuge / 2, kHuge / 2 + 1}};
  for (const Slice& bad : kBad) {
    std::shared_ptr<Op> op;
    const std::vector<Slice> slices = {{0, 0, 100}, bad};
    EXPECT_EQ(remote->Write(local, slices, 5, &op).code, StatusCode::kOutOfBounds);
    EXPECT_EQ(remote->Read(local, slices, &op).code, StatusCode::kOutOfBounds);
    EXPECT_EQ(op, nullptr);
  }
  EXPECT_EQ(std::string(target->data(), 1000), std::string(1000, '\0'));
  std::vector<Immediate> none;
  EXPECT_EQ(ends_.target->TakeImmediates(0, &none).code, StatusCode::kTimeout);
}

TEST_P(BatchesTest, AccessIsKept) {
  const auto local = ends_.NewLocal(100);
  Fill(local, 1);
  std::shared_ptr<Op> op;
  const std::vector<Slice> all = {{0, 0, 100}};
  const auto readable = ends_.NewTarget(100, Access::kRead);
  const auto read_only = ends_.Open(readable);
  EXPECT_EQ(read_only->Write(local, all, std::nullopt, &op).code, StatusCode::kRefused);
  ExpectDone(Read(read_only, local, all));
  const auto writable = ends_.NewTarget(100, Access::kWrite);
  const auto write_only = ends_.Open(writable);
  EXPECT_EQ(write_only->Read(local, all, &op).code, StatusCode::kRefused);
  ExpectDone(Write(write_only, local, all));
  EXPECT_EQ(std::memcmp(writable->data(), local->data(), 100), 0);
}

TEST_P(BatchesTest, OnlyTheRightDescriptorOpens) {
  const auto target = ends_.NewTarget(100);
  const std::string& right = target->descriptor();
  std::shared_ptr<RemoteRegion> remote;
  for (const std::string& malformed : {std::string(), std::string("x"), right.substr(1),
                                       right + "x", std::string(right.size(), 'x')}) {
    EXPECT_EQ(ends_.peer->Open(malformed, &remote).code, StatusCode::kInvalid);
  }
  for (size_t i = 0; i < right.size(); ++i) {
    std::string changed = right;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(ends_.peer->Open(changed, &remote).code, StatusCode::kInvalid) << i;
  }
  // Of another engine, and of a region that is gone.
  const auto foreign = Allocate(ends_.caller, 100);
  EXPECT_EQ(ends_.peer->Open(foreign->descriptor(), &remote).code, StatusCode::kRefused);
  const std::string old = ends_.NewTarget(100)->descriptor();
  EXPECT_EQ(ends_.peer->Open(old, &remote).code, StatusCode::kRefused);
  EXPECT_EQ(remote, nullptr);
  EXPECT_TRUE(ends_.peer->alive());
}

TEST_P(BatchesTest, ImmediatesComeAfterTheirBytesInOrder) {
  constexpr uint32_t kCount = 3000;
  const auto target = ends_.NewTarget(8 << 20);
  const auto remote = ends_.Open(target);
  const auto local = ends_.NewLocal(8 << 20);
  std::vector<std::shared_ptr<Op>> ops;
  for (uint32_t i = 0; i < kCount; ++i) std::memcpy(local->data() + 8 * i, &i, sizeof i);
  for (uint32_t i = 0; i < kCount; ++i) {
    // Some are copied at once, some in pieces, some have no bytes.
    const uint64_t nbytes = i % 500 == 7 ? 3 << 20 : i % 3 * 8;
    std::vector<Slice> slices = {{8 * i, 8 * i, nbytes}};
    if (8 * i + nbytes > local->nbytes()) slices[0].nbytes = 8;
    ops.push_back(Write(remote, local, slices, i));
  }
  std::vector<uint32_t> expected(kCount);
  std::iota(expected.begin(), expected.end(), 0u);
  EXPECT_EQ(TakeImmediates(ends_.target, kCount), expected);
  for (const auto& op : ops) ExpectDone(op);
  for (uint32_t i = 0; i < kCount; ++i) {
    uint32_t seen = 0;
    std::memcpy(&seen, target->data() + 8 * i, sizeof seen);
    if (i % 3 != 0) {
      ASSERT_EQ(seen, i);
    }
  }
}

TEST_P(BatchesTest, AnImmediateNamesItsPeerAndTime) {
  const auto target = ends_.NewTarget(8);
  const int64_t before = MonotonicNs();
  ExpectDone(Write(ends_.Open(target), ends_.NewLocal(8), {{0, 0, 8}}, 0xffffffff));
  std::vector<Immediate> immediates;
  ASSERT_TRUE(ends_.target->TakeImmediates(5, &immediates).ok());
  ASSERT_EQ(immediates.size(), 1u);
  EXPECT_EQ(immediates[0].imm, 0xffffffff);
  EXPECT_EQ(immediates[0].peer, ends_.accepted->number());
  EXPECT_GE(immediates[0].received_ns, before);
  EXPECT_LE(immediates[0].received_ns, MonotonicNs());
}

TEST_P(BatchesTest, ManyOperationsAtOnceAndFromFourThreads) {
  constexpr int kThreads = 4, kRounds = 200;
  const auto target = ends_.NewTarget(kThreads * 4096);
  const auto remote = ends_.Open(target);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const auto local = ends_.NewLocal(4096);
      const auto back = ends_.NewLocal(4096);
      const auto at = static_cast<uint64_t>(t) * 4096;
      for (int i = 0; i < kRounds; ++i) {
        std::memset(local->data(), t * 50 + i % 50, 4096);
        const auto write = Write(remote, local, {{0, at, 4096}});
        ExpectDone(write);
        std::vector<std::shared_ptr<Op>> reads;
        for (int k = 0; k < 5; ++k) reads.push_back(Read(remote, back, {{0, at, 4096}}));
        for (const auto& read : reads) ExpectDone(read);
        ASSERT_EQ(std::memcmp(local->data(), back->data(), 4096), 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(BatchesTest, MoreOperationsThanMayBeUnansweredAllComeThrough) {
  constexpr size_t kCount = 5000;
  const auto target = ends_.NewTarget(kCount);
  Fill(target, 9);
  const auto remote = ends_.Open(target);
  const auto local = ends_.NewLocal(kCount);
  std::vector<std::shared_ptr<Op>> ops;
  for (uint64_t i = 0; i < kCount; ++i) ops.push_back(Read(remote, local, {{i, i, 1}}));
  for (const auto& op : ops) ExpectDone(op);
  EXPECT_EQ(std::memcmp(local->data(), target->data(), kCount), 0);
}

TEST_P(BatchesTest, BothEndsMayOnlyWrite) {
  constexpr uint64_t kSize = 8 << 20;
  const auto target = ends_.NewTarget(kSize);
  const auto remote = ends_.Open(target);
  // The other way round, the accepting end writes.
  const auto other_target =
      ends_.how == "socket" ? Register(ends_.caller, kSize) : Allocate(ends_.caller, kSize);
  std::shared_ptr<RemoteRegion> other_remote;
  ASSERT_TRUE(ends_.accepted->Open(other_target->descriptor(), &other_remote).ok());
  const auto local = ends_.NewLocal(kSize);
  const auto other_local = Register(ends_.target, kSize);
  Fill(local, 1);
  Fill(other_local, 2);
  std::vector<std::shared_ptr<Op>> ops;
  for (int i = 0; i < 10; ++i) {
    ops.push_back(Write(remote, local, {{0, 0, kSize}}));
    ops.push_back(Write(other_remote, other_local, {{0, 0, kSize}}));
  }
  for (const auto& op : ops) ExpectDone(op);
  EXPECT_EQ(std::memcmp(local->data(), target->data(), kSize), 0);
  EXPECT_EQ(std::memcmp(other_local->data(), other_target->data(), kSize), 0);
}

TEST_P(BatchesTest, AnEndIsAnnouncedOnceOrHasHappened) {
  const auto target = ends_.NewTarget(4 << 20);
  const auto remote = ends_.Open(target);
  const auto local = ends_.NewLocal(4 << 20);
  size_t promised = 0;
  std::atomic<size_t> announced = 0;
  std::vector<std::shared_ptr<Op>> ops;
  for (int i = 0; i < 200; ++i) {
    const auto op = Read(remote, local, {{0, 0, i % 10 == 0 ? uint64_t{4} << 20 : 8}});
    promised += op->OnDone([&announced] { ++announced; }) ? 1 : 0;
    ops.push_back(op);
  }
  for (const auto& op : ops) ExpectDone(op);
  while (announced < promised) std::this_thread::yield();
  ends_.caller->Close();
  EXPECT_EQ(announced, promised);
}

TEST_P(BatchesTest, AnEngineMayBeItsOwnPeer) {
  std::shared_ptr<Peer> self;
  ASSERT_TRUE(ends_.target->Connect(ends_.target->address(), 5, &self).ok());
  const auto source = ends_.NewTarget(1000);
  Fill(source, 6);
  std::shared_ptr<RemoteRegion> remote;
  ASSERT_TRUE(self->Open(source->descriptor(), &remote).ok());
  const auto local = Register(ends_.target, 1000);
  ExpectDone(Read(remote, local, {{0, 0, 1000}}));
  EXPECT_EQ(std::memcmp(local->data(), source->data(), 1000), 0);
}

TEST(Batches, SpinningEndsMoveTheSameBytes) {
  for (const char* how : {"tcp", "shm"}) {
    const EnginePair ends(how, 50);
    const auto target = ends.NewTarget(100'000);
    Fill(target, 1);
    const auto remote = ends.Open(target);
    const auto local = ends.NewLocal(100'000);
    for (int i = 0; i < 200; ++i) ExpectDone(Read(remote, local, {{0, 0, 100'000}}));
    EXPECT_EQ(std::memcmp(local->data(), target->data(), 100'000), 0);
  }
}

}  // namespace
}  // namespace mlperf::transfer
