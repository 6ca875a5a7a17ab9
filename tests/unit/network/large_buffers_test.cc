// Goal: memory of large records is used again if it fits, and not kept without a bound. Method:
// buffers that are taken and returned.
#include "large_buffers.h"

#include <gtest/gtest.h>

#include <vector>

namespace mlperf::network {
namespace {

TEST(LargeBuffersTest, WhatFitsIsUsedAgain) {
  OwnedBytes bytes = LargeBuffers::Instance().Take(1'000'000);
  const std::byte* where = bytes.get();
  bytes.reset();
  const OwnedBytes larger = LargeBuffers::Instance().Take(1'000'001);
  const OwnedBytes much_smaller = LargeBuffers::Instance().Take(100'000);
  EXPECT_NE(larger.get(), where);
  EXPECT_NE(much_smaller.get(), where);
  bytes = LargeBuffers::Instance().Take(900'000);
  EXPECT_EQ(bytes.get(), where);
  const OwnedBytes another = LargeBuffers::Instance().Take(900'000);
  EXPECT_NE(another.get(), where);
}

TEST(LargeBuffersTest, OtherMemoryIsFreed) {
  OwnedBytes bytes = std::make_unique_for_overwrite<std::byte[]>(1'000'003);
  bytes = LargeBuffers::Instance().Take(1'000'003);
  bytes = nullptr;
}

TEST(LargeBuffersTest, ManyAreNotKept) {
  std::vector<OwnedBytes> taken;
  for (int i = 0; i < 100; ++i) taken.push_back(LargeBuffers::Instance().Take(8 << 20));
  taken.clear();
  for (int i = 0; i < 100; ++i) taken.push_back(LargeBuffers::Instance().Take(8 << 20));
  EXPECT_EQ(taken.size(), 100u);
}

}  // namespace
}  // namespace mlperf::network
