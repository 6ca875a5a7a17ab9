// What happened while one set was issued: times, counts, broken promises. No opinions.
#ifndef MLPERF_LOADGEN_RECORD_RUN_RECORD_H_
#define MLPERF_LOADGEN_RECORD_RUN_RECORD_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "record/sample_slots.h"
#include "record/stop_condition.h"
#include "record/token_record.h"
#include "settings/utf8_text.h"

namespace mlperf::loadgen {

enum class Phase : uint16_t { kAccuracy, kPerformance, kWarmUp };

// Ways in which a system under test breaks its contract, one counter each.
enum class Violation : uint8_t {
  kUnknownId,           // An id no sample of this test has.
  kForeignId,           // An id of another test of this process, or of an earlier set.
  kEarlyCompletion,     // A sample that was not issued yet.
  kDoubleCompletion,    // A sample that was completed before.
  kDoubleFirstToken,    // A sample whose first token was reported before.
  kLateFirstToken,      // A first token after the completion.
  kMissingFirstToken,   // Token mode, but in Offline: completed without a first token.
  kMissingTokenCount,   // Token mode: n_tokens is 0.
  kNegativeTokenCount,  // Token mode: n_tokens < 0.
  kTooFewTokens,        // Token mode: n_tokens is 1.
  kLateCompletion,      // After its set had ended, with all samples completed.
  kImpossibleTime,  // An answer with a time before its issue, after its report, or out of order.
  kNullData,        // Logged response with size > 0 at address 0, or of an impossible size.
  kFailed,          // A sample that the system under test could not answer.
  kFault,           // A fault that it reported, and that cost no sample.
  kCount
};
constexpr size_t kFailureTexts = 10;  // Of a kind.
constexpr size_t kViolationKinds = static_cast<size_t>(Violation::kCount);

// One of the first few occurrences of a violation.
struct ViolationDetail {
  Violation kind;
  uint64_t response_id;
  uint64_t query;  // Sequence numbers within the test; meaningless for ids of no sample.
  uint64_t sample;
  int64_t time_ns;  // Clock reading.
};

struct ViolationRecord {
  std::array<uint64_t, kViolationKinds> counts{};
  std::vector<ViolationDetail> first;  // The first few, in order.
  std::vector<std::string> failures;   // What was said of kFailed: the first few different texts.
  std::vector<std::string> faults;     // Likewise of kFault.
  // How many samples failed of each of `failures`; those of more texts are kOtherReasons.
  std::map<std::string, uint64_t> failure_counts;
  static inline const std::string kOtherReasons = "other reasons";
  uint64_t total() const {
    uint64_t sum = 0;
    for (uint64_t count : counts) sum += count;
    return sum;
  }
  // Why `count` samples failed, which are counted one by one elsewhere.
  void AddFailureText(const std::string& text, uint64_t count) {
    const std::string said = Said(text);
    failure_counts[AddText(said, &failures) ? said : kOtherReasons] += count;
  }
  void AddFault(const std::string& text) {
    ++counts[static_cast<size_t>(Violation::kFault)];
    AddText(Said(text), &faults);
  }
  uint64_t operator[](Violation kind) const { return counts[static_cast<size_t>(kind)]; }

 private:
  static inline const std::string kNoText = "no reason was given";
  // What can be shown of a system's text, which may hold any bytes.
  static std::string Said(const std::string& text) {
    const bool is_blank = text.find_first_not_of(" \t\r\n") == std::string::npos;
    return is_blank ? kNoText : ValidUtf8(text);
  }
  // False if there is no room for what was said.
  static bool AddText(const std::string& said, std::vector<std::string>* texts) {
    if (std::find(texts->begin(), texts->end(), said) != texts->end()) return true;
    if (texts->size() == kFailureTexts) return false;
    texts->push_back(said);
    return true;
  }
};

// How the traffic of a set was made, as logged.
struct GeneratedTotals {
  uint64_t query_count = 0;
  uint64_t samples_per_query = 1;
  int64_t duration_ns = 0;  // One step beyond the last query.
};

// One issue thread's end.
struct IssueEnd {
  StopReason reason = StopReason::kNone;
  uint64_t queries_issued = 0;  // By this thread.
  uint64_t outstanding = 0;     // Whole test, at the end of issuing.
  int64_t elapsed_ns = 0;  // Issue time of its last query, or end of its last wait, minus start.
};

// By how much waits for the time of a query ended too late, and why; without those under 10 us.
struct LateWaits {
  int64_t machine_ns = 0;  // The thread was not run: woken up late, or preempted.
  int64_t gate_ns = 0;     // What callbacks need was held by others.
};

struct RunRecord {
  Phase phase = Phase::kPerformance;
  std::vector<uint64_t> loaded_set;  // Sample indices as loaded, with padding.
  GeneratedTotals generated;

  uint64_t first_query = 0;  // Sequence number within the test of this set's query 0.
  uint64_t first_sample = 0;
  uint64_t queries_issued = 0;
  uint64_t samples_issued = 0;
  uint64_t samples_completed = 0;  // Answered, failed or cancelled.
  uint64_t samples_failed = 0;
  uint64_t samples_cancelled = 0;
  // One beyond the last issued query. Larger than queries_issued only where several issue threads
  // stopped at different points; the queries between that were not issued have an issue time of 0.
  uint64_t query_end = 0;
  std::shared_ptr<const SampleSlots> slots;
  std::shared_ptr<const TokenRecord> tokens;  // None: no answer had times of its own.

  // Clock readings, ns.
  int64_t start_ns = 0;  // Issuing starts.
  int64_t load_start_ns = 0, load_end_ns = 0;
  int64_t unload_start_ns = 0, unload_end_ns = 0;
  int64_t generate_start_ns = 0, generate_end_ns = 0;
  int64_t issue_end_ns = 0;       // Issuing ended, before the flush.
  int64_t drained_ns = 0;         // Nothing outstanding any more.
  int64_t system_start_ns = 0;    // Wall clock at start_ns, since the Unix epoch.
  int64_t system_drained_ns = 0;  // Wall clock at drained_ns.

  std::vector<IssueEnd> issue_ends;  // One an issue thread.
  ViolationRecord violations;
  bool aborted = false;          // AbortTest, an interrupt or a callback's exception.
  int64_t stalled_for_ns = 0;    // The set was ended because nothing came back for this long.
  std::exception_ptr exception;  // What a callback threw.

  // Open loop: queries that were already due when the system under test returned from the
  // previous IssueQuery, so that the generator could not issue them in time.
  uint64_t queries_held_up_by_sut = 0;
  int64_t spun_ns = 0;   // Open loop: CPU time that issue threads spent on waiting.
  LateWaits late_waits;  // Open loop: of all issue threads.

  int64_t ScheduledNs(uint64_t query) const {  // Clock reading.
    if (slots->scheduled_is_issued) return IssuedNs(query);
    return start_ns + slots->scheduled_delta_ns[query];
  }
  int64_t IssuedNs(uint64_t query) const {
    return slots->issued_ns[query].load(std::memory_order_relaxed);
  }
  // Calls visit(query) for each issued query of the set, in order. Where several threads issue,
  // one may have ended before the others: then there are gaps between the issued queries.
  template <typename Visit>
  void ForEachIssuedQuery(Visit visit) const {
    uint64_t seen = 0;
    for (uint64_t query = 0; seen < queries_issued; ++query) {
      if (query == slots->issued_ns.capacity()) return;
      if (IssuedNs(query) == 0) continue;
      visit(query);
      ++seen;
    }
  }
  // Answered, failed or cancelled; 0: never.
  int64_t CompletedNs(uint64_t sample) const { return slots->CompletedNs(sample); }
  int64_t AnsweredNs(uint64_t sample) const { return slots->AnsweredNs(sample); }  // 0: never.
  bool Failed(uint64_t sample) const { return slots->Failed(sample); }
  bool Cancelled(uint64_t sample) const { return slots->Cancelled(sample); }
  // The numbers that people see: those of the test, but of a warm-up those within it.
  uint64_t FirstShownQuery() const { return phase == Phase::kWarmUp ? 0 : first_query; }
  uint64_t FirstShownSample() const { return phase == Phase::kWarmUp ? 0 : first_sample; }
  uint64_t samples_answered() const {
    return samples_completed - samples_failed - samples_cancelled;
  }
  int64_t FirstTokenNs(uint64_t sample) const {  // 0: never, or not recorded.
    return slots->first_token_ns.empty()
               ? 0
               : slots->first_token_ns[sample].load(std::memory_order_relaxed);
  }
  int64_t TokenCount(uint64_t sample) const {  // As reported; 0 if not recorded.
    return slots->token_count.empty() ? 0
                                      : slots->token_count[sample].load(std::memory_order_relaxed);
  }
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_RECORD_RUN_RECORD_H_
