#include "write/detail_set.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <string>

#include "query_sample.h"
#include "record/failed_samples.h"
#include "record/missing_samples.h"
#include "settings/count_text.h"
#include "write/detail_block.h"

namespace mlperf::loadgen {
namespace {

// Shorter runs say more about rounding than about the clocks.
constexpr int64_t kMinClockCheckNs = 100'000'000;

// What an issue thread's end is worth saying, if anything.
std::optional<std::string> EarlyEndText(size_t thread, const IssueEnd& end) {
  const std::string start = "IssueQueryThread " + std::to_string(thread) + " Ending early: ";
  switch (end.reason) {
    case StopReason::kMaxQueryCount:
      return start + "Max query count reached. query_count " + std::to_string(end.queries_issued);
    case StopReason::kMaxDuration:
      return start + "Max test duration reached. duration_ns " + std::to_string(end.elapsed_ns);
    case StopReason::kTooManyOutstanding:
      return start + "Too many outstanding queries. issued " + std::to_string(end.queries_issued) +
             " outstanding " + std::to_string(end.outstanding);
    case StopReason::kSamplesExhausted:
      return "Ending early: Ran out of generated queries to issue before the minimum query count "
             "and test duration were reached. With performance_issue_unique no unissued sample is "
             "left after " +
             Counted(end.queries_issued, "query", "queries") +
             "; raise performance_sample_count_override, or lower min_query_count and "
             "min_duration_ms.";
    case StopReason::kNone:
    case StopReason::kMinimumsMet:
    case StopReason::kScheduleEnd:
    case StopReason::kSeenEnough:
    case StopReason::kAborted:
      break;
  }
  return std::nullopt;
}

void WriteIssueEnds(const RunRecord& record, DetailBlock* block) {
  const auto ended_by = [&](StopReason reason) {
    return std::any_of(record.issue_ends.begin(), record.issue_ends.end(),
                       [&](const IssueEnd& end) { return end.reason == reason; });
  };
  if (ended_by(StopReason::kMinimumsMet)) {
    block->Add("generic_message", "Ending naturally: Minimum query count and test duration met.");
  }
  for (size_t thread = 0; thread < record.issue_ends.size(); ++thread) {
    const auto text = EarlyEndText(thread, record.issue_ends[thread]);
    if (text) block->RuntimeError(*text);
  }
  if (record.stalled_for_ns > 0) {
    block->RuntimeError("Ending early: no sample was completed for " +
                        std::to_string(record.stalled_for_ns / 1'000'000) +
                        " ms while some were outstanding (stall_timeout_ms).");
  } else if (record.aborted || ended_by(StopReason::kAborted)) {
    block->RuntimeError("Ending early: the test was aborted.");
  }
}

// `phase`: "probe: ", of which "probe query" is made where the set counts for nothing.
std::string OccurrenceText(const RunRecord& record, const std::string& phase,
                           const ViolationDetail& detail) {
  const std::string text(ViolationText(detail.kind));
  const std::string id = "response id " + std::to_string(detail.response_id);
  if (detail.kind == Violation::kUnknownId || detail.kind == Violation::kForeignId) {
    return text + " (" + id + ")";
  }
  // Two completions in the same instant are found by counting, and then it is not known whose.
  if (detail.response_id == kResponseIdReserved) return text;
  const uint64_t query = detail.query - record.first_query + record.FirstShownQuery();
  const uint64_t sample = detail.sample - record.first_sample + record.FirstShownSample();
  const bool counts = record.phase != Phase::kWarmUp;
  const std::string kind = counts ? "" : phase.substr(0, phase.find(':')) + " ";
  return text + " (" + kind + "query " + std::to_string(query) + ", sample " +
         std::to_string(sample) + ", " + id + ")";
}

void WriteViolations(const std::string& phase, const RunRecord& record, MlLog* log,
                     DetailBlock* block) {
  const ViolationRecord& violations = record.violations;
  for (const std::string& text : violations.faults) {
    block->RuntimeError("The system under test reported: " + text);
  }
  std::array<uint64_t, kViolationKinds> unlisted = violations.counts;
  for (const ViolationDetail& detail : violations.first) {
    DetailBlock(log, detail.time_ns).RuntimeError(OccurrenceText(record, phase, detail));
    --unlisted[static_cast<size_t>(detail.kind)];
  }
  for (size_t kind = 0; kind < kViolationKinds; ++kind) {
    const auto violation = static_cast<Violation>(kind);
    const bool has_its_own_words =
        violation == Violation::kFailed || violation == Violation::kFault;
    if (unlisted[kind] == 0 || has_its_own_words) continue;
    const std::string text(ViolationText(static_cast<Violation>(kind)));
    const std::string number = std::to_string(unlisted[kind]);
    const bool none_listed = unlisted[kind] == violations.counts[kind];
    block->RuntimeError(none_listed ? number + " times: " + text
                                    : text + " ... and " + number + " more.");
  }
}

void WriteFailures(const std::string& phase, const RunRecord& record, DetailBlock* block) {
  if (record.samples_failed > 0) block->RuntimeError(phase + FailureReason(record));
}

void WriteIncompleteSamples(const std::string& phase, const RunRecord& record, DetailBlock* block) {
  const MissingSamples missing = FindMissingSamples(record);
  if (missing.none()) return;
  block->RuntimeError(phase + missing.Words(record.samples_issued) +
                      ". Complete each sample exactly once with QuerySamplesComplete. The first of "
                      "them: " +
                      missing.FirstInWords() + ".");
}

// The performance clock against the system clock, over the whole run.
void WriteClockCheck(const RunRecord& record, DetailBlock* block) {
  const int64_t run_ns = record.drained_ns - record.start_ns;
  const int64_t system_ns = record.system_drained_ns - record.system_start_ns;
  if (std::max(run_ns, system_ns) < kMinClockCheckNs) return;
  const double ratio = static_cast<double>(run_ns) / static_cast<double>(system_ns);
  const auto off_by_more_than = [&](double share) {
    return !(ratio >= 1 - share && ratio <= 1 + share);
  };
  if (!off_by_more_than(0.001)) return;
  const bool is_error = off_by_more_than(0.01);
  const std::string text =
      std::string("The performance clock and the system clock differ by more than ") +
      (is_error ? "1%" : "0.1%") + ": ratio " + StreamDouble(ratio) + ", performance clock " +
      std::to_string(run_ns / 1'000'000) + " ms, system clock " +
      std::to_string(system_ns / 1'000'000) +
      " ms. Keep the system time from being set while a test runs.";
  if (is_error) {
    block->RuntimeError(text);
  } else {
    block->Warning(text);
  }
}

// The counters of the reference's logger, which has lock-free queues to lose races in.
void WriteLoggerCounters(DetailBlock* block) {
  for (std::string_view key :
       {"logger_swap_request_slots_retry_count", "logger_swap_request_slots_retry_retry_count",
        "logger_swap_request_slots_retry_reencounter_count",
        "logger_start_reading_entries_retry_count", "logger_tls_total_log_cas_fail_count",
        "logger_tls_total_swap_buffers_slot_retry_count"}) {
    block->Add(key, int64_t{0});
  }
}

// UTC, "MM-DD-YYYY HH:MM:SS.mmm".
std::string PowerTime(int64_t system_ns) {
  const int64_t ms = system_ns / 1'000'000;
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  const size_t size = std::strftime(text, sizeof(text), "%m-%d-%Y %H:%M:%S.", &utc);
  return std::string(text, size) + std::to_string(1000 + ms % 1000).substr(1);
}

void WritePowerWindow(const RunRecord& record, DetailBlock* block) {
  int64_t latest_ns = record.start_ns;
  record.ForEachIssuedQuery([&](uint64_t query) {
    const uint64_t samples_per_query = record.slots->samples_per_query;
    for (uint64_t i = 0; i < samples_per_query; ++i) {
      latest_ns = std::max(latest_ns, record.CompletedNs(query * samples_per_query + i));
    }
  });
  block->Add("power_begin", PowerTime(record.system_start_ns));
  block->Add("power_end", PowerTime(record.system_start_ns + (latest_ns - record.start_ns)));
}

}  // namespace

std::string_view ViolationText(Violation kind) {
  switch (kind) {
    case Violation::kUnknownId:
      return "Attempted to complete a sample that no query of this test has. Pass on the id that "
             "IssueQuery was given.";
    case Violation::kForeignId:
      return "Attempted to complete a sample of another test or of an earlier set. Complete every "
             "sample before its test ends.";
    case Violation::kEarlyCompletion:
      return "Attempted to complete a sample that was not issued yet.";
    case Violation::kDoubleCompletion:
      return "Attempted to complete a sample twice.";
    case Violation::kDoubleFirstToken:
      return "Attempted to complete a sample twice. FirstTokenComplete was called for it before.";
    case Violation::kLateFirstToken:
      return "Attempted to record token latency after sample was completed";
    case Violation::kMissingFirstToken:
      return "Attempted to record a sample latency before it's first token latency";
    case Violation::kMissingTokenCount:
      return "n_tokens argument missing or attempted to record 0 as number of tokens";
    case Violation::kNegativeTokenCount:
      return "Attempted to record a negative number of tokens";
    case Violation::kTooFewTokens:
      return "Number of tokens need to be greater than 1";
    case Violation::kLateCompletion:
      return "Completion after the end of its set.";
    case Violation::kImpossibleTime:
      return "Attempted to complete a sample at a time before its issue, after the report, or with "
             "its tokens out of order. The time of the report is used.";
    case Violation::kNullData:
      return "Attempted to log a response of size greater than 0 with data at address 0. Its data "
             "is logged as empty.";
    case Violation::kFailed:
      return "The system under test did not answer a sample.";
    case Violation::kFault:
      return "The system under test reported a fault.";
    case Violation::kCount:
      break;
  }
  return "Unknown violation";
}

void WriteSetRecords(const RunRecord& record, const std::string& phase, MlLog* log,
                     int64_t now_ns) {
  DetailBlock block(log, now_ns);
  block.Add("generated_query_count", record.generated.query_count);
  block.Add("generated_samples_per_query", record.generated.samples_per_query);
  block.Add("generated_query_duration", record.generated.duration_ns);
  WriteFailures(phase, record, &block);
  WriteIssueEnds(record, &block);
  WriteViolations(phase, record, log, &block);
  WriteIncompleteSamples(phase, record, &block);
  if (record.phase == Phase::kPerformance) WriteClockCheck(record, &block);
  WriteLoggerCounters(&block);
  WritePowerWindow(record, &block);
}

void WriteWarmUpRecords(const RunRecord& record, MlLog* log, int64_t now_ns) {
  DetailBlock(log, now_ns)
      .Add("generic_message", "Warmed up with " + Counted(record.samples_issued, "sample") +
                                  ", which count for nothing");
  WriteConductRecords(record, "warm-up: ", log, now_ns);
}

void WriteConductRecords(const RunRecord& record, const std::string& phase, MlLog* log,
                         int64_t now_ns) {
  DetailBlock block(log, now_ns);
  WriteFailures(phase, record, &block);
  WriteViolations(phase, record, log, &block);
  WriteIncompleteSamples(phase, record, &block);
}

}  // namespace mlperf::loadgen
