// The samples that a process works on for the test of another one: gives out response ids, checks
// what is completed, and keeps the responses until they are fetched to be sent.
#ifndef MLPERF_LOADGEN_SERVE_SERVED_SAMPLES_H_
#define MLPERF_LOADGEN_SERVE_SERVED_SAMPLES_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "platform/wake_pipe.h"
#include "serve/completion_sink.h"

namespace mlperf::loadgen {

enum class ServedEvent : uint64_t {
  kCompleted,
  kFirstToken,
  kFailed,  // The bytes are the reason.
  kFault,   // Of no sample: the bytes say what was wrong.
  kAborted,
};

// What is to be reported about one sample.
struct ServedRow {
  uint64_t key;  // As given to Admit.
  ServedEvent event;
  int64_t time_ns;  // Reading of the monotonic clock.
  int64_t n_tokens;
  uint64_t size;  // Of its bytes, which come one row after another.
};

struct ServedRows {
  std::vector<ServedRow> rows;
  std::string bytes;
};

class ServedSamples : public CompletionSink {
 public:
  // Makes samples outstanding; `keys` are the caller's names of them. Returns the response id of
  // the first, the others follow it.
  ResponseId Admit(const uint64_t* keys, size_t count);
  bool IsOutstanding(ResponseId id);
  // Forgets all samples: their completions are no faults from now on. Nor is anything else
  // that goes wrong before Open, as it is of the run that has ended.
  void Clear();
  // Another run begins: faults and aborts are its own from now on, as they are of a new object.
  void Open();

  // What happened since the last call.
  ServedRows Take();
  // Readable while there is something to take. Belongs to this object.
  int fd() const { return wake_.fd(); }

  bool Claim(ResponseId id) override;
  void Complete(const QuerySampleResponse& response, int64_t now_ns) override;
  void Fail(ResponseId id, const std::string& reason, int64_t now_ns) override;
  void FirstToken(const QuerySampleResponse& response, int64_t now_ns) override;
  void Abort() override;

 private:
  void Add(ServedRow row, const void* data);
  void AddText(ServedEvent event, const std::string& text);

  std::mutex mutex_;
  uint64_t next_ = 1;          // Id of the sample admitted next.
  uint64_t first_of_run_ = 1;  // Ids below are of samples that were cleared.
  bool is_open_ = true;        // There is a run for faults to be of.
  std::unordered_map<uint64_t, uint64_t> outstanding_;  // Id to key.
  std::unordered_map<uint64_t, uint64_t> claimed_;
  ServedRows ready_;
  WakePipe wake_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SERVE_SERVED_SAMPLES_H_
