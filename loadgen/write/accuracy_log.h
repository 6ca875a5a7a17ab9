// mlperf_log_accuracy.json: the responses of the logged samples, streamed out during the run.
#ifndef MLPERF_LOADGEN_WRITE_ACCURACY_LOG_H_
#define MLPERF_LOADGEN_WRITE_ACCURACY_LOG_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "platform/output_file.h"
#include "record/response_sink.h"

namespace mlperf::loadgen {

// Which fields a record has.
struct AccuracyFormat {
  bool token_data = false;
  bool token_count = false;
};

// Completing threads format their records into blocks (hex digits straight from the user's
// buffer); a thread of its own writes the blocks out. The queue of full blocks is bounded: a
// completing thread waits when the disk cannot keep up. Blocks end with a whole record. The lock
// is held to take space in a block, not to fill it. What is in a block for long is written as well,
// so that a killed process loses half a second of records at most.
class AccuracyLog final : public ResponseSink {
 public:
  AccuracyLog(OutputFile* file, AccuracyFormat format);
  ~AccuracyLog() override;  // Finishes the document if that was not done.

  void Start() override;  // Starts the writing thread.
  void Append(const LoggedResponse& response) override;

  // Writes what is left and ends the JSON document. After it nothing may be appended.
  void Finish();

  uint64_t record_count() const;

 private:
  struct Block;
  struct Space {  // For one record.
    Block* block;
    char* begin;
  };
  Space TakeSpace(size_t record_size);
  void GiveBack(const Space& space);
  void RequireRoom(size_t size, std::unique_lock<std::mutex>* lock);
  std::unique_ptr<Block> EmptyBlock(size_t size);
  std::unique_ptr<Block> NextBlock(std::unique_ptr<Block> written);
  void WriteBlocks();

  OutputFile* file_;
  AccuracyFormat format_;
  mutable std::mutex mutex_;
  std::condition_variable work_or_room_;
  std::unique_ptr<Block> current_;
  std::deque<std::unique_ptr<Block>> full_;
  std::vector<std::unique_ptr<Block>> spare_;
  uint64_t record_count_ = 0;
  bool finishing_ = false;
  bool finished_ = false;  // The document is ended.
  std::thread writer_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_ACCURACY_LOG_H_
