#include "write/detail_log.h"

#include <span>
#include <string>
#include <type_traits>
#include <variant>

#include "settings/config_findings.h"
#include "settings/settings_table.h"
#include "write/detail_block.h"
#include "write/detail_result.h"
#include "write/detail_set.h"
#include "write/version.h"

namespace mlperf::loadgen {
namespace {

bool IsRequested(const Setting& setting, const TestSettings& settings) {
  if (setting.log_name.empty()) return false;
  if (setting.applies_to == AppliesTo::kTokens) return settings.use_token_latencies;
  if (setting.applies_to == AppliesTo::kServerTokens) {
    return settings.use_token_latencies && settings.scenario != TestScenario::Offline;
  }
  return IsOfScenario(setting, settings.scenario);
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

}  // namespace

void DetailLog::WriteHeader(const TestSubject& subject, const std::string& test_datetime,
                            int64_t now_ns) {
  DetailBlock block(log_, now_ns);
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
  DetailBlock block(log_, now_ns);
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

void DetailLog::WriteSet(const RunRecord& record, int64_t now_ns, const std::string& phase) {
  WriteSetRecords(record, phase, log_, now_ns);
}

void DetailLog::WriteTrial(const PeakTrial& trial, int64_t now_ns) {
  DetailBlock block(log_, now_ns);
  WriteTrialRecord(trial, &block);
}

void DetailLog::WritePeak(const PeakSearchResult& peak, int64_t now_ns) {
  DetailBlock block(log_, now_ns);
  WritePeakRecords(peak, &block);
}

void DetailLog::WriteWarmUp(const RunRecord& record, int64_t now_ns) {
  WriteWarmUpRecords(record, log_, now_ns);
}

void DetailLog::WriteConduct(const RunRecord& record, const std::string& phase, int64_t now_ns) {
  WriteConductRecords(record, phase, log_, now_ns);
}

void DetailLog::WriteOfflineProbe(const OfflineProbe& probe, int64_t now_ns) {
  DetailBlock block(log_, now_ns);
  block.Add("offline_probe_sample_count", probe.sample_count);
  block.Add("offline_probe_duration_sec", probe.duration_s);
  block.Add("offline_probe_samples_per_second", probe.samples_per_second);
  block.Add("offline_probe_expected_qps", probe.expected_qps);
}

void DetailLog::WriteLeftOut(const std::string& key, uint64_t count, std::string_view warning,
                             int64_t now_ns) {
  DetailBlock block(log_, now_ns);
  block.Add(key + "_left_out_sample_count", count);
  block.Warning(warning);
}

void DetailLog::WriteReasons(const std::vector<std::string>& reasons, int64_t now_ns) {
  DetailBlock block(log_, now_ns);
  block.Add("result_reason_count", reasons.size());
  for (const std::string& reason : reasons) block.Add("result_reason", reason);
}

void DetailLog::WriteResult(const RunPlan& plan, const PerformanceResult& result, int64_t now_ns) {
  DetailBlock block(log_, now_ns);
  WriteResultRecords(plan, result, &block);
  for (const auto& [key, value] : own_settings_) log_->Record(key, value, now_ns);
  block.Add("num_errors", log_->error_count());
}

void DetailLog::Message(std::string_view text, int64_t now_ns) {
  DetailBlock(log_, now_ns).Add("generic_message", text);
}

void DetailLog::Warning(std::string_view text, int64_t now_ns) {
  DetailBlock(log_, now_ns).Warning(text);
}

void DetailLog::Error(std::string_view key, std::string_view text, int64_t now_ns) {
  DetailBlock(log_, now_ns).Error(key, text);
}

}  // namespace mlperf::loadgen
