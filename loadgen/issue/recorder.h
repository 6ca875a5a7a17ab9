// The recorder of one issued set: hands out slots for queries, checks response ids, takes
// completions from any thread, and counts down what is outstanding.
//
// A completion allocates nothing and takes no lock: it is one clock reading for the call, one claim
// of a slot for each sample, and one addition for the call. On the thread that issues, claim and
// addition are plain stores; elsewhere they are atomic.
#ifndef MLPERF_LOADGEN_ISSUE_RECORDER_H_
#define MLPERF_LOADGEN_ISSUE_RECORDER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "issue/sleeper.h"
#include "platform/clock.h"
#include "platform/run_control.h"
#include "query_sample.h"
#include "record/response_sink.h"
#include "record/run_record.h"
#include "record/timed_answer.h"
#include "record/token_record.h"
#include "traffic/accuracy_sampling.h"
#include "traffic/query_source.h"

namespace mlperf::loadgen {

// A response id is a tag that differs between the tests of a process, then the sample's sequence
// number within the test. Ids of other tests, of earlier sets and of nothing at all are
// distinguished.
constexpr int kSampleIdBits = 40;
constexpr int kTagBits = 20;

class Recorder {
 public:
  struct Options {
    uint64_t id_tag = 1;       // 1 to 2^kTagBits - 1.
    uint64_t first_query = 0;  // Sequence numbers of this set's first query and sample.
    uint64_t first_sample = 0;
    uint64_t samples_per_query = 1;
    bool closed_loop = false;          // Scheduled and issued time are the same.
    bool tokens = false;               // Keep first tokens and token counts.
    bool first_token_required = true;  // With tokens: a completion must come after one.
    bool short_answers = false;        // With tokens: an answer may have one token.
    TokenClock token_clock = TokenClock::Arrival;
    bool issue_spans = false;              // Keep when IssueQuery returned.
    ResponseSink* responses = nullptr;     // None: no response is logged.
    AccuracySampling* sampling = nullptr;  // With responses: log only the sampled ones.
    bool token_data = false;               // The accuracy log has first-token bytes.
    RunControl* control = nullptr;         // Gets exceptions of completing threads at once.
    // How often a waiting issuer looks at requests to stop, and polls the gate.
    std::chrono::milliseconds poll_interval{20};
  };

  Recorder(const Options& options, const Clock* clock);

  // --- The producer of queries (one thread at a time) ---

  // Makes room for the block's queries and writes down what is planned of them.
  void Append(const QueryBlock& block);
  uint64_t queries_ready() const { return queries_ready_.load(std::memory_order_acquire); }

  // --- The issuers ---

  ResponseId IdOf(uint64_t sample) const { return id_base_ + sample; }
  uint32_t SampleIndex(uint64_t sample) const { return slots_->sample_index[sample]; }
  int64_t ScheduledDeltaNs(uint64_t query) const { return slots_->scheduled_delta_ns[query]; }
  uint64_t samples_per_query() const { return options_.samples_per_query; }
  // Must come before the system under test learns of the query.
  void MarkIssued(uint64_t query, int64_t now_ns) {
    slots_->issued_ns[query].store(now_ns, std::memory_order_release);
  }
  void MarkIssueReturned(uint64_t query, int64_t now_ns) {
    slots_->issue_returned_ns[query] = now_ns;
  }
  void MarkHeldUp(uint64_t query) { slots_->held_up[query] = 1; }
  bool keeps_issue_spans() const { return options_.issue_spans; }

  uint64_t completed_count() const {
    return completed_by_issuer_.load(std::memory_order_acquire) +
           completed_count_.load(std::memory_order_seq_cst);
  }

  // When the oldest sample that is outstanding was issued; 0: none is. Looks at all of them.
  int64_t OldestOutstandingNs() const;

  // Waits until `count` samples are completed. False if the test was stopped before that. The
  // gate is left while waiting.
  bool WaitForCompleted(uint64_t count, RunControl* control, CallbackGate* gate) {
    return completed_count() >= count || Wait(count, control, gate);
  }

  // What is published, both at one time.
  struct Counts {
    uint64_t completed = 0;  // Answered or failed.
    uint64_t failed = 0;
  };
  Counts CountPublished() const;

  // --- The completers (any thread, many at a time) ---

  int64_t NowNs() const { return clock_->NowNs(); }
  bool logs_responses() const { return options_.responses != nullptr; }

  // Records a completion at `now_ns`. True, and the sample's position within the set, if the id
  // was good; if not, the violation is counted.
  // `alone`: called by the only thread that issues, between issue and return.
  bool Complete(ResponseId id, int64_t now_ns, int64_t n_tokens, bool alone, uint64_t* sample) {
    if (!Resolve(id, now_ns, sample)) return false;
    if (!Claim(&slots_->completed_ns[*sample], now_ns, alone)) {
      Violate(Violation::kDoubleCompletion, id, *sample, now_ns);
      return false;
    }
    if (options_.tokens) RecordTokens(id, *sample, now_ns, n_tokens);
    return true;
  }

  // The same with the times of the answer. If they are impossible, that is counted, and `now_ns` is
  // taken for them. `believed`: they were possible.
  bool CompleteTimed(const TimedAnswer& answer, int64_t now_ns, bool alone, uint64_t* sample,
                     bool* believed);
  // Keeps what a timed answer that was completed said besides.
  void KeepAnswer(uint64_t sample, const TimedAnswer& answer, bool believed);

  // Records a first token at `now_ns`.
  bool FirstToken(ResponseId id, int64_t now_ns, uint64_t* sample);

  // Ends a sample that will not be answered, and says so in the result. False if the id was not
  // good. To be followed by PublishFailed.
  bool Fail(ResponseId id, int64_t now_ns, bool alone);
  // What was wrong without a sample that failed of it.
  void NoteFault(const std::string& text);

  bool LogsResponse(uint64_t sample) const {
    return logs_responses() && (options_.sampling == nullptr || slots_->log_response[sample] != 0);
  }
  void LogResponse(uint64_t sample, const QuerySampleResponse& response, int64_t now_ns);
  bool keeps_token_data() const { return logs_responses() && options_.token_data; }
  void KeepTokenData(uint64_t sample, const QuerySampleResponse& response, int64_t now_ns);

  // Publishes that `count` samples were completed; may wake the issuer.
  void Publish(uint64_t count) {
    completed_count_.fetch_add(count, std::memory_order_seq_cst);
    issuer_.Wake();
  }

  // The same on the only thread that issues: it waits for no other meanwhile, and no other writes
  // this count.
  void PublishByIssuer(uint64_t count) {
    const uint64_t before = completed_by_issuer_.load(std::memory_order_relaxed);
    completed_by_issuer_.store(before + count, std::memory_order_release);
  }

  // Publishes that `count` samples failed, and why.
  void PublishFailed(uint64_t count, const std::string& text, bool alone);

  // A completing thread met an exception of a user's callback: hands it to Options::control.
  void ReportException(std::exception_ptr exception);

  // --- After the set ---

  // Samples that were completed, each counted once: the published ones, as far as that is known
  // without looking, and else the slots that are taken.
  uint64_t CountCompleted() const;
  uint64_t CountFailed() const;
  uint64_t CountCancelled() const;
  ViolationRecord TakeViolations();
  std::shared_ptr<const TokenRecord> tokens() const;  // None: there was no timed answer.
  // Shows `look` what timed answers said so far, with the lock held that they take: for a short
  // look while answers may still come.
  template <typename Look>
  void LookAtTokens(Look&& look) const {
    std::lock_guard<std::mutex> lock(mutex_);
    if (tokens_ != nullptr) look(std::as_const(*tokens_));
  }
  std::shared_ptr<const SampleSlots> slots() const { return slots_; }

 private:
  // True if `id` is that of an issued sample of this set.
  bool Resolve(ResponseId id, int64_t now_ns, uint64_t* sample) {
    const uint64_t position = id - id_base_;  // Wraps for ids below the base.
    if (position >= samples_ready_.load(std::memory_order_acquire)) {
      RefuseId(id, now_ns);
      return false;
    }
    *sample = position;
    // A call that began before the issue cannot answer it, even if the slot is marked by now.
    const int64_t issued_ns = slots_->issued_ns[QueryOf(position)].load(std::memory_order_acquire);
    if (issued_ns == 0 || now_ns < issued_ns) {
      Violate(Violation::kEarlyCompletion, id, position, now_ns);
      return false;
    }
    return true;
  }

  // False if the slot was taken before. The issuing thread does without an atomic exchange: should
  // another thread complete the same sample at the same instant, both pass, and CountCompleted
  // finds it out. Where responses are logged, exactly one may pass.
  bool Claim(std::atomic<int64_t>* slot, int64_t now_ns, bool alone) const {
    int64_t not_completed = 0;
    if (!alone || logs_responses()) {
      return slot->compare_exchange_strong(not_completed, now_ns, std::memory_order_relaxed);
    }
    if (slot->load(std::memory_order_relaxed) != 0) return false;
    slot->store(now_ns, std::memory_order_relaxed);
    return true;
  }

  // As slots_->QueryOf, without the division where a shift does.
  uint64_t QueryOf(uint64_t position) const {
    return query_shift_ >= 0 ? position >> query_shift_ : slots_->QueryOf(position);
  }

  int64_t IssuedNs(uint64_t sample) const {
    return slots_->issued_ns[QueryOf(sample)].load(std::memory_order_relaxed);
  }
  void RecordTokens(ResponseId id, uint64_t sample, int64_t now_ns, int64_t n_tokens);
  void RefuseId(ResponseId id, int64_t now_ns);
  void Violate(Violation kind, ResponseId id, uint64_t sample, int64_t now_ns);
  bool Wait(uint64_t count, RunControl* control, CallbackGate* gate);

  const Options options_;
  const Clock* clock_;
  const uint64_t id_base_;
  const int query_shift_;  // log2 of samples_per_query; -1 if that is no power of two.
  std::shared_ptr<SampleSlots> slots_;
  std::atomic<uint64_t> queries_ready_{0};
  std::atomic<uint64_t> samples_ready_{0};

  std::atomic<uint64_t> completed_by_issuer_{0};

  alignas(64) std::atomic<uint64_t> completed_count_{0};  // By all others.
  Sleeper issuer_;                                        // While it waits for completions.

  alignas(64) mutable std::mutex mutex_;
  ViolationRecord violations_;
  std::unordered_map<uint64_t, std::string> token_data_;
  std::shared_ptr<TokenRecord> tokens_;
  uint64_t failed_count_ = 0;  // Written with the mutex held, as is its part of the counts above.
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_RECORDER_H_
