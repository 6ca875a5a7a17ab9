// Goal: pieces of an arena do not overlap, and are used again once all are free. Method: an arena
// that is filled.
#include "arena.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace mlperf::network {
namespace {

TEST(ArenaTest, BlocksDoNotOverlapAndBeginAtLines) {
  std::shared_ptr<Arena> arena;
  ASSERT_TRUE(Arena::Make(4096, &arena).ok());
  std::vector<std::unique_ptr<Arena::Block>> blocks;
  for (int i = 0; i < 3; ++i) blocks.push_back(arena->Take(100));
  EXPECT_EQ(blocks[0]->place(), 0u);
  EXPECT_EQ(blocks[1]->place(), 128u);
  EXPECT_EQ(blocks[2]->data() - blocks[0]->data(), 256);
}

TEST(ArenaTest, WhatIsFullIsUsedAgainOnceAllIsFree) {
  std::shared_ptr<Arena> arena;
  ASSERT_TRUE(Arena::Make(4096, &arena).ok());
  std::unique_ptr<Arena::Block> one = arena->Take(4000);
  EXPECT_EQ(arena->Take(100), nullptr);
  std::unique_ptr<Arena::Block> last = arena->Take(64);
  EXPECT_NE(last, nullptr);
  EXPECT_EQ(arena->Take(1), nullptr);
  one.reset();
  EXPECT_EQ(arena->Take(100), nullptr);
  last.reset();
  EXPECT_NE(arena->Take(4096), nullptr);
  EXPECT_EQ(arena->Take(UINT64_MAX), nullptr);
}

}  // namespace
}  // namespace mlperf::network
