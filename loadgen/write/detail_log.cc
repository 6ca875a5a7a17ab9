#include "write/detail_log.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <optional>
#include <source_location>
#include <span>
#include <type_traits>
#include <variant>

#include "query_sample.h"
#include "record/failed_samples.h"
#include "record/missing_samples.h"
#include "settings/settings_table.h"
#include "write/version.h"

namespace mlperf::loadgen {
namespace {

// Shorter runs say more about rounding than about the clocks.
constexpr int64_t kMinClockCheckNs = 100'000'000;

// The names that the reference gives to kReportedPercentiles.
constexpr std::array<std::string_view, kReportedPercentiles.size()> kPercentileNames = {
    "50.00", "90.00", "95.00", "97.00", "99.00", "99.90"};

// Records of one block: they share a time.
class Block {
 public:
  Block(MlLog* log, int64_t now_ns) : log_(log), now_ns_(now_ns) {}
  ~Block() { log_->Flush(); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  template <typename Value>
  void Add(std::string_view key, const Value& value,
           const std::source_location& where = std::source_location::current()) {
    log_->Record(key, ToJson(value), now_ns_, MlLogLevel::kInfo, where);
  }
  void Error(std::string_view key, std::string_view text,
             const std::source_location& where = std::source_location::current()) {
    log_->Record(key, ToJson(text), now_ns_, MlLogLevel::kError, where);
  }
  void RuntimeError(std::string_view text,
                    const std::source_location& where = std::source_location::current()) {
    Error("error_runtime", text, where);
  }
  void Warning(std::string_view text,
               const std::source_location& where = std::source_location::current()) {
    log_->Record("warning_generic_message", ToJson(text), now_ns_, MlLogLevel::kWarning, where);
  }

 private:
  MlLog* log_;
  int64_t now_ns_;
};

std::string OnOneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// The message, and where it was met as far as the message, in the reference's words, does not say.
std::string WithPlace(const ConfigDiagnostic& diagnostic) {
  const std::string& message = diagnostic.message;
  const std::string line = std::to_string(diagnostic.line);
  std::string place;
  if (!message.ends_with(diagnostic.file)) place = diagnostic.file;
  if (diagnostic.line > 0 && message.find("line=" + line) == std::string::npos) {
    place += (place.empty() ? "line " : ", line ") + line;
  }
  return place.empty() ? message : message + " (" + place + ")";
}

bool IsRequested(const Setting& setting, const TestSettings& settings) {
  if (setting.log_name.empty()) return false;
  switch (setting.applies_to) {
    case AppliesTo::kAll:
      return true;
    case AppliesTo::kSingleStream:
      return settings.scenario == TestScenario::SingleStream;
    case AppliesTo::kMultiStream:
      return settings.scenario == TestScenario::MultiStream;
    case AppliesTo::kServer:
      return settings.scenario == TestScenario::Server;
    case AppliesTo::kOffline:
      return settings.scenario == TestScenario::Offline;
    case AppliesTo::kTokens:
      return settings.use_token_latencies;
    case AppliesTo::kServerTokens:
      return settings.use_token_latencies && settings.scenario != TestScenario::Offline;
  }
  return false;
}

JsonText MemberToJson(const TestSettings& settings, const SettingMember& member) {
  return std::visit(
      [&](auto pointer) {
        const auto value = settings.*pointer;
        if constexpr (std::is_enum_v<decltype(value)>) {
          return ToJson(ToString(value));
        } else if constexpr (std::is_same_v<decltype(value), const int>) {
          return ToJson(int64_t{value});
        } else {
          return ToJson(value);
        }
      },
      member);
}

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
             std::to_string(end.queries_issued) +
             " queries; raise performance_sample_count_override, or lower min_query_count and "
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

void WriteIssueEnds(const RunRecord& record, Block* block) {
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

std::string OccurrenceText(const ViolationDetail& detail) {
  const std::string text(ViolationText(detail.kind));
  const std::string id = "response id " + std::to_string(detail.response_id);
  if (detail.kind == Violation::kUnknownId || detail.kind == Violation::kForeignId) {
    return text + " (" + id + ")";
  }
  // Two completions in the same instant are found by counting, and then it is not known whose.
  if (detail.response_id == kResponseIdReserved) return text;
  return text + " (query " + std::to_string(detail.query) + ", sample " +
         std::to_string(detail.sample) + ", " + id + ")";
}

void WriteViolations(const ViolationRecord& violations, MlLog* log, Block* block) {
  for (const std::string& text : violations.faults) {
    block->RuntimeError("The system under test reported: " + text);
  }
  std::array<uint64_t, kViolationKinds> unlisted = violations.counts;
  for (const ViolationDetail& detail : violations.first) {
    Block(log, detail.time_ns).RuntimeError(OccurrenceText(detail));
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

void WriteFailures(const std::string& phase, const RunRecord& record, Block* block) {
  if (record.samples_failed > 0) block->RuntimeError(phase + FailureReason(record));
}

void WriteIncompleteSamples(const RunRecord& record, Block* block) {
  const MissingSamples missing = FindMissingSamples(record);
  if (missing.none()) return;
  block->RuntimeError(missing.Words(record.samples_issued) +
                      ". Complete each sample exactly once with QuerySamplesComplete. The first of "
                      "them: " +
                      missing.FirstInWords() + ".");
}

// The performance clock against the system clock, over the whole run.
void WriteClockCheck(const RunRecord& record, Block* block) {
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
void WriteLoggerCounters(Block* block) {
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

void WritePowerWindow(const RunRecord& record, Block* block) {
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

void AddPercentiles(const std::string& before, const std::string& after, const LatencyStats& stats,
                    Block* block) {
  for (size_t i = 0; i < kPercentileNames.size(); ++i) {
    block->Add(before + std::string(kPercentileNames[i]) + after, stats.percentiles_ns[i]);
  }
}

void WriteVerdict(const PerformanceResult& result, TestScenario scenario, Block* block) {
  block->Add("result_validity", result.valid ? "VALID" : "INVALID");
  if (scenario == TestScenario::Server) {
    block->Add("result_perf_constraints_met", result.perf_constraints_met);
  }
  block->Add("result_min_duration_met", result.min_duration_met);
  block->Add("result_min_queries_met", result.min_queries_met);
  block->Add("early_stopping_met", result.early_stopping_met);
  if (!result.valid) block->Add("result_invalid_reason", OnOneLine(result.invalid_reason));
  if (result.tokens) {
    block->Add("early_stopping_ttft_result", OnOneLine(result.tokens->early_stopping_ttft.text));
    block->Add("early_stopping_tpot_result", OnOneLine(result.tokens->early_stopping_tpot.text));
  } else {
    block->Add("early_stopping_result", OnOneLine(result.early_stopping.text));
  }
  block->Add("result_query_count", result.query_count);
}

// In token mode both early stopping tests make estimates for the same two records: the first
// token's, which is tested last, stays. Without a text it was not tested.
const EarlyStopping& EstimateSource(const PerformanceResult& result) {
  if (!result.tokens) return result.early_stopping;
  const TokenMetrics& tokens = *result.tokens;
  return tokens.early_stopping_ttft.text.empty() ? tokens.early_stopping_tpot
                                                 : tokens.early_stopping_ttft;
}

void WriteScenarioMetrics(const PerformanceResult& result, TestScenario scenario, Block* block) {
  const EarlyStopping& early_stopping = EstimateSource(result);
  switch (scenario) {
    case TestScenario::SingleStream:
      block->Add("result_qps_with_loadgen_overhead", result.qps_with_overhead);
      block->Add("result_qps_without_loadgen_overhead", result.qps_without_overhead);
      block->Add("early_stopping_latency_ss", early_stopping.estimate_ns);
      block->Add("early_stopping_latency_ms", early_stopping.estimate_p99_ns);
      break;
    case TestScenario::MultiStream: {
      const LatencyStats stats = result.query_latency.value_or(LatencyStats{});
      block->Add("result_min_query_latency_ns", stats.min_ns);
      block->Add("result_max_query_latency_ns", stats.max_ns);
      block->Add("result_mean_query_latency_ns", stats.mean_ns);
      AddPercentiles("result_", "_percentile_per_query_latency_ns", stats, block);
      block->Add("early_stopping_latency_ms", early_stopping.estimate_ns);
      break;
    }
    case TestScenario::Server:
      block->Add("result_overlatency_query_count", result.overlatency_query_count);
      block->Add("result_scheduled_samples_per_sec", result.scheduled_samples_per_second);
      block->Add("result_completed_samples_per_sec", result.completed_samples_per_second);
      break;
    case TestScenario::Offline:
      block->Add("result_samples_per_second", result.samples_per_second);
      break;
  }
}

void WriteSampleLatency(const LatencyStats& stats, Block* block) {
  block->Add("result_min_latency_ns", stats.min_ns);
  block->Add("result_max_latency_ns", stats.max_ns);
  block->Add("result_mean_latency_ns", stats.mean_ns);
  AddPercentiles("result_", "_percentile_latency_ns", stats, block);
}

void WriteTokenMetrics(const TokenMetrics& tokens, TestScenario scenario, Block* block) {
  if (scenario == TestScenario::Offline) {
    block->Add("result_tokens_per_second", tokens.per_second);
    return;
  }
  block->Add("result_first_token_min_latency_ns", tokens.first_token.min_ns);
  block->Add("result_first_token_max_latency_ns", tokens.first_token.max_ns);
  block->Add("result_first_token_mean_latency_ns", tokens.first_token.mean_ns);
  AddPercentiles("result_first_token_", "_percentile_latency_ns", tokens.first_token, block);
  block->Add("result_token_throughput_with_loadgen_overhead", tokens.throughput_with_overhead);
  block->Add("result_token_throughput", tokens.throughput);
  AddPercentiles("result_time_per_output_token_", "_percentile_ns", tokens.time_per_token, block);
  block->Add("result_time_to_output_token_min", tokens.time_per_token.min_ns);
  block->Add("result_time_to_output_token_max", tokens.time_per_token.max_ns);
  block->Add("result_time_to_output_token_mean", tokens.time_per_token.mean_ns);
  block->Add("result_completed_tokens_per_second", tokens.completed_per_second);
}

void WriteInferredTokens(const RunPlan& plan, double tokens_per_second, Block* block) {
  if (!plan.infer_token_latencies) return;
  if (plan.scenario == TestScenario::Server) {
    block->Add("result_inferred_completed_tokens_per_second", tokens_per_second);
  } else if (plan.scenario == TestScenario::Offline) {
    block->Add("result_inferred_tokens_per_second", tokens_per_second);
  }
}

// How late we were ourselves. Not in the reference.
void WriteLateness(const PerformanceResult& result, Block* block) {
  const Lateness& lateness = result.lateness;
  block->Add("result_lateness_p50_ns", lateness.p50_ns);
  block->Add("result_lateness_p90_ns", lateness.p90_ns);
  block->Add("result_lateness_p99_ns", lateness.p99_ns);
  block->Add("result_lateness_p99.9_ns", lateness.p999_ns);
  block->Add("result_lateness_max_ns", lateness.max_ns);
  block->Add("result_queries_held_up_by_sut", lateness.held_up_by_sut);
  block->Add("result_lateness_held_up_p50_ns", result.lateness_held_up.p50_ns);
  block->Add("result_lateness_held_up_p99_ns", result.lateness_held_up.p99_ns);
  block->Add("result_lateness_others_p50_ns", result.lateness_others.p50_ns);
  block->Add("result_lateness_others_p99_ns", result.lateness_others.p99_ns);
  block->Add("result_pacing", ToString(result.pacing));
  block->Add("result_spin_s", result.spin_s);
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

void DetailLog::WriteHeader(const TestSubject& subject, const std::string& test_datetime,
                            int64_t now_ns) {
  Block block(log_, now_ns);
  block.Add("loadgen_version", Version());
  block.Add("loadgen_build_date_local", BuildDateLocal());
  block.Add("loadgen_build_date_utc", BuildDateUtc());
  block.Add("loadgen_git_commit_date", GitCommitDate());
  block.Add("loadgen_git_log_message", GitLogMessage());
  block.Add("loadgen_git_status_message", GitStatusMessage());
  if (!GitStatusMessage().empty() && GitStatusMessage() != "NA") {
    block.Error("error_uncommitted_loadgen_changes",
                // Checkers look for the first sentence, which is the reference's.
                "Loadgen built with uncommitted changes! Commit them and build again.");
  }
  block.Add("loadgen_file_sha1", FileSha1s());
  block.Add("test_datetime", test_datetime);
  block.Add("sut_name", subject.sut_name);
  block.Add("get_sut_name_duration_ns", subject.sut_name_duration_ns);
  block.Add("qsl_name", subject.qsl_name);
  block.Add("qsl_reported_total_count", subject.qsl_total_count);
  block.Add("qsl_reported_performance_count", subject.qsl_performance_count);
}

void DetailLog::WriteConfigDiagnostics(std::span<const ConfigDiagnostic> diagnostics,
                                       int64_t now_ns) {
  for (const ConfigDiagnostic& diagnostic : diagnostics) {
    const std::string text = WithPlace(diagnostic);
    if (diagnostic.severity == ConfigDiagnostic::Severity::kError) {
      Error("error_invalid_config", text, now_ns);
    } else {
      Warning(text, now_ns);
    }
  }
}

void DetailLog::WriteRequestedSettings(const TestSettings& settings, int64_t now_ns) {
  const TestSettings defaults;
  own_settings_.clear();
  for (const Setting& setting : AllSettings()) {
    const JsonText value = MemberToJson(settings, setting.member);
    if (IsRequested(setting, settings)) {
      log_->Record("requested_" + std::string(setting.log_name), value, now_ns);
    } else if (setting.log_name.empty() &&
               value.text != MemberToJson(defaults, setting.member).text) {
      own_settings_.emplace_back("requested_" + std::string(setting.name), value);
    }
  }
}

void DetailLog::WriteRemarks(const RunPlan& plan, int64_t now_ns) {
  for (const PlanRemark& remark : plan.remarks) {
    log_->Record(remark.key, ToJson(remark.text), now_ns,
                 remark.is_error ? MlLogLevel::kError : MlLogLevel::kWarning);
  }
}

void DetailLog::WriteEffectiveSettings(const RunPlan& plan, int64_t now_ns) {
  Block block(log_, now_ns);
  block.Add("effective_scenario", ToString(plan.scenario));
  block.Add("effective_test_mode", ToString(plan.mode));
  block.Add("effective_samples_per_query", plan.samples_per_query);
  block.Add("effective_target_qps", plan.target_qps);
  block.Add("effective_target_latency_ns", plan.target_latency_ns);
  block.Add("effective_target_latency_percentile", plan.target_latency_percentile);
  block.Add("effective_max_async_queries", plan.max_async_queries);
  block.Add("effective_target_duration_ms", plan.target_duration_ms);
  block.Add("effective_min_duration_ms", plan.min_duration_ms);
  block.Add("effective_max_duration_ms", plan.max_duration_ms);
  block.Add("effective_min_query_count", plan.min_query_count);
  block.Add("effective_max_query_count", plan.max_query_count);
  block.Add("effective_min_sample_count", plan.min_sample_count);
  block.Add("effective_qsl_rng_seed", plan.qsl_rng_seed);
  block.Add("effective_sample_index_rng_seed", plan.sample_index_rng_seed);
  block.Add("effective_schedule_rng_seed", plan.schedule_rng_seed);
  block.Add("effective_accuracy_log_rng_seed", plan.accuracy_log_rng_seed);
  block.Add("effective_accuracy_log_probability", plan.accuracy_log_probability);
  block.Add("effective_accuracy_log_sampling_target", plan.accuracy_log_sampling_target);
  block.Add("effective_print_timestamps", plan.print_timestamps);
  block.Add("effective_performance_issue_unique", plan.performance_issue_unique);
  block.Add("effective_performance_issue_same", plan.performance_issue_same);
  block.Add("effective_performance_issue_same_index", plan.performance_issue_same_index);
  block.Add("effective_performance_sample_count", plan.performance_sample_count);
  block.Add("effective_accuracy_sample_count", plan.accuracy_sample_count);
  block.Add("effective_sample_concatenate_permutation", plan.sample_concatenate_permutation);
}

void DetailLog::WriteLoadedSet(std::span<const uint64_t> indices, int64_t now_ns,
                               const Checkpoint& checkpoint) {
  log_->Record("loaded_qsl_set", ToJson(indices, checkpoint), now_ns);
}

void DetailLog::WriteSet(const RunRecord& record, int64_t now_ns) {
  Block block(log_, now_ns);
  block.Add("generated_query_count", record.generated.query_count);
  block.Add("generated_samples_per_query", record.generated.samples_per_query);
  block.Add("generated_query_duration", record.generated.duration_ns);
  WriteFailures("", record, &block);
  WriteIssueEnds(record, &block);
  WriteViolations(record.violations, log_, &block);
  WriteIncompleteSamples(record, &block);
  if (record.phase == Phase::kPerformance) WriteClockCheck(record, &block);
  WriteLoggerCounters(&block);
  WritePowerWindow(record, &block);
}

void DetailLog::WritePeak(const PeakSearchResult& peak, int64_t now_ns) {
  Block block(log_, now_ns);
  block.Add("result_peak_found", peak.found);
  block.Add("result_peak_determined", peak.determined);
  block.Add("result_peak_statement", peak.statement);
  const bool known = peak.determined || peak.at_limit;
  block.Add("result_peak_qps", known ? peak.qps : std::nan(""));  // null: no rate to quote.
  block.Add("result_peak_at_least_qps", peak.at_least_qps);
  block.Add("result_peak_at_most_qps", peak.at_most_qps);
  if (peak.high_qps > 0) {
    block.Add("result_peak_low_qps", peak.low_qps);
    block.Add("result_peak_high_qps", peak.high_qps);
    block.Add("result_peak_valid_qps", peak.valid_qps);
  }
  block.Add("result_peak_trial_count", uint64_t{peak.trials.size()});
  for (const std::string& caution : peak.cautions) block.Add("result_peak_caution", caution);
}

void DetailLog::WriteWarmUp(const RunRecord& record, int64_t now_ns) {
  Block block(log_, now_ns);
  block.Add("generic_message", "Warmed up with " + std::to_string(record.samples_issued) +
                                   " samples, which count for nothing");
  WriteFailures("warm-up: ", record, &block);
  WriteViolations(record.violations, log_, &block);
  WriteIncompleteSamples(record, &block);
}

void DetailLog::WriteOfflineProbe(const OfflineProbe& probe, int64_t now_ns) {
  Block block(log_, now_ns);
  block.Add("offline_probe_sample_count", probe.sample_count);
  block.Add("offline_probe_duration_sec", probe.duration_s);
  block.Add("offline_probe_samples_per_second", probe.samples_per_second);
  block.Add("offline_probe_expected_qps", probe.expected_qps);
}

void DetailLog::WriteLeftOut(const std::string& key, uint64_t count, std::string_view warning,
                             int64_t now_ns) {
  Block block(log_, now_ns);
  block.Add(key + "_left_out_sample_count", count);
  block.Warning(warning);
}

void DetailLog::WriteResult(const RunPlan& plan, const PerformanceResult& result, int64_t now_ns) {
  Block block(log_, now_ns);
  WriteVerdict(result, plan.scenario, &block);
  WriteScenarioMetrics(result, plan.scenario, &block);
  WriteSampleLatency(result.sample_latency, &block);
  if (result.tokens) WriteTokenMetrics(*result.tokens, plan.scenario, &block);
  WriteInferredTokens(plan, result.inferred_tokens_per_second, &block);
  if (plan.scenario == TestScenario::Server) WriteLateness(result, &block);
  block.Add("result_failed_sample_count", result.failed_sample_count);
  for (const std::string& caution : result.cautions) block.Add("result_caution", caution);
  for (const auto& [key, value] : own_settings_) log_->Record(key, value, now_ns);
  block.Add("num_errors", log_->error_count());
}

void DetailLog::Message(std::string_view text, int64_t now_ns) {
  Block(log_, now_ns).Add("generic_message", text);
}

void DetailLog::Warning(std::string_view text, int64_t now_ns) {
  Block(log_, now_ns).Warning(text);
}

void DetailLog::Error(std::string_view key, std::string_view text, int64_t now_ns) {
  Block(log_, now_ns).Error(key, text);
}

}  // namespace mlperf::loadgen
