// Writes what happened to samples to the lane of a load generator.
//
// The thread that completes samples writes them itself, which is quickest. At a high pace that
// would cost it more than the answers' wait: then they are gathered for a moment.
#ifndef MLPERF_LOADGEN_NETWORK_ANSWER_WRITER_H_
#define MLPERF_LOADGEN_NETWORK_ANSWER_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "descriptor.h"
#include "held_payloads.h"
#include "lane_wire.h"
#include "outbox.h"
#include "pace.h"
#include "serve/served_samples.h"
#include "shared_poller.h"

namespace mlperf::network {

// Any thread may call any method. The handlers it has in the poller keep it alive until Close.
class AnswerWriter : public loadgen::ServedOutlet,
                     public std::enable_shared_from_this<AnswerWriter> {
 public:
  // `max_answer_bytes`: an answer of more fails its sample. `max_unread_answers`: a load generator
  // that leaves more unread is given up. `lost`: called once, with the reason, when nothing can be
  // written any more; it may not call this object.
  struct Options {
    std::shared_ptr<const transfer::Descriptor> socket;
    uint64_t max_answer_bytes = 0;
    size_t max_unread_answers = 0;
    HeldPayloads* payloads = nullptr;  // Of a sample that is answered, released.
    SharedPoller* poller = nullptr;
    std::function<void(std::string reason)> lost;
  };
  // Throws std::system_error if the process has no descriptor left.
  explicit AnswerWriter(Options options);

  // Once, before all else.
  void Open();
  // Nothing is written any more.
  void Close();

  void Take(const loadgen::ServedRow& row, const void* data) override;
  void Publish() override;
  void Flush() override;

 private:
  void Add(const loadgen::ServedRow& row, AnswerKind kind, const void* data, size_t size);
  void EndGathering();
  // To be called with the lock.
  void Gather();
  void BeginWrite();
  void Lose(std::string reason);

  Options options_;
  transfer::Descriptor writable_;  // The same socket, watched for when it takes more.
  transfer::Descriptor timer_;     // Ends the gathering.
  std::mutex mutex_;
  Outbox gathered_;
  std::byte* sent_record_ = nullptr;  // The time of writing in `gathered_`, to be filled in.
  size_t gathered_count_ = 0;
  Outbox sending_;  // Used without the lock by the thread that writes.
  size_t sending_count_ = 0;
  size_t unpublished_count_ = 0;
  Pace pace_;
  bool is_writing_ = false;
  bool timer_runs_ = false;
  bool is_closed_ = false;
};

}  // namespace mlperf::network

#endif  // MLPERF_LOADGEN_NETWORK_ANSWER_WRITER_H_
