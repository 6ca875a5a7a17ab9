#include "conduct/conductor.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "conduct/index_keeper.h"
#include "evaluate/verdict.h"
#include "issue/completion_registry.h"
#include "platform/run_control.h"
#include "record/failed_samples.h"
#include "settings/count_text.h"
#include "write/summary_log.h"

namespace mlperf::loadgen {

std::vector<LoadableSet> Conductor::MakeSets(Phase phase) {
  std::vector<LoadableSet> sets;
  Guarded([&] { sets = MakeLoadableSets(plan_, phase, actors_.control->checkpoint()); });
  if (Stopped()) ReportAbort();
  return sets;
}

void Conductor::WithLoaded(const LoadableSet& set, const std::function<void()>& part,
                           RunRecord* record) {
  const int64_t load_start_ns = NowNs();
  CallOutside([&] { qsl_->LoadSamplesToRam(set.samples); });
  const int64_t load_end_ns = NowNs();
  Guarded([&] {
    logs_->detail().WriteLoadedSet(set.samples, load_end_ns, actors_.control->checkpoint());
  });
  Stopped() ? ReportAbort() : Guarded(part);
  SeeSignals();
  const int64_t unload_start_ns = NowNs();
  CallOutside([&] { qsl_->UnloadSamplesFromRam(set.samples); });
  // Of a set that ended early, answers may come late for a good reason.
  const uint64_t late = Stopped() ? 0 : TakeLateCompletions();
  const std::vector<std::string> failures =
      Stopped() ? std::vector<std::string>() : TakeLateFailures();
  if (record == nullptr) {
    if (late > 0) {
      AddReasons({Counted(late, "completion after the end of its set",
                          "completions after the end of their set")});
    }
    AddReasons(failures);
    return;
  }
  for (const std::string& text : failures) record->violations.AddFault(text);
  record->violations.counts[static_cast<size_t>(Violation::kLateCompletion)] += late;
  record->aborted = Stopped() && record->stalled_for_ns == 0;
  record->load_start_ns = load_start_ns;
  record->load_end_ns = load_end_ns;
  record->unload_start_ns = unload_start_ns;
  record->unload_end_ns = NowNs();
}

RunRecord Conductor::Issue(const LoadableSet& set, Phase phase, const RunPlan& plan,
                           SetObserver* observer) {
  SetRequest request;
  request.phase = phase;
  request.set = &set;
  request.id_tag = id_tag_;
  uint64_t& next_query = phase == Phase::kWarmUp ? next_uncounted_query_ : next_query_;
  uint64_t& next_sample = phase == Phase::kWarmUp ? next_uncounted_sample_ : next_sample_;
  request.first_query = next_query;
  request.first_sample = next_sample;
  request.trace = logs_->has_trace();
  request.responses = logs_->accuracy();
  request.sampling = phase == Phase::kWarmUp ? nullptr : &sampling_;
  request.token_data = token_data_;
  request.observer = observer;
  const bool counts = phase != Phase::kWarmUp || observer != nullptr;  // Else a warm-up or a probe.
  if (counts && plan_.mode == TestMode::FindPeakPerformance) request.trial = ++trials_;
  auto* keeper = dynamic_cast<IndexKeeper*>(qsl_);
  if (counts && keeper != nullptr) request.prepared = [keeper] { keeper->ForgetIndices(); };
  try {
    SetOutcome outcome = RunSet(plan, request, actors_);
    next_query = outcome.next_query;
    next_sample = outcome.next_sample;
    return std::move(outcome.record);
  } catch (...) {  // No memory or no thread for the traffic, or stopped before there was any.
    actors_.control->ReportException(std::current_exception());
    ReportAbort();
    return {};
  }
}

void Conductor::ContinueAfter(const Conductor& earlier) {
  next_uncounted_query_ = earlier.next_uncounted_query_;
  next_uncounted_sample_ = earlier.next_uncounted_sample_;
}

bool Conductor::WarmUp(const LoadableSet& set) {
  if (plan_.warmup_query_count == 0) return true;
  const RunPlan plan = WarmUpPlan(plan_);
  const RunRecord record = Issue(set, Phase::kWarmUp, plan);
  if (record.slots == nullptr) return false;
  logs_->detail().WriteWarmUp(record, NowNs());
  logs_->WriteQueries(plan, record, {});
  AddConduct(record, PhasePrefix(record));
  return !Stopped();
}

void Conductor::WriteSet(const RunPlan& plan, const RunRecord& record) {
  if (record.slots == nullptr) return;  // The set could not be loaded.
  logs_->detail().WriteSet(record, NowNs(), PhasePrefix(record));
  logs_->WriteQueries(plan, record, {});
}

std::string Conductor::PhasePrefix(const RunRecord& record) const {
  if (record.phase == Phase::kWarmUp) return "warm-up: ";
  const bool one_of_two = plan_.mode == TestMode::SubmissionRun;
  return one_of_two && record.phase == Phase::kAccuracy ? "accuracy: " : "";
}

void Conductor::Judge(const RunPlan& plan, const RunRecord& record) {
  result_->performance = EvaluatePerformance(plan, record);
  PerformanceResult& performance = *result_->performance;
  if (!result_->reasons.empty()) ObjectToEarlierPhases(&performance);
  auto own = performance.reasons.begin();
  if (record.samples_failed > 0) AddFailure(*own++);
  AddReasons({own, performance.reasons.end()});
  performance.reasons = result_->reasons;
  logs_->WriteSummary(SummaryOfPerformance(plan, performance, result_->sut_name));
  logs_->detail().WriteResult(plan, performance, NowNs());
  AddCautions(performance.cautions);
}

void Conductor::AddConduct(const RunRecord& record, const std::string& phase) {
  if (record.samples_failed > 0) AddFailure(phase + FailureReason(record));
  for (const std::string& reason : ContractReasons(record)) AddReasons({phase + reason});
}

void Conductor::AddFailure(const std::string& reason) {
  result_->reasons.insert(result_->reasons.begin() + failure_count_++, reason);
}

// A search has said in a caution of its own what the run that stands for it says.
void Conductor::AddCautions(const std::vector<std::string>& cautions) {
  std::vector<std::string>& said = result_->cautions;
  for (const std::string& caution : cautions) {
    const bool known = std::ranges::any_of(said, [&](const std::string& earlier) {
      return earlier.find(caution) != std::string::npos;
    });
    if (!known) said.push_back(caution);
  }
}

void Conductor::AddReasons(const std::vector<std::string>& reasons) {
  result_->reasons.insert(result_->reasons.end(), reasons.begin(), reasons.end());
}

void Conductor::CallOutside(const std::function<void()>& call) {
  const GateScope gate(actors_.gate);
  try {
    call();
    LeaveIfForked(*actors_.control);
  } catch (...) {
    LeaveIfForked(*actors_.control);
    actors_.control->ReportException(std::current_exception());
  }
}

void Conductor::Guarded(const std::function<void()>& part) {
  try {
    part();
  } catch (...) {
    actors_.control->ReportException(std::current_exception());
  }
}

// Where there is no set whose records would say it.
void Conductor::ReportAbort() {
  logs_->detail().Error("error_runtime", "Ending early: the test was aborted.", NowNs());
}

// A signal that ended the test must not break the library's unloading as well.
void Conductor::SeeSignals() {
  try {
    actors_.gate->Poll();
  } catch (...) {
    actors_.control->ReportException(std::current_exception());
  }
}

}  // namespace mlperf::loadgen
