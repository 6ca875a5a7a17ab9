#include "issue/set_runner.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "issue/completion_registry.h"
#include "issue/issuer.h"
#include "issue/query_feed.h"
#include "issue/recorder.h"
#include "issue/silence_report.h"
#include "issue/stall_watch.h"
#include "issue/timing_system.h"
#include "issue/watched_set.h"
#include "traffic/query_source.h"

namespace mlperf::loadgen {
namespace {

constexpr int64_t kNsPerMs = 1000000;

StallWatch WatchFor(const RunPlan& plan) {
  return StallWatch(
      static_cast<int64_t>(plan.stall_timeout_ms) * kNsPerMs,
      plan.stall_counts_from_issue ? StallRule::kTimeout : StallRule::kTimeoutAndPace);
}

bool AreTimed(SystemUnderTest* sut) {
  const auto* timing = dynamic_cast<TimingSystem*>(sut);
  return timing != nullptr && timing->TimesItsAnswers();
}

// The gate of one set: each poll also looks whether the system under test still answers, and lets
// an observer look.
class WatchingGate : public CallbackGate {
 public:
  WatchingGate(const RunPlan& plan, const Actors& actors, SetObserver* observer,
               IssueContext* context, SilenceReport* silence)
      : actors_(actors),
        observer_(observer),
        context_(context),
        silence_(silence),
        watch_(WatchFor(plan)),
        answers_are_timed_(AreTimed(actors.sut)) {}

  void Enter() override { actors_.gate->Enter(); }
  void Leave() override { actors_.gate->Leave(); }
  void Poll() override {
    actors_.gate->Poll();
    const Recorder& recorder = *context_->recorder;
    const int64_t now_ns = actors_.clock->NowNs();
    const uint64_t completed = recorder.completed_count();
    if (observer_ != nullptr && !context_->seen_enough &&
        observer_->HasSeenEnough({*recorder.slots(), recorder.queries_ready(), completed,
                                  context_->start_ns, now_ns, answers_are_timed_})) {
      context_->seen_enough = true;
    }
    if (!actors_.background_threads) silence_->Look(now_ns);
    if (context_->lent_in_callback > 0) watch_.RestartAt(now_ns);
    if (!watch_.Silent(now_ns, completed)) return;
    const int64_t oldest_ns = recorder.OldestOutstandingNs();
    watch_.RestartAt(oldest_ns == 0 ? now_ns : std::max(oldest_ns, watch_.since_ns()));
    if (watch_.Silent(now_ns, completed)) actors_.control->RequestStop(StopCause::kStall);
  }

  int64_t silent_ns() const { return watch_.silent_ns(); }

 private:
  const Actors& actors_;
  SetObserver* observer_;
  IssueContext* context_;
  SilenceReport* silence_;
  StallWatch watch_;
  const bool answers_are_timed_;
};

Recorder::Options RecorderOptions(const RunPlan& plan, const SetRequest& request,
                                  uint64_t samples_per_query, RunControl* control) {
  const bool accuracy = request.phase == Phase::kAccuracy;
  const bool sampled = !accuracy && request.sampling != nullptr && request.sampling->enabled();
  Recorder::Options options;
  options.id_tag = request.id_tag;
  options.first_query = request.first_query;
  options.first_sample = request.first_sample;
  options.samples_per_query = samples_per_query;
  options.closed_loop = plan.shape == LoopShape::kClosedLoop;
  options.tokens = plan.use_token_latencies;
  options.first_token_required = plan.RequiresFirstTokens();
  options.short_answers = plan.allow_short_answers;
  options.token_clock = plan.token_clock;
  options.issue_spans = request.trace;
  options.responses = accuracy || sampled ? request.responses : nullptr;
  options.sampling = sampled ? request.sampling : nullptr;
  options.token_data = request.token_data;
  options.control = control;
  return options;
}

// The limits of thread `k` of `threads`: counts are divided, thread k gets one more if it is among
// the first (count mod threads).
StopLimits LimitsOf(const RunPlan& plan, Phase phase, uint64_t k, uint64_t threads) {
  const auto share = [k, threads](uint64_t count) {
    return count / threads + (k < count % threads ? 1 : 0);
  };
  StopLimits limits;
  limits.until_list_ends = phase == Phase::kAccuracy;
  limits.natural_end = plan.shape != LoopShape::kOpenLoop;
  limits.min_query_count = share(plan.min_query_count);
  limits.target_duration_ns = static_cast<int64_t>(plan.target_duration_ms) * kNsPerMs;
  limits.max_query_count =
      plan.max_query_count == 0 ? 0 : std::max<uint64_t>(1, share(plan.max_query_count));
  limits.max_duration_ns = static_cast<int64_t>(plan.max_duration_ms) * kNsPerMs;
  limits.last_due_ns = LastDueNs(limits.max_duration_ns);
  if (limits.until_list_ends) limits.last_due_ns = 0;
  limits.max_async_queries = plan.shape == LoopShape::kOpenLoop ? plan.max_async_queries : 0;
  return limits;
}

// Lent threads issue; this thread waits for them outside the gate.
void IssueOnLentThreads(const RunPlan& plan, Phase phase, const Actors& actors, CallbackGate* gate,
                        IssueContext* context, std::vector<IssueEnd>* ends) {
  const size_t threads = plan.issue_thread_count;
  ends->resize(threads);
  context->lent = true;
  gate->Leave();
  actors.issue_threads->RunOnAll(
      threads,
      [&](size_t k) {
        CallbackGate no_gate;
        const IssuingThread issuing(context->recorder, threads == 1);
        try {
          (*ends)[k] =
              IssueOpenLoop(context, LimitsOf(plan, phase, k, threads), {k, threads}, &no_gate);
        } catch (...) {  // No memory for the loop itself.
          actors.control->ReportException(std::current_exception());
        }
      },
      [&actors, gate] {
        try {
          gate->Poll();
        } catch (...) {
          actors.control->ReportException(std::current_exception());
        }
      });
  gate->Enter();
}

std::vector<IssueEnd> Issue(const RunPlan& plan, Phase phase, const Actors& actors,
                            CallbackGate* gate, IssueContext* context) {
  const StopLimits limits = LimitsOf(plan, phase, 0, 1);
  switch (plan.shape) {
    case LoopShape::kClosedLoop:
      return {IssueClosedLoop(context, limits, gate)};
    case LoopShape::kOneShot:
      return {IssueOneShot(context, limits)};
    case LoopShape::kOpenLoop:
      break;
  }
  if (plan.issue_thread_count == 0) {
    return {IssueOpenLoop(context, limits, IssueShare{}, gate)};
  }
  std::vector<IssueEnd> ends;
  IssueOnLentThreads(plan, phase, actors, gate, context, &ends);
  return ends;
}

void Flush(const Actors& actors) {
  if (actors.control->exception()) return;
  try {
    actors.sut->FlushQueries();
    LeaveIfForked(*actors.control);
  } catch (...) {
    LeaveIfForked(*actors.control);
    actors.control->ReportException(std::current_exception());
  }
}

// Threads that stop at different points leave gaps; the range of queries ends after the last.
void CountIssued(const SampleSlots& slots, uint64_t queries_ready, RunRecord* record) {
  for (const IssueEnd& end : record->issue_ends) record->queries_issued += end.queries_issued;
  record->query_end = record->queries_issued;
  if (record->issue_ends.size() > 1) {
    record->query_end = queries_ready;
    while (record->query_end > 0 &&
           slots.issued_ns[record->query_end - 1].load(std::memory_order_relaxed) == 0) {
      --record->query_end;
    }
  }
  record->samples_issued = record->queries_issued * slots.samples_per_query;
}

// Waits until each sample is completed, however often others are.
void Drain(uint64_t samples_issued, RunControl* control, CallbackGate* gate, Recorder* recorder) {
  uint64_t wanted = samples_issued;
  while (recorder->WaitForCompleted(wanted, control, gate)) {
    // Read first: what the slots do not show yet is published after it.
    wanted = recorder->completed_count() + 1;
    if (recorder->CountCompleted() >= samples_issued) return;
  }
}

// Issues, flushes and drains with the recorder active, inside the gate.
void IssueAndDrain(const RunPlan& plan, const SetRequest& request, const Actors& actors,
                   IssueContext* context, RunRecord* record) {
  Recorder& recorder = *context->recorder;
  WatchedSet watched(plan, request.phase, request.trial, request.set->samples.size(), &recorder,
                     actors.clock);
  SilenceReport silence(plan, &watched, actors.say);
  std::optional<SilenceWatcher> watcher;
  if (actors.background_threads) watcher.emplace(&silence, actors.clock);
  ActiveRecorder active(&recorder);
  WatchingGate gate(plan, actors, request.observer, context, &silence);
  const GateScope inside(&gate);
  const IssuingThread issuing(&recorder, plan.issue_thread_count == 0);
  context->start_ns = record->start_ns = actors.clock->NowNs();
  record->system_start_ns = actors.clock->SystemNowNs();
  watched.Start(record->start_ns, record->system_start_ns);
  record->issue_ends = Issue(plan, request.phase, actors, &gate, context);
  CountIssued(*recorder.slots(), recorder.queries_ready(), record);
  record->issue_end_ns = actors.clock->NowNs();
  Flush(actors);
  if (!actors.control->stop_requested()) {
    Drain(record->samples_issued, actors.control, &gate, &recorder);
  }
  record->drained_ns = actors.clock->NowNs();
  record->system_drained_ns = actors.clock->SystemNowNs();
  watched.End(record->drained_ns);
  if (actors.control->cause() == StopCause::kStall) record->stalled_for_ns = gate.silent_ns();
}

// Completions of one sample at the same instant all passed as good ones.
void CountDoubles(uint64_t count, ViolationRecord* violations) {
  if (count == 0) return;
  violations->counts[static_cast<size_t>(Violation::kDoubleCompletion)] += count;
  violations->first.push_back({Violation::kDoubleCompletion, kResponseIdReserved, 0, 0, 0});
}

}  // namespace

SetOutcome RunSet(const RunPlan& plan, const SetRequest& request, const Actors& actors) {
  SetOutcome outcome;
  RunRecord& record = outcome.record;
  record.phase = request.phase;
  record.loaded_set.assign(request.set->samples.begin(), request.set->samples.end());
  record.first_query = request.first_query;
  record.first_sample = request.first_sample;

  record.generate_start_ns = actors.clock->NowNs();
  QuerySource source(plan, request.phase, *request.set, actors.control->checkpoint());
  const Recorder::Options options =
      RecorderOptions(plan, request, source.samples_per_query(), actors.control);
  if (options.responses != nullptr) options.responses->Start();
  Recorder recorder(options, actors.clock);
  QueryFeed feed(&source, &recorder);
  feed.Start(actors.background_threads && plan.shape == LoopShape::kOpenLoop);
  record.generate_end_ns = actors.clock->NowNs();
  if (request.prepared && !actors.control->stop_requested()) request.prepared();

  IssueContext context;
  context.sut = actors.sut;
  context.recorder = &recorder;
  context.feed = &feed;
  context.clock = actors.clock;
  context.control = actors.control;
  context.pacing = plan.pacing;
  context.coalesce = plan.coalesce_queries;
  IssueAndDrain(plan, request, actors, &context, &record);
  feed.Stop();

  record.generated = source.Totals();
  record.samples_completed = recorder.CountCompleted();
  record.samples_failed = recorder.CountFailed();
  record.samples_cancelled = recorder.CountCancelled();
  record.slots = recorder.slots();
  record.violations = recorder.TakeViolations();
  record.tokens = recorder.tokens();
  CountDoubles(recorder.completed_count() - record.samples_completed, &record.violations);
  record.queries_held_up_by_sut = context.held_up_by_sut.load(std::memory_order_relaxed);
  record.spun_ns = context.spun_ns.load(std::memory_order_relaxed);
  record.late_waits = {context.late_by_machine_ns.load(std::memory_order_relaxed),
                       context.late_by_gate_ns.load(std::memory_order_relaxed)};
  record.aborted = actors.control->stop_requested() && record.stalled_for_ns == 0;
  record.exception = actors.control->exception();
  outcome.next_query = request.first_query + recorder.queries_ready();
  outcome.next_sample =
      request.first_sample + recorder.queries_ready() * source.samples_per_query();
  if (request.phase == Phase::kAccuracy && request.sampling != nullptr) {
    request.sampling->Skip(outcome.next_sample - request.first_sample);
  }
  return outcome;
}

}  // namespace mlperf::loadgen
