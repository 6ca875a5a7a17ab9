#include "issue/issuer.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "issue/keeping_system.h"
#include "issue/pacer.h"

namespace mlperf::loadgen {
namespace {

// Counts a lent thread in, for a scope.
class InCallback {
 public:
  explicit InCallback(IssueContext* context) : context_(context) { ++context_->lent_in_callback; }
  ~InCallback() { --context_->lent_in_callback; }
  InCallback(const InCallback&) = delete;
  InCallback& operator=(const InCallback&) = delete;

 private:
  IssueContext* context_;
};

// Hands queries to the system under test; the vector is reused, so that issuing allocates nothing.
class Handover {
 public:
  explicit Handover(IssueContext* context)
      : context_(context), samples_per_query_(context->recorder->samples_per_query()) {
    samples_.reserve(samples_per_query_);
  }

  void Clear() { samples_.clear(); }

  // Adds the samples of `query`, issued at `now_ns`.
  void Add(uint64_t query, int64_t now_ns) {
    Recorder& recorder = *context_->recorder;
    recorder.MarkIssued(query, now_ns);
    const uint64_t first = query * samples_per_query_;
    for (uint64_t sample = first; sample < first + samples_per_query_; ++sample) {
      samples_.push_back({recorder.IdOf(sample), recorder.SampleIndex(sample)});
    }
  }

  // False if the system under test threw.
  bool Issue(uint64_t first_query) {
    return Call(first_query, [this] {
      if (!context_->lent) return context_->sut->IssueQuery(samples_);
      const InCallback in_callback(context_);
      context_->sut->IssueQuery(samples_);
    });
  }

  // The same for the only query of a set, which a system may keep.
  bool IssueForGood(uint64_t query) {
    auto* keeper = dynamic_cast<KeepingSystem*>(context_->sut);
    if (keeper == nullptr) return Issue(query);
    return Call(query, [&] { keeper->IssueAndKeep(std::move(samples_)); });
  }

 private:
  template <typename Function>
  bool Call(uint64_t first_query, const Function& issue) {
    try {
      issue();
      LeaveIfForked(*context_->control);
    } catch (...) {
      LeaveIfForked(*context_->control);
      context_->control->ReportException(std::current_exception());
      return false;
    }
    if (context_->recorder->keeps_issue_spans()) {
      context_->recorder->MarkIssueReturned(first_query, context_->clock->NowNs());
    }
    return true;
  }

  IssueContext* context_;
  uint64_t samples_per_query_;
  std::vector<QuerySample> samples_;
};

// Knows whether a query exists, and asks the feed only when it must.
class Lookahead {
 public:
  explicit Lookahead(IssueContext* context) : context_(context) {}

  bool Exists(uint64_t query) { return query < ask_again_ || Ask(query); }

 private:
  // Memory may run out where queries are made; that ends the test like any other failure.
  bool Ask(uint64_t query) {
    try {
      return context_->feed->Ensure(query, &ask_again_);
    } catch (...) {
      context_->control->ReportException(std::current_exception());
      return false;
    }
  }

  IssueContext* context_;
  uint64_t ask_again_ = 0;
};

uint64_t Outstanding(const IssueContext& context) {
  const uint64_t completed =
      context.recorder->completed_count() / context.recorder->samples_per_query();
  const uint64_t issued = context.queries_issued.load(std::memory_order_relaxed);
  return issued - std::min(completed, issued);  // A racing double completion counts twice.
}

StopReason EndOfList(const IssueContext& context, const StopLimits& limits) {
  if (context.control->stop_requested()) return StopReason::kAborted;
  const bool natural = limits.until_list_ends || !limits.natural_end;
  return natural ? StopReason::kScheduleEnd : StopReason::kSamplesExhausted;
}

}  // namespace

IssueEnd IssueClosedLoop(IssueContext* context, const StopLimits& limits, CallbackGate* gate) {
  Recorder& recorder = *context->recorder;
  const uint64_t samples_per_query = recorder.samples_per_query();
  Handover handover(context);
  Lookahead lookahead(context);
  IssueEnd end;
  for (uint64_t query = 0;; ++query) {
    if (!lookahead.Exists(query)) {
      end.reason = EndOfList(*context, limits);
      break;
    }
    if (!recorder.WaitForCompleted(query * samples_per_query, context->control, gate) ||
        context->control->stop_requested()) {
      end.reason = StopReason::kAborted;
      break;
    }
    const int64_t now_ns = context->clock->NowNs();
    handover.Clear();
    handover.Add(query, now_ns);
    ++end.queries_issued;
    end.elapsed_ns = now_ns - context->start_ns;
    if (!handover.Issue(query)) {
      end.reason = StopReason::kAborted;
      break;
    }
    end.reason = Evaluate(limits, end.queries_issued, end.elapsed_ns, 0);
    if (end.reason != StopReason::kNone) break;
  }
  context->queries_issued.store(end.queries_issued, std::memory_order_relaxed);
  end.outstanding = Outstanding(*context);
  return end;
}

namespace {

// Marks the queries of one thread that were due before the system under test let it go.
class HeldUp {
 public:
  explicit HeldUp(IssueContext* context) : context_(context) {}
  ~HeldUp() { context_->held_up_by_sut.fetch_add(count_, std::memory_order_relaxed); }
  HeldUp(const HeldUp&) = delete;
  HeldUp& operator=(const HeldUp&) = delete;

  // The thread came back from its last call, if there was one, and began to wait at `begin_ns`.
  void WaitBegan(int64_t begin_ns, bool called_before) {
    free_ns_ = called_before ? begin_ns : std::numeric_limits<int64_t>::min();
  }
  void Look(uint64_t query, int64_t due_ns) {
    if (due_ns > free_ns_) return;
    ++count_;
    context_->recorder->MarkHeldUp(query);
  }

 private:
  IssueContext* context_;
  int64_t free_ns_ = 0;
  uint64_t count_ = 0;
};

// Adds the following queries of this share that are due as well. Returns how many.
uint64_t Coalesce(IssueContext* context, const IssueShare& share, uint64_t query, int64_t now_ns,
                  Lookahead* lookahead, Handover* handover, HeldUp* held_up) {
  uint64_t merged = 0;
  for (uint64_t next = query + share.stride; lookahead->Exists(next); next += share.stride) {
    const int64_t due_ns = context->start_ns + context->recorder->ScheduledDeltaNs(next);
    if (due_ns > now_ns) break;
    held_up->Look(next, due_ns);
    handover->Add(next, now_ns);
    ++merged;
  }
  return merged;
}

}  // namespace

IssueEnd IssueOpenLoop(IssueContext* context, const StopLimits& limits, const IssueShare& share,
                       CallbackGate* gate) {
  Recorder& recorder = *context->recorder;
  PreciseSleep precise_sleep;
  Pacer pacer(context->clock, gate, context->control, context->pacing, &context->seen_enough);
  Handover handover(context);
  Lookahead lookahead(context);
  IssueEnd end;
  HeldUp held_up(context);
  uint64_t query = share.first;
  while (true) {
    if (!lookahead.Exists(query)) {
      end.reason = EndOfList(*context, limits);
      break;
    }
    int64_t wait_begin_ns = 0;
    const int64_t delta_ns = recorder.ScheduledDeltaNs(query);
    const bool too_far = limits.last_due_ns > 0 && delta_ns > limits.last_due_ns;
    const int64_t due_ns = context->start_ns + (too_far ? limits.max_duration_ns : delta_ns);
    const int64_t now_ns = pacer.WaitUntil(due_ns, &wait_begin_ns);
    if (context->seen_enough.load(std::memory_order_relaxed)) {
      end.reason = StopReason::kSeenEnough;
      break;
    }
    if (context->control->stop_requested()) {
      end.reason = StopReason::kAborted;
      break;
    }
    if (too_far) {
      end.reason = StopReason::kMaxDuration;
      end.elapsed_ns = now_ns - context->start_ns;
      break;
    }
    held_up.WaitBegan(wait_begin_ns, end.queries_issued > 0);
    held_up.Look(query, due_ns);
    handover.Clear();
    handover.Add(query, now_ns);
    uint64_t issued = 1;
    if (context->coalesce) {
      issued += Coalesce(context, share, query, now_ns, &lookahead, &handover, &held_up);
    }
    end.queries_issued += issued;
    end.elapsed_ns = now_ns - context->start_ns;
    uint64_t outstanding = 0;
    if (limits.max_async_queries > 0) {
      context->queries_issued.fetch_add(issued, std::memory_order_relaxed);
    }
    if (!handover.Issue(query)) {
      end.reason = StopReason::kAborted;
      break;
    }
    if (limits.max_async_queries > 0) outstanding = Outstanding(*context);
    end.outstanding = outstanding;
    end.reason = Evaluate(limits, end.queries_issued, end.elapsed_ns, outstanding);
    if (end.reason != StopReason::kNone) break;
    query += issued * share.stride;
  }
  context->spun_ns.fetch_add(pacer.spun_ns(), std::memory_order_relaxed);
  const LateWaits& late = pacer.late_waits();
  context->late_by_machine_ns.fetch_add(late.machine_ns, std::memory_order_relaxed);
  context->late_by_gate_ns.fetch_add(late.gate_ns, std::memory_order_relaxed);
  return end;
}

IssueEnd IssueOneShot(IssueContext* context, const StopLimits& limits) {
  Lookahead lookahead(context);
  IssueEnd end;
  if (!lookahead.Exists(0)) {
    end.reason = EndOfList(*context, limits);
    return end;
  }
  if (context->control->stop_requested()) {
    end.reason = StopReason::kAborted;
    return end;
  }
  Handover handover(context);
  const int64_t now_ns = context->clock->NowNs();
  handover.Add(0, now_ns);
  end.queries_issued = 1;
  end.elapsed_ns = now_ns - context->start_ns;
  const bool issued = handover.IssueForGood(0);
  end.reason = issued ? Evaluate(limits, 1, end.elapsed_ns, 0) : StopReason::kAborted;
  if (end.reason == StopReason::kNone) end.reason = EndOfList(*context, limits);
  return end;
}

}  // namespace mlperf::loadgen
