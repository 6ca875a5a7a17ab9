#include "random_run.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "answerer.h"
#include "checker.h"
#include "faulty_system.h"
#include "loadgen.h"

namespace mlperf::soak {
namespace {

constexpr size_t kOldIds = 64;
constexpr std::chrono::microseconds kAbortStep(50);

// Threads of a run beside those that answer.
class Helpers {
 public:
  explicit Helpers(RunState* state) {
    for (uint64_t i = 0; i < state->spec.settings.server_num_issue_query_threads; ++i) {
      threads_.emplace_back(RegisterIssueQueryThread);
    }
    if (state->spec.aborter != Aborter::kOtherThread) return;
    state->ledger.NoteFault(Fault::kAbort);
    threads_.emplace_back([state] {
      std::this_thread::sleep_for(kAbortStep * static_cast<int64_t>(state->spec.abort_at));
      AbortTest();
    });
  }
  void Join() {
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::vector<std::thread> threads_;
};

RunOutcome Start(RunState* state, FaultySystem* system, const std::string& directory) {
  FaultyLibrary library(state);
  LogSettings logs;
  logs.log_output.outdir = directory;
  logs.enable_trace = state->spec.trace;
  RunOutcome outcome;
  outcome.directory = directory;
  Helpers helpers(state);
  try {
    outcome.result =
        StartTest(system, &library, state->spec.settings, logs, directory + "/no_audit.config");
  } catch (const InjectedError& error) {
    outcome.threw_injected = true;
    outcome.thrown = error.what();
  } catch (const std::exception& error) {
    outcome.thrown = error.what();
  }
  helpers.Join();
  system->Finish();
  return outcome;
}

// Answers of a system that does not know that the test is over.
void CompleteAfterRun(RunState* state) {
  if (!state->spec.completes_after_run || state->ledger.issued.empty()) return;
  Answerer answerer(state);
  answerer.CompleteLate(state->ledger.issued.back().id, IdOrigin::kIssued);
  answerer.CompleteLate(kResponseIdReserved, IdOrigin::kUnknown);
}

void AddTotals(const RunState& state, const RunOutcome& outcome, uint64_t late, Totals* totals) {
  ++totals->runs;
  const std::vector<IssuedSample>& issued = state.ledger.issued;
  totals->queries += issued.empty() ? 0 : issued.back().call + 1;
  totals->samples += issued.size();
  totals->late_completions += late;
  totals->thrown += outcome.result ? 0u : 1u;
  if (outcome.result) {
    totals->valid += outcome.result->valid() ? 1u : 0u;
    totals->aborted += outcome.result->aborted ? 1u : 0u;
    totals->stalled += outcome.result->stalled ? 1u : 0u;
  }
  for (size_t kind = 0; kind < kFaultKinds; ++kind) {
    totals->faults[kind] += state.ledger.fault_counts[kind];
  }
}

}  // namespace

RandomRuns::RandomRuns(const std::string& directory, const SpecLimits& limits) : limits_(limits) {
  std::string path = directory + "/loadgen_soak_XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    throw std::runtime_error("cannot make a directory " + path + "; choose one that is writable");
  }
  directory_ = path;
}

RandomRuns::~RandomRuns() { std::filesystem::remove_all(directory_); }

std::vector<std::string> RandomRuns::RunOne(uint64_t seed) {
  const std::string logs = directory_ + "/" + std::to_string(totals_.runs);
  std::filesystem::create_directory(logs);
  RunState state;
  state.spec = DrawRunSpec(seed, limits_);
  state.old_ids = old_ids_;
  RunOutcome outcome;
  {
    FaultySystem system(&state);
    outcome = Start(&state, &system, logs);
  }
  CompleteAfterRun(&state);

  Checker checker(state, outcome);
  std::vector<std::string> disagreements = checker.Check(unreported_late_);
  if (checker.has_logs()) unreported_late_ = 0;
  if (unreported_late_) *unreported_late_ += checker.late();
  AddTotals(state, outcome, checker.late(), &totals_);
  for (const IssuedSample& sample : state.ledger.issued) {
    if (old_ids_.size() == kOldIds) old_ids_.erase(old_ids_.begin());
    old_ids_.push_back(sample.id);
  }
  std::filesystem::remove_all(logs);
  return disagreements;
}

}  // namespace mlperf::soak
