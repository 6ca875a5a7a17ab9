// Goal: the blocks of a text are the text, whatever the sizes, with and without a thread; an error
// comes in its place; memory is bounded; nothing outlives the reader.
// Method: texts from sources that count their calls; a source that waits for the test, and a test
// that waits for a source, where the order of events matters.
#include "read/block_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace mlperf::loadgen {
namespace {

// `text`, at most `piece_size` bytes a call.
BlockReader::Source Pieces(std::string_view text, size_t piece_size) {
  return [text, piece_size](char* buffer, size_t size) mutable {
    const size_t count = std::min({size, piece_size, text.size()});
    std::memcpy(buffer, text.data(), count);
    text.remove_prefix(count);
    return count;
  };
}

std::string Numbers(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(i) + " ";
  return text;
}

TEST(BlockReader, BlocksAreTheText) {
  const std::string text = Numbers(1000);
  for (const size_t block_count : {1U, 2U, 3U, 8U}) {
    for (const size_t block_size : {1U, 7U, 1000U, 100'000U}) {
      for (const size_t piece_size : {3U, 100'000U}) {
        const BlockReader::Source source = Pieces(text, piece_size);
        BlockReader reader(source, block_size, block_count);
        std::string read;
        for (std::string_view block = reader.Next(); !block.empty(); block = reader.Next()) {
          ASSERT_LE(block.size(), block_size);
          read += block;
        }
        ASSERT_EQ(read, text) << block_count << " blocks of " << block_size;
        EXPECT_TRUE(reader.Next().empty());
      }
    }
  }
}

TEST(BlockReader, EmptyText) {
  for (const size_t block_count : {1U, 2U}) {
    const BlockReader::Source source = Pieces("", 1);
    BlockReader reader(source, 10, block_count);
    EXPECT_TRUE(reader.Next().empty());
    EXPECT_TRUE(reader.Next().empty());
  }
}

TEST(BlockReader, ErrorComesAfterWhatWasReadBefore) {
  for (const size_t block_count : {1U, 2U, 4U}) {
    const BlockReader::Source source = [calls = 0](char* buffer, size_t size) mutable -> size_t {
      if (++calls == 4) throw std::runtime_error("unplugged");
      std::memset(buffer, '0' + calls, size);
      return size;
    };
    BlockReader reader(source, 2, block_count);
    EXPECT_EQ(reader.Next(), "11");
    EXPECT_EQ(reader.Next(), "22");
    EXPECT_EQ(reader.Next(), "33");
    try {
      reader.Next();
      FAIL() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "unplugged");
    }
    EXPECT_TRUE(reader.Next().empty());
  }
}

// A source without end whose calls can be counted and waited for.
class Counter {
 public:
  BlockReader::Source Source() {
    return [this](char* buffer, size_t size) {
      std::memset(buffer, 'a' + calls_, size);
      ++calls_;
      calls_.notify_all();
      return size;
    };
  }
  void WaitForCalls(int count) {
    for (int calls = calls_; calls < count; calls = calls_) calls_.wait(calls);
  }
  int calls() const { return calls_; }

 private:
  std::atomic<int> calls_ = 0;
};

TEST(BlockReader, ReadsAheadUntilTheBlocksAreFullAndNoFurther) {
  Counter counter;
  const BlockReader::Source source = counter.Source();
  {
    BlockReader reader(source, 5, 3);
    counter.WaitForCalls(3);  // Without any call of Next.
    const std::string_view first = reader.Next();
    EXPECT_EQ(first, "aaaaa");
    EXPECT_EQ(reader.Next(), "bbbbb");
    counter.WaitForCalls(4);  // In place of the first block.
    EXPECT_EQ(reader.Next(), "ccccc");
    EXPECT_EQ(reader.Next(), "ddddd");
  }
  EXPECT_LE(counter.calls(), 6);  // Three blocks are done with, three are in memory.
}

TEST(BlockReader, BlockStaysWhileTheNextAreRead) {
  Counter counter;
  const BlockReader::Source source = counter.Source();
  BlockReader reader(source, 1000, 2);
  counter.WaitForCalls(2);
  for (int i = 0; i < 20; ++i) {
    const std::string_view block = reader.Next();
    counter.WaitForCalls(i + 2);  // The other block is full.
    ASSERT_EQ(block, std::string(1000, static_cast<char>('a' + i)));
    ASSERT_EQ(counter.calls(), i + 2);
  }
}

TEST(BlockReader, OneBlockIsReadByTheCallerWhenItAsks) {
  int calls = 0;
  const std::thread::id caller = std::this_thread::get_id();
  const BlockReader::Source source = [&](char* buffer, size_t) -> size_t {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    *buffer = 'x';
    return ++calls < 3 ? 1 : 0;
  };
  BlockReader reader(source, 1, 1);
  EXPECT_EQ(calls, 0);
  while (!reader.Next().empty()) {
  }
  reader.Next();
  EXPECT_EQ(calls, 3);  // Not asked again after the end.
}

// Else the source would be called after its end of life: the sanitizers would report it.
TEST(BlockReader, EndsWithoutHavingReadAll) {
  for (int blocks_taken = 0; blocks_taken < 5; ++blocks_taken) {
    for (int repeat = 0; repeat < 20; ++repeat) {
      Counter counter;
      const BlockReader::Source source = counter.Source();
      BlockReader reader(source, 100, 3);
      for (int i = 0; i < blocks_taken; ++i) EXPECT_FALSE(reader.Next().empty());
    }
  }
}

}  // namespace
}  // namespace mlperf::loadgen
