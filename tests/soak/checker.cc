#include "checker.h"

#include <algorithm>
#include <exception>
#include <map>
#include <set>

#include "read/accuracy_reader.h"

namespace mlperf::soak {
namespace {

// Beyond all times.
constexpr int64_t kFarNs = int64_t{1} << 61;

size_t AccuracySets(const RunSpec& spec) {
  if (spec.settings.mode == TestMode::PerformanceOnly) return 0;
  return (spec.library_total_count + spec.library_performance_count - 1) /
         spec.library_performance_count;
}

bool AnyContains(const std::vector<std::string>& reasons, const std::string& part) {
  return std::any_of(reasons.begin(), reasons.end(), [&](const std::string& reason) {
    return reason.find(part) != std::string::npos;
  });
}

uint64_t Sum(const ComplaintCounts& counts) {
  uint64_t sum = 0;
  for (uint64_t count : counts) sum += count;
  return sum;
}

// Slow callbacks, refused nested starts and what comes after the run do not spoil it.
uint64_t SpoilingFaults(const Ledger& ledger) {
  uint64_t sum = 0;
  for (size_t kind = 0; kind < kFaultKinds; ++kind) sum += ledger.fault_counts[kind];
  return sum - ledger.count(Fault::kSlowCallback) - ledger.count(Fault::kNestedStart) -
         ledger.count(Fault::kAfterRun);
}

std::vector<uint8_t> LoggedBytes(const Attempt& attempt) {
  if (attempt.callback == CallbackUse::kChanged) return ChangedPayload();
  if (attempt.has_null_data) return {};
  return Payload(attempt.payload_seed, attempt.size);
}

// The first token that surely counts and comes before all completions; null: it is not known.
const Attempt* SureFirstToken(const SampleAccount& sample) {
  for (size_t i = 0; i < sample.first_tokens.size(); ++i) {
    const Attempt& attempt = sample.first_tokens[i];
    const auto comes_after = [&](const Attempt& other) {
      return &other == &attempt || Precedes(attempt, other);
    };
    if (sample.first_token_is_sure[i] &&
        std::all_of(sample.first_tokens.begin(), sample.first_tokens.end(), comes_after) &&
        std::all_of(sample.completions.begin(), sample.completions.end(), comes_after)) {
      return &attempt;
    }
  }
  return nullptr;
}

Complaint TokenComplaint(int64_t n_tokens) {
  if (n_tokens == 0) return Complaint::kMissingTokenCount;
  if (n_tokens < 0) return Complaint::kNegativeTokenCount;
  return n_tokens == 1 ? Complaint::kTooFewTokens : Complaint::kCount;
}

}  // namespace

Checker::Checker(const RunState& state, const RunOutcome& outcome)
    : state_(state),
      spec_(state.spec),
      ledger_(state.ledger),
      outcome_(outcome),
      // The library is asked for its name before the logs are opened.
      has_logs_(spec_.thrower != Thrower::kLibraryName),
      accuracy_sets_(AccuracySets(state.spec)),
      account_(MakeAccount(state.ledger, RanToEnd())),
      origin_least_ns_(-kFarNs),
      origin_most_ns_(kFarNs) {}

std::vector<std::string> Checker::Check(std::optional<uint64_t> late_before) {
  disagreements_ = ledger_.problems;
  try {
    CheckCallbacks();
    CheckClosedLoop();
    CheckEnd();
    if (has_logs_) {
      rows_ = ReadRows(outcome_.directory + "/loadgen_samples/mlperf_log_samples.npy");
      detail_ = CountDetailLog(outcome_.directory + "/mlperf_log_detail.txt");
      CheckRows();
      CheckAccuracyLog();
      CheckComplaints();
    }
    if (outcome_.result) CheckVerdict();
    if (outcome_.result) CheckPhases();
    CheckConservation(late_before);
  } catch (const std::exception& error) {
    Expect(false, std::string("logs cannot be read back: ") + error.what());
  }
  return disagreements_;
}

void Checker::Expect(bool agrees, const std::string& disagreement) {
  if (!agrees) disagreements_.push_back(disagreement);
}

void Checker::ExpectOfSample(bool agrees, const SampleAccount& sample,
                             const std::string& disagreement) {
  if (agrees) return;
  disagreements_.push_back("sample " + std::to_string(&sample - account_.samples.data()) + " (id " +
                           std::to_string(sample.issued.id) + "): " + disagreement);
}

bool Checker::RanToEnd() const {
  return outcome_.result && !outcome_.result->aborted && !outcome_.result->stalled;
}

// ---- The course of the run ---------------------------------------------------------------------

void Checker::CheckCallbacks() {
  for (const SetCalls& set : ledger_.sets) {
    Expect(set.is_unloaded, "a loaded set was not unloaded");
    Expect(set.loaded == set.unloaded, "a set was unloaded with other samples than loaded");
  }
  const size_t sets = accuracy_sets_ + (spec_.settings.mode == TestMode::AccuracyOnly ? 0 : 1);
  Expect(RanToEnd() ? ledger_.sets.size() == sets : ledger_.sets.size() <= sets,
         std::to_string(ledger_.sets.size()) + " sets were loaded, not " + std::to_string(sets));
  for (size_t i = 1; i < account_.samples.size(); ++i) {
    ExpectOfSample(account_.samples[i - 1].issued.id != account_.samples[i].issued.id,
                   account_.samples[i], "was issued twice");
  }
}

// One query at a time: the next comes when a thread has begun to answer each sample of the last.
void Checker::CheckClosedLoop() {
  const TestScenario scenario = spec_.settings.scenario;
  if (scenario != TestScenario::SingleStream && scenario != TestScenario::MultiStream) return;
  std::map<uint64_t, int64_t> issued_ns;  // Of each IssueQuery.
  for (const IssuedSample& issued : ledger_.issued) issued_ns[issued.call] = issued.noted_ns;
  for (const SampleAccount& sample : account_.samples) {
    const auto next = issued_ns.find(sample.issued.call + 1);
    if (next == issued_ns.end()) continue;
    ExpectOfSample(
        std::any_of(sample.completions.begin(), sample.completions.end(),
                    [&](const Attempt& attempt) { return attempt.begin_ns <= next->second; }),
        sample, "was not answered when the next query was issued");
  }
}

void Checker::CheckEnd() {
  if (ledger_.count(Fault::kThrown) > 0) {
    Expect(outcome_.threw_injected,
           "a callback threw, but StartTest " +
               (outcome_.result ? "returned" : "threw '" + outcome_.thrown + "'"));
    return;
  }
  Expect(outcome_.result.has_value(), "StartTest threw '" + outcome_.thrown + "'");
  if (!outcome_.result) return;
  const TestResult& result = *outcome_.result;
  Expect(!(result.aborted && result.stalled), "both aborted and stalled");
  Expect(!result.aborted || ledger_.count(Fault::kAbort) > 0, "aborted without a cause");
  Expect(!state_.aborted_surely || result.aborted || result.stalled, "AbortTest had no effect");
  Expect(!result.stalled || spec_.faults.drop > 0, "stalled, though nothing was dropped");
  Expect(!result.stalled || AnyContains(result.reasons, "stalled: "), "no reason for the stall");
}

void Checker::CheckVerdict() {
  const TestResult& result = *outcome_.result;
  const ComplaintCounts reasons = CountReasons(result.reasons);
  for (size_t kind = 0; kind < kComplaintKinds; ++kind) {
    Expect(reasons[kind] == detail_.complaints[kind],
           std::string(NameOf(static_cast<Complaint>(kind))) + ": " +
               std::to_string(reasons[kind]) + " in the reasons, " +
               std::to_string(detail_.complaints[kind]) + " in the detail log");
  }
  Expect(CountAfterTheirSet(result.reasons) == detail_.after_their_set,
         "the reasons and the detail log count late completions differently");
  Expect(result.log_failure.empty(), "log_failure: " + result.log_failure);
  const bool complete =
      std::all_of(rows_.begin(), rows_.end(), [](const Row& row) { return row.completed_ns >= 0; });
  const bool spoilt =
      Sum(reasons) + detail_.after_their_set > 0 || !complete || result.aborted || result.stalled;
  Expect(!(spoilt && result.valid()), "valid, though it was spoilt");
  Expect(complete || AnyContains(result.reasons, "never completed"), "no reason says incomplete");
  if (SpoilingFaults(ledger_) > 0) return;
  Expect(!spoilt, "spoilt, though the system was faultless");
  if (spec_.settings.mode == TestMode::AccuracyOnly) {
    Expect(result.valid(), "a faultless accuracy run is not valid");
  }
}

void Checker::CheckPhases() {
  const TestResult& result = *outcome_.result;
  Expect(result.scenario == spec_.settings.scenario, "another scenario");
  Expect(result.mode == spec_.settings.mode, "another mode");
  std::set<QuerySampleIndex> in_accuracy;
  uint64_t issued = 0;
  uint64_t completed = 0;
  for (size_t i = 0; i < account_.samples.size() && i < rows_.size(); ++i) {
    const IssuedSample& sample = account_.samples[i].issued;
    if (sample.set < accuracy_sets_) {
      in_accuracy.insert(sample.index);
      continue;
    }
    ++issued;
    completed += rows_[i].completed_ns >= 0 ? 1u : 0u;
  }
  Expect(result.performance.has_value() == (issued > 0),
         "a performance result of nothing, or none");
  if (result.performance) {
    Expect(result.performance->sample_count == completed,
           "sample_count is " + std::to_string(result.performance->sample_count) + ", not " +
               std::to_string(completed));
  }
  const bool whole = !spec_.settings.performance_issue_same && RanToEnd();
  if (whole && accuracy_sets_ > 0) {
    Expect(in_accuracy.size() == spec_.library_total_count,
           "the accuracy phase issued " + std::to_string(in_accuracy.size()) + " of " +
               std::to_string(spec_.library_total_count) + " samples");
  }
}

// ---- The sample log ----------------------------------------------------------------------------

void Checker::CheckRows() {
  Expect(rows_.size() == account_.samples.size(), std::to_string(rows_.size()) + " rows for " +
                                                      std::to_string(account_.samples.size()) +
                                                      " issued samples");
  rows_.resize(account_.samples.size());
  for (size_t i = 0; i < rows_.size(); ++i) {
    const SampleAccount& sample = account_.samples[i];
    ExpectOfSample(rows_[i].sample_index == sample.issued.index, sample,
                   "is sample " + std::to_string(rows_[i].sample_index) + " in the log");
    origin_most_ns_ = std::min(origin_most_ns_, sample.issued.noted_ns - rows_[i].issued_ns);
    CheckCompletion(sample, rows_[i]);
    CheckFirstToken(sample, rows_[i]);
  }
  CheckQueryNumbers();
  Expect(origin_least_ns_ <= origin_most_ns_,
         "the times in the sample log do not fit those of the calls, by " +
             std::to_string(origin_least_ns_ - origin_most_ns_) + " ns");
}

// Samples that came together are of one query, unless due queries were merged.
void Checker::CheckQueryNumbers() {
  const bool merges = spec_.settings.scenario == TestScenario::Server;
  for (size_t i = 1; i < rows_.size(); ++i) {
    const bool together = account_.samples[i - 1].issued.call == account_.samples[i].issued.call;
    const bool same_query = rows_[i - 1].query == rows_[i].query;
    ExpectOfSample(same_query == (together && !merges), account_.samples[i],
                   "is of query " + std::to_string(rows_[i].query));
    ExpectOfSample(rows_[i - 1].query <= rows_[i].query, account_.samples[i], "is out of order");
  }
}

void Checker::CheckCompletion(const SampleAccount& sample, const Row& row) {
  const bool completed = row.completed_ns >= 0;
  ExpectOfSample(completed || !sample.surely_completed, sample, "its completion is missing");
  ExpectOfSample(completed || !RanToEnd(), sample, "the run ended without it");
  ExpectOfSample(!completed || !sample.candidates.empty(), sample, "was completed without a call");
  if (!completed || sample.candidates.empty()) {
    ExpectOfSample(row.tokens == 0, sample, "has tokens without a completion");
    return;
  }
  ExpectOfSample(row.completed_ns >= row.issued_ns, sample, "was completed before it was issued");
  NarrowOrigin(sample.candidates, row.completed_ns);
  const bool tokens = spec_.settings.use_token_latencies;
  const auto fits = [&](const Attempt& attempt) {
    return row.tokens == (tokens ? attempt.n_tokens : 0);
  };
  ExpectOfSample(std::any_of(sample.candidates.begin(), sample.candidates.end(), fits), sample,
                 "has " + std::to_string(row.tokens) + " tokens");
}

void Checker::CheckFirstToken(const SampleAccount& sample, const Row& row) {
  const bool recorded = row.first_token_ns >= 0;
  ExpectOfSample(recorded || !SureFirstToken(sample), sample, "its first token is missing");
  ExpectOfSample(!recorded || !sample.first_tokens.empty(), sample,
                 "has a first token without a call");
  if (recorded && !sample.first_tokens.empty()) {
    NarrowOrigin(sample.first_tokens, row.first_token_ns);
  }
}

// One of the attempts was at this time of the log.
void Checker::NarrowOrigin(const std::vector<Attempt>& attempts, int64_t time_ns) {
  int64_t begin_ns = kFarNs;
  int64_t end_ns = 0;
  for (const Attempt& attempt : attempts) {
    begin_ns = std::min(begin_ns, attempt.begin_ns);
    end_ns = std::max(end_ns, attempt.end_ns);
  }
  origin_least_ns_ = std::max(origin_least_ns_, begin_ns - time_ns);
  origin_most_ns_ = std::min(origin_most_ns_, end_ns - time_ns);
}

// ---- The accuracy log --------------------------------------------------------------------------

bool Checker::IsLogged(const SampleAccount& sample, bool* maybe) const {
  const double probability = spec_.settings.accuracy_log_probability;
  const bool always = sample.issued.set < accuracy_sets_ || probability == 1;
  *maybe = !always && probability > 0;
  return always;
}

void Checker::CheckAccuracyLog() {
  const loadgen::AccuracyData log =
      loadgen::ReadAccuracyLog(outcome_.directory + "/mlperf_log_accuracy.json");
  Expect(!log.truncated, "the accuracy log is cut off");
  if (outcome_.result) {
    Expect(log.sequence_ids.size() == outcome_.result->accuracy_sample_count,
           "accuracy_sample_count is " + std::to_string(outcome_.result->accuracy_sample_count));
  }
  const auto bytes_of = [](const std::vector<uint8_t>& all, const std::vector<uint64_t>& offsets,
                           size_t i) {
    return std::vector<uint8_t>(all.begin() + static_cast<ptrdiff_t>(offsets[i]),
                                all.begin() + static_cast<ptrdiff_t>(offsets[i + 1]));
  };
  std::set<size_t> seen;
  for (size_t i = 0; i < log.sequence_ids.size(); ++i) {
    // Sequence numbers count from the first id of the run.
    const SampleAccount* sample =
        account_.samples.empty()
            ? nullptr
            : account_.Find(account_.samples[0].issued.id + log.sequence_ids[i]);
    Expect(sample != nullptr, "a record of sequence " + std::to_string(log.sequence_ids[i]));
    if (sample == nullptr) continue;
    const auto position = static_cast<size_t>(sample - account_.samples.data());
    ExpectOfSample(seen.insert(position).second, *sample, "has two records");
    ExpectOfSample(log.sample_indices[i] == sample->issued.index, *sample,
                   "is sample " + std::to_string(log.sample_indices[i]) + " in its record");
    ExpectOfSample(rows_[position].completed_ns >= 0, *sample, "has a record, but no completion");
    const std::vector<uint8_t> bytes = bytes_of(log.payload, log.payload_offsets, i);
    const auto fits = [&](const Attempt& attempt) {
      return attempt.callback != CallbackUse::kThrew && LoggedBytes(attempt) == bytes &&
             (log.token_counts.empty() || log.token_counts[i] == attempt.n_tokens);
    };
    ExpectOfSample(std::any_of(sample->candidates.begin(), sample->candidates.end(), fits), *sample,
                   "has a record with other data");
    const Attempt* first_token = SureFirstToken(*sample);
    if (first_token == nullptr || log.token_payload_offsets.empty()) continue;
    ExpectOfSample(bytes_of(log.token_payload, log.token_payload_offsets, i) ==
                       Payload(first_token->payload_seed, first_token->size),
                   *sample, "has a record with other token data");
  }
  for (size_t i = 0; i < rows_.size(); ++i) {
    const SampleAccount& sample = account_.samples[i];
    bool maybe = false;
    const bool logged = IsLogged(sample, &maybe);
    const bool may_throw =
        std::any_of(sample.candidates.begin(), sample.candidates.end(),
                    [](const Attempt& attempt) { return attempt.callback == CallbackUse::kThrew; });
    const bool has_record = seen.contains(i);
    ExpectOfSample(has_record || !logged || may_throw || rows_[i].completed_ns < 0, sample,
                   "has no record");
    ExpectOfSample(!has_record || logged || maybe, sample, "has a record, though it is not logged");
  }
}

// ---- Complaints --------------------------------------------------------------------------------

void Checker::AddCompletionRanges(const SampleAccount& sample, const Row& row,
                                  Ranges* ranges) const {
  const auto add = [&](Complaint kind, uint64_t least, uint64_t most) {
    Range& range = (*ranges)[static_cast<size_t>(kind)];
    range.least += least;
    range.most += most;
  };
  const auto sure = static_cast<uint64_t>(
      std::count(sample.completion_is_sure.begin(), sample.completion_is_sure.end(), true));
  if (row.completed_ns >= 0) {
    add(Complaint::kDouble, sure > 0 ? sure - 1 : 0, sample.completions.size() - 1);
  }
  const bool has_next_set = sample.issued.set + 1 < ledger_.sets.size();
  for (const std::vector<Attempt>* attempts : {&sample.completions, &sample.first_tokens}) {
    for (const Attempt& attempt : *attempts) {
      const bool may_be_early = attempt.begin_ns < sample.issued.noted_ns;
      add(Complaint::kEarly, 0, may_be_early);
      add(Complaint::kUnknownId, 0, may_be_early);
      add(Complaint::kForeignId, 0,
          has_next_set && attempt.end_ns > ledger_.sets[sample.issued.set + 1].load_begin_ns);
    }
  }
}

void Checker::AddFirstTokenRanges(const SampleAccount& sample, const Row& row,
                                  Ranges* ranges) const {
  Range& doubles = (*ranges)[static_cast<size_t>(Complaint::kDoubleFirstToken)];
  Range& late = (*ranges)[static_cast<size_t>(Complaint::kLateFirstToken)];
  const Attempt* first = SureFirstToken(sample);
  for (size_t i = 0; i < sample.first_tokens.size(); ++i) {
    const Attempt& attempt = sample.first_tokens[i];
    if (&attempt == first) continue;
    bool surely_late = false;
    bool surely_before = true;
    for (size_t k = 0; k < sample.completions.size(); ++k) {
      surely_late =
          surely_late || (sample.completion_is_sure[k] && Precedes(sample.completions[k], attempt));
      surely_before = surely_before && Precedes(attempt, sample.completions[k]);
    }
    const bool sure = sample.first_token_is_sure[i];
    late.least += sure && surely_late;
    late.most += !surely_before;
    doubles.least += sure && first != nullptr && surely_before;
    doubles.most += row.first_token_ns >= 0 && !surely_late;
  }
}

// What is said of the one completion that counts.
void Checker::AddWinnerRanges(const SampleAccount& sample, Ranges* ranges) const {
  Ranges of_sample{};
  for (Range& range : of_sample) range.least = 1;
  const auto of = [&](Complaint kind) -> Range& { return of_sample[static_cast<size_t>(kind)]; };
  bool maybe_logged = false;
  const bool logged = IsLogged(sample, &maybe_logged);
  for (const Attempt& attempt : sample.candidates) {
    const bool null_data = attempt.has_null_data && attempt.callback == CallbackUse::kNone;
    Ranges of_attempt{};
    if (null_data) {
      of_attempt[static_cast<size_t>(Complaint::kNullData)] = {logged, logged || maybe_logged};
    }
    const Complaint kind = TokenComplaint(attempt.n_tokens);
    if (spec_.settings.use_token_latencies && kind != Complaint::kCount) {
      of_attempt[static_cast<size_t>(kind)] = {1, 1};
    }
    for (size_t i = 0; i < kComplaintKinds; ++i) {
      of_sample[i].least = std::min(of_sample[i].least, of_attempt[i].least);
      of_sample[i].most = std::max(of_sample[i].most, of_attempt[i].most);
    }
  }
  if (spec_.settings.use_token_latencies && spec_.settings.scenario != TestScenario::Offline) {
    const bool in_time = SureFirstToken(sample) != nullptr;
    of(Complaint::kMissingFirstToken) = {sample.first_tokens.empty(), !in_time};
  }
  for (size_t i = 0; i < kComplaintKinds; ++i) {
    (*ranges)[i].least += of_sample[i].least;
    (*ranges)[i].most += of_sample[i].most;
  }
}

void Checker::AddStrayRanges(Ranges* ranges) const {
  const auto of = [&](Complaint kind) -> Range& { return (*ranges)[static_cast<size_t>(kind)]; };
  for (const Attempt& attempt : account_.unissued) {
    const bool sure = account_.SurelyActive(attempt);
    switch (attempt.origin) {
      case IdOrigin::kUnknown:
        of(Complaint::kUnknownId).least += sure;
        ++of(Complaint::kUnknownId).most;
        break;
      case IdOrigin::kForeign:
        of(Complaint::kForeignId).least += sure;
        ++of(Complaint::kForeignId).most;
        break;
      case IdOrigin::kGuessed:
      case IdOrigin::kIssued:
        ++of(Complaint::kUnknownId).most;
        ++of(Complaint::kForeignId).most;
        ++of(Complaint::kEarly).most;
        break;
    }
  }
}

void Checker::CheckComplaints() {
  Ranges ranges{};
  for (size_t i = 0; i < rows_.size(); ++i) {
    AddCompletionRanges(account_.samples[i], rows_[i], &ranges);
    AddFirstTokenRanges(account_.samples[i], rows_[i], &ranges);
    if (rows_[i].completed_ns >= 0) AddWinnerRanges(account_.samples[i], &ranges);
  }
  AddStrayRanges(&ranges);
  for (size_t kind = 0; kind < kComplaintKinds; ++kind) {
    const uint64_t count = detail_.complaints[kind];
    Expect(ranges[kind].least <= count && count <= ranges[kind].most,
           std::string(NameOf(static_cast<Complaint>(kind))) + ": " + std::to_string(count) +
               " counted, " + std::to_string(ranges[kind].least) + " to " +
               std::to_string(ranges[kind].most) + " made");
  }
}

// Each id that was handed over is a completion, a first token, one complaint, or late: nothing is
// lost and nothing counts twice. What came after the test is reported by the next one.
void Checker::CheckConservation(std::optional<uint64_t> late_before) {
  uint64_t accounted = 0;
  for (const Row& row : rows_) {
    accounted += (row.completed_ns >= 0 ? 1u : 0u) + (row.first_token_ns >= 0 ? 1u : 0u);
  }
  for (Complaint kind :
       {Complaint::kUnknownId, Complaint::kForeignId, Complaint::kEarly, Complaint::kDouble,
        Complaint::kDoubleFirstToken, Complaint::kLateFirstToken}) {
    accounted += detail_.complaints[static_cast<size_t>(kind)];
  }
  const uint64_t made = ledger_.attempts.size();
  Expect(accounted <= made,
         std::to_string(made) + " ids handed over, " + std::to_string(accounted) + " counted");
  const auto sure = static_cast<uint64_t>(
      std::count_if(ledger_.attempts.begin(), ledger_.attempts.end(),
                    [&](const Attempt& attempt) { return account_.SurelyActive(attempt); }));
  Expect(accounted >= sure, std::to_string(sure) + " ids handed over in time, " +
                                std::to_string(accounted) + " counted");
  accounted += detail_.after_their_set;
  Expect(accounted <= made, std::to_string(made) + " ids handed over, " +
                                std::to_string(accounted) + " counted with the late ones");
  late_ = made - std::min(made, accounted);
  if (!late_before || !has_logs_) return;
  Expect(detail_.between_tests == *late_before,
         std::to_string(*late_before) + " completions came after earlier runs, " +
             std::to_string(detail_.between_tests) + " are reported");
}

}  // namespace mlperf::soak
