// A text in blocks, read ahead by a thread of its own: to read the next block while this one is
// worked on takes the time of the longer of both instead of their sum.
#ifndef MLPERF_LOADGEN_READ_BLOCK_READER_H_
#define MLPERF_LOADGEN_READ_BLOCK_READER_H_

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

namespace mlperf::loadgen {

class BlockReader {
 public:
  // Copies the next bytes of a text, at most `size`, to `buffer` and returns their number, 0 at the
  // end of the text. May throw.
  using Source = std::function<size_t(char* buffer, size_t size)>;

  // Takes the memory of `block_count` blocks of `block_size` bytes. With one block, and where the
  // system has no thread left, Next itself calls `source`, which has to outlive this object.
  BlockReader(const Source& source, size_t block_size, size_t block_count);
  BlockReader(const BlockReader&) = delete;
  BlockReader& operator=(const BlockReader&) = delete;
  ~BlockReader();  // Waits for a call of `source` that is under way.

  // The next bytes, until the next call; empty at the end of the text and ever after. Throws what
  // `source` threw, after all bytes that came before.
  std::string_view Next();

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;           // 0: the last one.
    std::exception_ptr error;  // Of the last one.
  };

  Block& BlockAt(size_t i) { return blocks_[i % blocks_.size()]; }
  void Fill(Block* block);
  void ReadAhead();
  void WaitForNext();

  const Source& source_;
  const size_t block_size_;
  std::vector<Block> blocks_;  // A ring.
  size_t next_ = 0;            // Counts blocks from the start, as the counters below.
  bool ended_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  size_t filled_ = 0;
  size_t released_ = 0;  // To be filled again.
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_READ_BLOCK_READER_H_
