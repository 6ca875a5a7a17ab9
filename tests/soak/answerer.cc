#include "answerer.h"

#include <algorithm>
#include <utility>

#include "loadgen.h"

namespace mlperf::soak {
namespace {

constexpr uint64_t kFateStream = 1;
constexpr uint64_t kBatchStream = 2;
constexpr uint64_t kWorkerStream = 3;
// How long one of two racing threads waits for the other: short, for it may have no other to meet.
constexpr int kMeetingSpins = 20000;

void Meet(std::atomic<int>* meeting) {
  meeting->fetch_add(1);
  for (int spin = 0; spin < kMeetingSpins && meeting->load() < 2; ++spin) {
  }
}

Dice DiceOf(const RunSpec& spec, uint64_t stream, uint64_t number) {
  return Dice(spec.seed, stream << 40 | number);
}

}  // namespace

void RunState::Throw(const char* where) {
  ledger.NoteFault(Fault::kThrown);
  throw InjectedError(std::string("injected into ") + where);
}

Fate DecideFate(const RunSpec& spec, uint64_t number) {
  Dice dice = DiceOf(spec, kFateStream, number);
  const FaultRates& rates = spec.faults;
  const bool tokens = spec.settings.use_token_latencies;
  Fate fate;
  fate.in_callback = dice.Chance(spec.answered_in_callback);
  fate.dropped = dice.Chance(rates.drop);
  fate.duplicate = dice.Chance(rates.duplicate);
  fate.racing_duplicate = !fate.in_callback && dice.Chance(rates.racing_duplicate);
  fate.unknown_id = dice.Chance(rates.unknown_id);
  fate.foreign_id = dice.Chance(rates.foreign_id);
  fate.guessed_id = dice.Chance(rates.guessed_id);
  fate.null_data = dice.Chance(rates.null_data);
  fate.missing_first_token = tokens && dice.Chance(rates.missing_first_token);
  fate.double_first_token = tokens && dice.Chance(rates.double_first_token);
  fate.late_first_token = tokens && dice.Chance(rates.late_first_token);
  constexpr int64_t kBadCounts[] = {0, 1, -5};
  const bool bad_count = tokens && dice.Chance(rates.bad_token_count);
  fate.n_tokens = bad_count ? kBadCounts[dice.Below(3)] : static_cast<int64_t>(dice.From(2, 99));
  return fate;
}

// The ids of one call, in order; the data lives as long as the call.
class Answerer::Call {
 public:
  explicit Call(RunState* state) : state_(state) {}

  void Add(ResponseId id, IdOrigin origin, int64_t n_tokens, bool null_data = false) {
    Attempt attempt;
    attempt.id = id;
    attempt.origin = origin;
    attempt.n_tokens = n_tokens;
    attempt.position = attempts_.size();
    attempt.payload_seed = id ^ state_->calls.fetch_add(1) << 48;
    const uint64_t largest = state_->spec.largest_response;
    attempt.size = largest == 0 ? 0 : attempt.payload_seed % largest;
    attempt.has_null_data = null_data;
    if (null_data) attempt.size += 1;
    payloads_.push_back(null_data ? std::vector<uint8_t>()
                                  : Payload(attempt.payload_seed, attempt.size));
    const auto address = null_data ? 0 : reinterpret_cast<uintptr_t>(payloads_.back().data());
    responses_.emplace_back(id, address, attempt.size, n_tokens);
    attempts_.push_back(attempt);
  }

  bool empty() const { return attempts_.empty(); }

  void ReportFirstTokens() {
    Run([this] { FirstTokenComplete(responses_.data(), responses_.size()); });
    for (Attempt& attempt : attempts_) attempt.is_first_token = true;
  }

  void Complete(CallbackUse use) {
    ResponseCallback callback;
    if (use == CallbackUse::kChanged) {
      callback = [](QuerySampleResponse* response) {
        response->data = reinterpret_cast<uintptr_t>(ChangedPayload().data());
        response->size = ChangedPayload().size();
      };
    } else if (use == CallbackUse::kThrew) {
      callback = [this](QuerySampleResponse*) {
        state_->ledger.NoteFault(Fault::kThrown);
        throw InjectedError("injected into a response callback");
      };
    }
    Run([&] { QuerySamplesComplete(responses_.data(), responses_.size(), callback); });
    for (Attempt& attempt : attempts_) attempt.callback = use;
  }

  const std::vector<Attempt>& attempts() const { return attempts_; }

 private:
  template <typename Function>
  void Run(const Function& call) {
    const uint64_t number = state_->calls.fetch_add(1);
    const int64_t begin_ns = NowNs();
    call();
    const int64_t end_ns = NowNs();
    for (Attempt& attempt : attempts_) {
      attempt.call = number;
      attempt.begin_ns = begin_ns;
      attempt.end_ns = end_ns;
    }
  }

  RunState* state_;
  std::vector<Attempt> attempts_;
  std::vector<QuerySampleResponse> responses_;
  std::vector<std::vector<uint8_t>> payloads_;
};

CallbackUse Answerer::DrawCallback(Dice* dice) const {
  const FaultRates& rates = state_->spec.faults;
  if (dice->Chance(rates.callback_throws)) return CallbackUse::kThrew;
  return dice->Chance(rates.changed_response) ? CallbackUse::kChanged : CallbackUse::kNone;
}

void Answerer::ReportFirstTokens(const std::vector<WorkItem>& batch, Dice* dice) {
  Call first(state_);
  Call again(state_);
  for (const WorkItem& item : batch) {
    if (item.is_copy) continue;
    if (item.fate.missing_first_token) {
      state_->ledger.NoteFault(Fault::kMissingFirstToken);
      continue;
    }
    first.Add(item.id, IdOrigin::kIssued, 0);
    if (!item.fate.double_first_token) continue;
    state_->ledger.NoteFault(Fault::kDoubleFirstToken);
    (dice->Chance(0.5) ? first : again).Add(item.id, IdOrigin::kIssued, 0);
  }
  for (Call* call : {&first, &again}) {
    if (call->empty()) continue;
    call->ReportFirstTokens();
    attempts_.insert(attempts_.end(), call->attempts().begin(), call->attempts().end());
  }
}

// Ids that do not belong to the sample they come with.
void Answerer::AddStrayIds(const Fate& fate, Call* call) {
  const ResponseId newest = state_->newest_id.load();
  const uint64_t draw = state_->calls.fetch_add(1);
  if (fate.unknown_id) {
    const ResponseId kUnknown[] = {kResponseIdReserved, 7, ~ResponseId{0},
                                   newest + (ResponseId{1} << 35)};
    call->Add(kUnknown[draw % 4], IdOrigin::kUnknown, 2);
    state_->ledger.NoteFault(Fault::kUnknownId);
  }
  if (fate.foreign_id && !state_->old_ids.empty()) {
    call->Add(state_->old_ids[draw % state_->old_ids.size()], IdOrigin::kForeign, 2);
    state_->ledger.NoteFault(Fault::kForeignId);
  }
  if (fate.guessed_id) {
    call->Add(newest + 1 + draw % 4, IdOrigin::kGuessed, 2);
    state_->ledger.NoteFault(Fault::kGuessedId);
  }
}

void Answerer::Answer(const std::vector<WorkItem>& batch) {
  Dice dice = DiceOf(state_->spec, kBatchStream, batch.front().number * 2 + batch.front().is_copy);
  if (state_->spec.settings.use_token_latencies) ReportFirstTokens(batch, &dice);
  Call call(state_);
  Call again(state_);
  Call late_tokens(state_);
  for (const WorkItem& item : batch) {
    const Fate& fate = item.fate;
    AddStrayIds(fate, &call);
    call.Add(item.id, IdOrigin::kIssued, fate.n_tokens, fate.null_data);
    if (fate.null_data) state_->ledger.NoteFault(Fault::kNullData);
    if (fate.n_tokens < 2) state_->ledger.NoteFault(Fault::kBadTokenCount);
    if (fate.duplicate) {
      state_->ledger.NoteFault(Fault::kDuplicate);
      (dice.Chance(0.5) ? call : again).Add(item.id, IdOrigin::kIssued, fate.n_tokens);
    }
    if (fate.late_first_token) {
      state_->ledger.NoteFault(Fault::kLateFirstToken);
      late_tokens.Add(item.id, IdOrigin::kIssued, 0);
    }
  }
  for (const WorkItem& item : batch) {
    if (item.meeting) Meet(item.meeting.get());
  }
  call.Complete(DrawCallback(&dice));
  if (!again.empty()) again.Complete(DrawCallback(&dice));
  if (!late_tokens.empty()) late_tokens.ReportFirstTokens();
  for (const Call* made : {&call, &again, &late_tokens}) {
    attempts_.insert(attempts_.end(), made->attempts().begin(), made->attempts().end());
  }
}

void Answerer::CompleteLate(ResponseId id, IdOrigin origin) {
  state_->ledger.NoteFault(Fault::kAfterRun);
  Call call(state_);
  call.Add(id, origin, 2);
  call.Complete(CallbackUse::kNone);
  attempts_.insert(attempts_.end(), call.attempts().begin(), call.attempts().end());
}

WorkerPool::WorkerPool(RunState* state) : state_(state), holding_(state->spec.holds_until_flush) {
  if (state_->spec.answerers == Answerers::kThreadEachBatch) return;
  for (uint64_t worker = 0; worker < state_->spec.worker_count; ++worker) {
    threads_.emplace_back([this, worker] { Work(worker); });
  }
}

void WorkerPool::Push(std::vector<WorkItem> items) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (state_->spec.answerers == Answerers::kWorkers) {
    waiting_.insert(waiting_.end(), items.begin(), items.end());
    changed_.notify_all();
    return;
  }
  const size_t largest = state_->spec.largest_batch;
  for (size_t begin = 0; begin < items.size(); begin += largest) {
    const size_t end = std::min(items.size(), begin + largest);
    threads_.emplace_back(
        [this, batch = std::vector<WorkItem>(items.begin() + static_cast<ptrdiff_t>(begin),
                                             items.begin() + static_cast<ptrdiff_t>(end))] {
          Answerer answerer(state_);
          AnswerBatch(batch, &answerer);
        });
  }
}

void WorkerPool::Release() {
  const std::lock_guard<std::mutex> lock(mutex_);
  holding_ = false;
  changed_.notify_all();
}

void WorkerPool::Finish() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    holding_ = false;
    finishing_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void WorkerPool::Work(uint64_t worker) {
  Dice dice = DiceOf(state_->spec, kWorkerStream, worker);
  Answerer answerer(state_);
  while (true) {
    const std::vector<WorkItem> batch = Take(&dice);
    if (batch.empty()) return;
    AnswerBatch(batch, &answerer);
  }
}

// Some items, any of those that wait; none: the end.
std::vector<WorkItem> WorkerPool::Take(Dice* dice) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return finishing_ || (!holding_ && !waiting_.empty()); });
  std::vector<WorkItem> batch;
  const uint64_t wanted = dice->From(1, state_->spec.largest_batch);
  while (batch.size() < wanted && !waiting_.empty()) {
    std::swap(waiting_[dice->Below(waiting_.size())], waiting_.back());
    batch.push_back(std::move(waiting_.back()));
    waiting_.pop_back();
  }
  return batch;
}

void WorkerPool::AnswerBatch(const std::vector<WorkItem>& batch, Answerer* answerer) {
  const uint64_t number = state_->batches.fetch_add(1);
  const RunSpec& spec = state_->spec;
  if (spec.aborter == Aborter::kWorker && number == spec.abort_at) {
    state_->ledger.NoteFault(Fault::kAbort);
    AbortTest();
  }
  if (spec.nester == Nester::kWorker && number < 2) StartNested(state_, false);
  answerer->Answer(batch);
}

namespace {

class UnusedSystem final : public SystemUnderTest {
 public:
  const std::string& Name() override { return name_; }
  void IssueQuery(const std::vector<QuerySample>&) override {}
  void FlushQueries() override {}

 private:
  const std::string name_ = "a system without a test";
};

class UnusedLibrary final : public QuerySampleLibrary {
 public:
  const std::string& Name() override { return name_; }
  size_t TotalSampleCount() override { return 1; }
  size_t PerformanceSampleCount() override { return 1; }
  void LoadSamplesToRam(const std::vector<QuerySampleIndex>&) override {}
  void UnloadSamplesFromRam(const std::vector<QuerySampleIndex>&) override {}

 private:
  const std::string name_ = "a library without a test";
};

}  // namespace

void StartNested(RunState* state, bool surely_running) {
  state->ledger.NoteFault(Fault::kNestedStart);
  UnusedSystem system;
  UnusedLibrary library;
  // No test can be run with these, so none is if the running one has just ended.
  TestSettings settings;
  settings.min_query_count = 0;
  settings.min_duration_ms = 0;
  try {
    StartTest(&system, &library, settings, LogSettings());
    state->ledger.NoteProblem("a nested StartTest returned");
  } catch (const std::invalid_argument& error) {
    if (surely_running) state->ledger.NoteProblem(std::string("nested: ") + error.what());
  } catch (const std::logic_error&) {
    // As it should be: a test is already running.
  }
}

}  // namespace mlperf::soak
