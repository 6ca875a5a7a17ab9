// The samples that a process works on for the test of another one: gives out response ids, checks
// what is completed, and keeps the responses until they are fetched to be sent, unless an outlet
// takes them at once.
#ifndef MLPERF_LOADGEN_SERVE_SERVED_SAMPLES_H_
#define MLPERF_LOADGEN_SERVE_SERVED_SAMPLES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "platform/wake_pipe.h"
#include "serve/completion_sink.h"
#include "serve/sample_table.h"

namespace mlperf::loadgen {

enum class ServedEvent : uint64_t {
  kCompleted,
  kFirstToken,
  kFailed,  // The bytes are the reason.
  kFault,   // Of no sample: the bytes say what was wrong.
  kAborted,
};

// A sample as it is handed in.
struct AdmittedSample {
  uint64_t key;  // The caller's name of it.
  uint64_t index;
  int64_t received_ns;  // Reading of the monotonic clock.
};

// What is to be reported about one sample. Times are readings of the monotonic clock.
struct ServedRow {
  uint64_t key;  // As given to Admit.
  ServedEvent event;
  int64_t time_ns;
  int64_t n_tokens;
  uint64_t size;  // Of its bytes, which come one row after another.
  uint64_t index;
  int64_t received_ns;
  int64_t issued_ns;

  // Nothing more will be reported about the sample.
  bool ends() const { return event == ServedEvent::kCompleted || event == ServedEvent::kFailed; }
};

struct ServedRows {
  std::vector<ServedRow> rows;
  std::string bytes;
};

// Takes what happened to samples when it happens. Called from any thread that completes samples.
class ServedOutlet {
 public:
  virtual ~ServedOutlet() = default;
  // `data`: the bytes of the row, which are good during the call.
  virtual void Take(const ServedRow& row, const void* data) = 0;
  // What one call of the system completed has been taken.
  virtual void Publish() = 0;
  // No more follow for now.
  virtual void Flush() = 0;
};

class ServedSamples : public CompletionSink {
 public:
  // Makes samples outstanding. Returns the response id of the first, the others follow it.
  ResponseId Admit(const AdmittedSample* samples, size_t count);
  // Notes that the samples from `first` on are issued to the system now. False if they have been
  // cleared: then they are not to be issued.
  bool MarkIssued(ResponseId first, size_t count, int64_t now_ns);
  bool IsOutstanding(ResponseId id);
  // Those that the system has, in the order in which they were admitted.
  std::vector<ResponseId> IssuedIds();
  // Forgets all samples and the outlet: their completions are no faults from now on. Nor is
  // anything else that goes wrong before Open, as it is of the run that has ended.
  void Clear();
  // Another run begins: faults and aborts are its own from now on, as they are of a new object.
  void Open();
  // From now on `outlet` takes what happens, until Clear. It must not call this object.
  void SetOutlet(std::shared_ptr<ServedOutlet> outlet);

  // What happened since the last call.
  ServedRows Take();
  // Readable while there is something to take. Belongs to this object.
  int fd() const { return wake_.fd(); }

  bool Claim(ResponseId id) override;
  void Complete(const QuerySampleResponse& response, int64_t now_ns) override;
  void Fail(ResponseId id, const std::string& reason, int64_t now_ns) override;
  void FirstToken(const QuerySampleResponse& response, int64_t now_ns) override;
  void Abort() override;
  void Publish() override;
  // To the outlet, if there is one.
  void Flush();

 private:
  std::shared_ptr<ServedOutlet> outlet();
  // The claimed sample, which is not outstanding any more; false if it was cleared meanwhile.
  bool Release(ResponseId id, OutstandingSample* sample);
  void Add(const ServedRow& row, const void* data, std::unique_lock<std::mutex>* lock);
  void AddText(ServedEvent event, const std::string& text, std::unique_lock<std::mutex>* lock);

  std::mutex mutex_;
  uint64_t next_ = 1;          // Id of the sample admitted next.
  uint64_t first_of_run_ = 1;  // Ids below are of samples that were cleared.
  bool is_open_ = true;        // There is a run for faults to be of.
  SampleTable outstanding_;
  std::shared_ptr<ServedOutlet> outlet_;
  ServedRows ready_;
  WakePipe wake_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SERVE_SERVED_SAMPLES_H_
