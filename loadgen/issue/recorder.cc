#include "issue/recorder.h"

#include <bit>
#include <utility>

#include "platform/cpu_relax.h"

namespace mlperf::loadgen {
namespace {

constexpr size_t kViolationDetailsPerKind = 10;
// No address space holds a larger one.
constexpr size_t kLargestResponse = size_t{1} << 47;
// How long an issuer looks for a completion before it sleeps for one: long enough for a system
// that answers from another core at once, short enough not to starve one that needs this core.
constexpr int kSpinsBeforeSleep = 200;

}  // namespace

Recorder::Recorder(const Options& options, const Clock* clock)
    : options_(options),
      clock_(clock),
      id_base_((options.id_tag << kSampleIdBits) + options.first_sample),
      query_shift_(std::has_single_bit(options.samples_per_query)
                       ? std::countr_zero(options.samples_per_query)
                       : -1),
      slots_(std::make_shared<SampleSlots>()) {
  slots_->samples_per_query = options.samples_per_query;
  slots_->scheduled_is_issued = options.closed_loop;
}

void Recorder::Append(const QueryBlock& block) {
  const uint64_t first_query = queries_ready_.load(std::memory_order_relaxed);
  const uint64_t first_sample = first_query * options_.samples_per_query;
  const uint64_t query_end = first_query + block.query_count;
  const uint64_t sample_end = first_sample + block.sample_indices.size();

  SampleSlots& slots = *slots_;
  slots.issued_ns.Grow(query_end);
  if (!options_.closed_loop) {
    slots.scheduled_delta_ns.Grow(query_end);
    slots.held_up.Grow(query_end);
  }
  if (options_.issue_spans) slots.issue_returned_ns.Grow(query_end);
  slots.sample_index.Grow(sample_end);
  slots.completed_ns.Grow(sample_end);
  if (options_.tokens) {
    slots.first_token_ns.Grow(sample_end);
    slots.token_count.Grow(sample_end);
  }
  if (options_.sampling != nullptr) slots.log_response.Grow(sample_end);

  if (!options_.closed_loop) {
    slots.scheduled_delta_ns.Assign(first_query, block.scheduled_delta_ns.data(),
                                    block.query_count);
    slots.held_up.Touch(first_query, query_end);
  }
  slots.sample_index.Assign(first_sample, block.sample_indices.data(), block.sample_indices.size());
  if (options_.sampling != nullptr) {
    for (uint64_t sample = first_sample; sample < sample_end; ++sample) {
      slots.log_response[sample] = options_.sampling->NextIsLogged() ? 1 : 0;
    }
  }
  // The page faults of new memory belong here, not between an issue and its record.
  slots.issued_ns.Touch(first_query, query_end);
  slots.completed_ns.Touch(first_sample, sample_end);
  if (options_.issue_spans) slots.issue_returned_ns.Touch(first_query, query_end);
  if (options_.tokens) {
    slots.first_token_ns.Touch(first_sample, sample_end);
    slots.token_count.Touch(first_sample, sample_end);
  }
  samples_ready_.store(sample_end, std::memory_order_release);
  queries_ready_.store(query_end, std::memory_order_release);
}

int64_t Recorder::OldestOutstandingNs() const {
  const uint64_t samples = samples_ready_.load(std::memory_order_acquire);
  int64_t oldest_ns = 0;
  for (uint64_t sample = 0; sample < samples; ++sample) {
    if (slots_->CompletedNs(sample) != 0) continue;
    const int64_t issued_ns = slots_->issued_ns[QueryOf(sample)].load(std::memory_order_relaxed);
    if (issued_ns != 0 && (oldest_ns == 0 || issued_ns < oldest_ns)) oldest_ns = issued_ns;
  }
  return oldest_ns;
}

uint64_t Recorder::CountCompleted() const {
  // Only the issuing thread and another one can both pass with the same sample.
  if (completed_by_issuer_.load() == 0 || completed_count_.load() == 0) return completed_count();
  const uint64_t samples = samples_ready_.load(std::memory_order_acquire);
  uint64_t count = 0;
  for (uint64_t sample = 0; sample < samples; ++sample) {
    count += slots_->CompletedNs(sample) != 0 ? 1 : 0;
  }
  return count;
}

uint64_t Recorder::CountFailed() const {
  if (CountPublished().failed == 0) return 0;
  const uint64_t samples = samples_ready_.load(std::memory_order_acquire);
  uint64_t count = 0;
  for (uint64_t sample = 0; sample < samples; ++sample) count += slots_->Failed(sample) ? 1 : 0;
  return count;
}

uint64_t Recorder::CountCancelled() const {
  if (tokens() == nullptr) return 0;  // Only timed answers can be.
  const uint64_t samples = samples_ready_.load(std::memory_order_acquire);
  uint64_t count = 0;
  for (uint64_t sample = 0; sample < samples; ++sample) count += slots_->Cancelled(sample) ? 1 : 0;
  return count;
}

bool Recorder::Wait(uint64_t count, RunControl* control, CallbackGate* gate) {
  const auto done = [&] { return completed_count() >= count; };
  const auto done_or_stopped = [&] { return done() || control->stop_requested(); };
  gate->Leave();
  try {
    for (int spin = 0; spin < kSpinsBeforeSleep && !done(); ++spin) CpuRelax();
    while (!done_or_stopped()) {
      issuer_.SleepUnless(done_or_stopped, options_.poll_interval);
      if (!done()) gate->Poll();
    }
  } catch (...) {
    control->ReportException(std::current_exception());
  }
  gate->Enter();
  return done();
}

bool Recorder::FirstToken(ResponseId id, int64_t now_ns, uint64_t* sample) {
  if (!Resolve(id, now_ns, sample)) return false;
  if (slots_->CompletedNs(*sample) != 0) {
    Violate(Violation::kLateFirstToken, id, *sample, now_ns);
    return false;
  }
  if (!options_.tokens) return true;
  int64_t expected = 0;
  if (!slots_->first_token_ns[*sample].compare_exchange_strong(expected, now_ns,
                                                               std::memory_order_relaxed)) {
    Violate(Violation::kDoubleFirstToken, id, *sample, now_ns);
    return false;
  }
  return true;
}

bool Recorder::CompleteTimed(const TimedAnswer& answer, int64_t now_ns, bool alone,
                             uint64_t* sample, bool* believed) {
  const ResponseId id = answer.response.id;
  if (!Resolve(id, now_ns, sample)) return false;
  *believed = TimesArePossible(answer, options_.token_clock, IssuedNs(*sample), now_ns);
  const int64_t completed_ns = *believed ? CompletedNs(answer, options_.token_clock) : now_ns;
  // Who sees the completion finds the first token.
  if (options_.tokens && answer.first_token_ns != 0 && slots_->CompletedNs(*sample) == 0) {
    int64_t none = 0;
    const int64_t first_ns = *believed ? FirstTokenNs(answer, options_.token_clock) : now_ns;
    if (!slots_->first_token_ns[*sample].compare_exchange_strong(none, first_ns,
                                                                 std::memory_order_relaxed)) {
      Violate(Violation::kDoubleFirstToken, id, *sample, now_ns);
    }
  }
  const int64_t ended = answer.cancelled ? SampleSlots::CancelledAt(completed_ns) : completed_ns;
  if (!Claim(&slots_->completed_ns[*sample], ended, alone)) {
    Violate(Violation::kDoubleCompletion, id, *sample, now_ns);
    return false;
  }
  if (!*believed) Violate(Violation::kImpossibleTime, id, *sample, now_ns);
  if (!options_.tokens) return true;
  if (answer.cancelled) {  // It may have any number of tokens.
    slots_->token_count[*sample].store(answer.response.n_tokens, std::memory_order_relaxed);
  } else {
    RecordTokens(id, *sample, now_ns, answer.response.n_tokens);
  }
  return true;
}

void Recorder::KeepAnswer(uint64_t sample, const TimedAnswer& answer, bool believed) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (tokens_ == nullptr) tokens_ = std::make_shared<TokenRecord>();
  tokens_->Append(sample, IssuedNs(sample), answer, options_.token_clock,
                  believed && options_.tokens);
}

bool Recorder::Fail(ResponseId id, int64_t now_ns, bool alone) {
  uint64_t sample;
  if (!Resolve(id, now_ns, &sample)) return false;
  if (!Claim(&slots_->completed_ns[sample], -now_ns, alone)) {
    Violate(Violation::kDoubleCompletion, id, sample, now_ns);
    return false;
  }
  Violate(Violation::kFailed, id, sample, now_ns);
  return true;
}

void Recorder::PublishFailed(uint64_t count, const std::string& text, bool alone) {
  if (count == 0) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    violations_.AddFailureText(text, count);
    failed_count_ += count;
    if (alone) return PublishByIssuer(count);
    completed_count_.fetch_add(count, std::memory_order_seq_cst);
  }
  issuer_.Wake();
}

Recorder::Counts Recorder::CountPublished() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return {completed_count(), failed_count_};
}

void Recorder::NoteFault(const std::string& text) {
  std::lock_guard<std::mutex> lock(mutex_);
  violations_.AddFault(text);
}

void Recorder::RecordTokens(ResponseId id, uint64_t sample, int64_t now_ns, int64_t n_tokens) {
  slots_->token_count[sample].store(n_tokens, std::memory_order_relaxed);
  if (options_.first_token_required &&
      slots_->first_token_ns[sample].load(std::memory_order_relaxed) == 0) {
    Violate(Violation::kMissingFirstToken, id, sample, now_ns);
  }
  if (n_tokens >= 2 || (n_tokens == 1 && options_.short_answers)) return;
  const Violation kind = n_tokens == 0  ? Violation::kMissingTokenCount
                         : n_tokens < 0 ? Violation::kNegativeTokenCount
                                        : Violation::kTooFewTokens;
  Violate(kind, id, sample, now_ns);
}

void Recorder::LogResponse(uint64_t sample, const QuerySampleResponse& response, int64_t now_ns) {
  size_t size = response.size;
  if ((size > 0 && response.data == 0) || size > kLargestResponse) {
    Violate(Violation::kNullData, response.id, sample, now_ns);
    size = 0;
  }
  std::string token_data;
  if (options_.token_data) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = token_data_.find(sample);
    if (found != token_data_.end()) {
      token_data = std::move(found->second);
      token_data_.erase(found);
    }
  }
  options_.responses->Append({options_.first_sample + sample, SampleIndex(sample),
                              reinterpret_cast<const void*>(response.data), size, token_data.data(),
                              token_data.size(), response.n_tokens});
}

void Recorder::KeepTokenData(uint64_t sample, const QuerySampleResponse& response, int64_t now_ns) {
  if (response.size == 0) return;
  if (response.data == 0 || response.size > kLargestResponse) {
    Violate(Violation::kNullData, response.id, sample, now_ns);
    return;
  }
  std::lock_guard<std::mutex> lock(mutex_);
  token_data_[sample].assign(reinterpret_cast<const char*>(response.data), response.size);
}

void Recorder::RefuseId(ResponseId id, int64_t now_ns) {
  const uint64_t tag = id >> kSampleIdBits;
  const bool of_a_test = tag > 0 && tag <= options_.id_tag;
  const bool too_new = tag == options_.id_tag && id >= id_base_;
  Violate(of_a_test && !too_new ? Violation::kForeignId : Violation::kUnknownId, id, 0, now_ns);
}

void Recorder::Violate(Violation kind, ResponseId id, uint64_t sample, int64_t now_ns) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (++violations_.counts[static_cast<size_t>(kind)] > kViolationDetailsPerKind) return;
  violations_.first.push_back({kind, id, options_.first_query + slots_->QueryOf(sample),
                               options_.first_sample + sample, now_ns});
}

void Recorder::ReportException(std::exception_ptr exception) {
  options_.control->ReportException(exception);
  issuer_.Wake();
}

std::shared_ptr<const TokenRecord> Recorder::tokens() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return tokens_;
}

ViolationRecord Recorder::TakeViolations() {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::move(violations_);
}

}  // namespace mlperf::loadgen
