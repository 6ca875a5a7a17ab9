#include "faulty_system.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "loadgen.h"

namespace mlperf::soak {
namespace {

constexpr std::chrono::milliseconds kSlowness(2);
constexpr uint64_t kSlowCalls = 3;
constexpr uint64_t kNestedCalls = 2;

void BeSlow(RunState* state, uint64_t call) {
  if (!state->spec.slow_callbacks || call >= kSlowCalls) return;
  state->ledger.NoteFault(Fault::kSlowCallback);
  std::this_thread::sleep_for(kSlowness);
}

void MaybeThrow(RunState* state, Thrower where, uint64_t call, const char* name) {
  if (state->spec.thrower == where && call == state->spec.throw_at) state->Throw(name);
}

void AbortFromCallback(RunState* state) {
  state->ledger.NoteFault(Fault::kAbort);
  state->aborted_surely = true;
  AbortTest();
}

}  // namespace

FaultySystem::FaultySystem(RunState* state)
    : state_(state), pool_(std::make_unique<WorkerPool>(state)) {}

FaultySystem::~FaultySystem() = default;

const std::string& FaultySystem::Name() {
  MaybeThrow(state_, Thrower::kSutName, 0, "Name");
  return name_;
}

void FaultySystem::IssueQuery(const std::vector<QuerySample>& samples) {
  const uint64_t first_number = state_->ledger.NoteIssue(samples);
  const uint64_t call = issue_calls_.fetch_add(1);
  BeSlow(state_, call);
  if (state_->spec.aborter == Aborter::kIssue && call == state_->spec.abort_at) {
    AbortFromCallback(state_);
  }
  if (state_->spec.nester == Nester::kIssue && call < kNestedCalls) StartNested(state_, true);
  MaybeThrow(state_, Thrower::kIssue, call, "IssueQuery");
  ResponseId newest = state_->newest_id.load();
  while (newest < samples.back().id &&
         !state_->newest_id.compare_exchange_weak(newest, samples.back().id)) {
  }
  Dispatch(samples, first_number);
  state_->ledger.NoteCallback();
}

void FaultySystem::Dispatch(const std::vector<QuerySample>& samples, uint64_t first_number) {
  std::vector<WorkItem> at_once;
  std::vector<WorkItem> by_others;
  for (size_t i = 0; i < samples.size(); ++i) {
    WorkItem item{samples[i].id, first_number + i, DecideFate(state_->spec, first_number + i), {}};
    if (item.fate.dropped) {
      state_->ledger.NoteFault(Fault::kDropped);
      continue;
    }
    if (item.fate.in_callback) {
      at_once.push_back(item);
      continue;
    }
    if (item.fate.racing_duplicate) {
      state_->ledger.NoteFault(Fault::kRacingDuplicate);
      item.meeting = std::make_shared<std::atomic<int>>(0);
      WorkItem copy = item;
      copy.is_copy = true;
      by_others.push_back(copy);
    }
    by_others.push_back(item);
  }
  if (!by_others.empty()) pool_->Push(std::move(by_others));
  if (!at_once.empty()) Answerer(state_).Answer(at_once);
}

void FaultySystem::FlushQueries() {
  state_->ledger.NoteCallback();
  const uint64_t call = flush_calls_.fetch_add(1);
  BeSlow(state_, call);
  MaybeThrow(state_, Thrower::kFlush, call, "FlushQueries");
  // From here on there may be nothing left to wait for.
  state_->ledger.NoteCallback();
  pool_->Release();
}

void FaultySystem::Finish() { pool_->Finish(); }

const std::string& FaultyLibrary::Name() {
  MaybeThrow(state_, Thrower::kLibraryName, 0, "the library's Name");
  return name_;
}

void FaultyLibrary::LoadSamplesToRam(const std::vector<QuerySampleIndex>& samples) {
  state_->ledger.NoteLoad(samples);
  const uint64_t call = load_calls_++;
  BeSlow(state_, call);
  if (state_->spec.aborter == Aborter::kLoad && call == state_->spec.abort_at) {
    AbortFromCallback(state_);
  }
  MaybeThrow(state_, Thrower::kLoad, call, "LoadSamplesToRam");
}

void FaultyLibrary::UnloadSamplesFromRam(const std::vector<QuerySampleIndex>& samples) {
  state_->ledger.NoteUnload(samples);
  MaybeThrow(state_, Thrower::kUnload, unload_calls_++, "UnloadSamplesFromRam");
}

}  // namespace mlperf::soak
