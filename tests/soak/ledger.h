// The system's own account of a run: what it was to do, and everything it called.
#ifndef MLPERF_LOADGEN_TESTS_SOAK_LEDGER_H_
#define MLPERF_LOADGEN_TESTS_SOAK_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "query_sample.h"

namespace mlperf::soak {

// Nanoseconds of the machine's monotonic clock.
int64_t NowNs();

// What was done wrong on purpose.
enum class Fault : uint8_t {
  kUnknownId,
  kForeignId,
  kGuessedId,
  kDuplicate,
  kRacingDuplicate,
  kAfterRun,
  kDropped,
  kNullData,
  kDoubleFirstToken,
  kMissingFirstToken,
  kLateFirstToken,
  kBadTokenCount,
  kThrown,
  kAbort,
  kNestedStart,
  kSlowCallback,
  kCount
};
constexpr size_t kFaultKinds = static_cast<size_t>(Fault::kCount);
const char* NameOf(Fault fault);

struct IssuedSample {
  ResponseId id;
  QuerySampleIndex index;
  size_t set;        // Which loaded set, from 0.
  uint64_t call;     // Which IssueQuery of the run.
  int64_t noted_ns;  // On entry into IssueQuery.
};

// What a response callback did.
enum class CallbackUse : uint8_t { kNone, kChanged, kThrew };

// Where the id of an attempt came from.
enum class IdOrigin : uint8_t { kIssued, kGuessed, kForeign, kUnknown };

// One id handed to QuerySamplesComplete or FirstTokenComplete.
struct Attempt {
  ResponseId id = 0;
  IdOrigin origin = IdOrigin::kIssued;
  bool is_first_token = false;
  bool has_null_data = false;
  CallbackUse callback = CallbackUse::kNone;
  uint64_t payload_seed = 0;  // Payload(payload_seed, size) was the data.
  size_t size = 0;
  int64_t n_tokens = 0;
  uint64_t call = 0;                 // Which call of the run.
  size_t position = 0;               // In the call.
  int64_t begin_ns = 0, end_ns = 0;  // The call was within.
};

// The bytes of a response.
std::vector<uint8_t> Payload(uint64_t seed, size_t size);
// What changed responses are changed to.
const std::vector<uint8_t>& ChangedPayload();

struct SetCalls {
  std::vector<QuerySampleIndex> loaded;
  std::vector<QuerySampleIndex> unloaded;
  int64_t load_begin_ns = 0;
  int64_t first_issue_ns = 0;    // 0: nothing was issued.
  int64_t last_callback_ns = 0;  // In IssueQuery or FlushQueries.
  bool is_unloaded = false;
};

// Callbacks are noted under a lock. Attempts are kept by each thread and added when it ends, so
// that the account does not order what the threads do.
class Ledger {
 public:
  void NoteLoad(const std::vector<QuerySampleIndex>& samples);
  void NoteUnload(const std::vector<QuerySampleIndex>& samples);
  // Returns how many samples were issued before.
  uint64_t NoteIssue(const std::vector<QuerySample>& samples);
  // The test is still issuing or flushing.
  void NoteCallback();
  void NoteFault(Fault fault);
  // Something the load generator must not do.
  void NoteProblem(const std::string& problem);
  void AddAttempts(std::vector<Attempt> attempts);

  // After the run, when all threads have ended.
  std::vector<IssuedSample> issued;
  std::vector<SetCalls> sets;
  std::vector<Attempt> attempts;
  std::vector<std::string> problems;
  uint64_t fault_counts[kFaultKinds] = {};
  uint64_t count(Fault fault) const { return fault_counts[static_cast<size_t>(fault)]; }

 private:
  std::mutex mutex_;
  uint64_t issue_calls_ = 0;
};

}  // namespace mlperf::soak

#endif  // MLPERF_LOADGEN_TESTS_SOAK_LEDGER_H_
