// How samples are answered: one thread's calls, and the threads that make them.
#ifndef MLPERF_LOADGEN_TESTS_SOAK_ANSWERER_H_
#define MLPERF_LOADGEN_TESTS_SOAK_ANSWERER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "dice.h"
#include "ledger.h"
#include "run_spec.h"

namespace mlperf::soak {

// What is thrown on purpose.
struct InjectedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What the threads of a run share.
struct RunState {
  RunSpec spec;
  std::vector<ResponseId> old_ids;  // Of earlier runs.
  Ledger ledger;
  std::atomic<ResponseId> newest_id{0};  // The largest that was issued so far.
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> batches{0};
  std::atomic<bool> aborted_surely{false};  // AbortTest was called in a callback.

  void Throw(const char* where);
};

// What is done with one sample. Depends on the seed and the sample's number in the run alone.
struct Fate {
  bool in_callback = false;
  bool dropped = false;
  bool duplicate = false;
  bool racing_duplicate = false;
  bool unknown_id = false;
  bool foreign_id = false;
  bool guessed_id = false;
  bool null_data = false;
  bool double_first_token = false;
  bool missing_first_token = false;
  bool late_first_token = false;
  int64_t n_tokens = 0;
};
Fate DecideFate(const RunSpec& spec, uint64_t number);

struct WorkItem {
  ResponseId id;
  uint64_t number;  // Issued in the run before.
  Fate fate;
  std::shared_ptr<std::atomic<int>> meeting;  // Where racing duplicates wait for each other.
  bool is_copy = false;                       // The second of two racing duplicates.
};

// Makes the calls of one thread and notes them; they go to the ledger when it is destroyed.
class Answerer {
 public:
  explicit Answerer(RunState* state) : state_(state) {}
  ~Answerer() { state_->ledger.AddAttempts(std::move(attempts_)); }
  Answerer(const Answerer&) = delete;
  Answerer& operator=(const Answerer&) = delete;

  // Answers samples in one call, and in a second what they are to be answered again.
  void Answer(const std::vector<WorkItem>& batch);
  // When the test has ended.
  void CompleteLate(ResponseId id, IdOrigin origin);

 private:
  class Call;
  void ReportFirstTokens(const std::vector<WorkItem>& batch, Dice* dice);
  void AddStrayIds(const Fate& fate, Call* call);
  CallbackUse DrawCallback(Dice* dice) const;

  RunState* state_;
  std::vector<Attempt> attempts_;
};

// Threads that answer in any order. Faults that need a thread of their own happen here.
class WorkerPool {
 public:
  explicit WorkerPool(RunState* state);
  ~WorkerPool() { Finish(); }

  void Push(std::vector<WorkItem> items);
  // Lets go of what is held until the flush.
  void Release();
  // Answers everything that is left and ends the threads.
  void Finish();

 private:
  void Work(uint64_t worker);
  std::vector<WorkItem> Take(Dice* dice);
  void AnswerBatch(const std::vector<WorkItem>& batch, Answerer* answerer);

  RunState* state_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<WorkItem> waiting_;
  bool holding_;
  bool finishing_ = false;
  std::vector<std::thread> threads_;
};

// Calls StartTest, which must refuse if `surely_running`.
void StartNested(RunState* state, bool surely_running);

}  // namespace mlperf::soak

#endif  // MLPERF_LOADGEN_TESTS_SOAK_ANSWERER_H_
