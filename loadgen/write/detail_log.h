// mlperf_log_detail.txt: which records a test writes, in which order (spec: one key a fact).
#ifndef MLPERF_LOADGEN_WRITE_DETAIL_LOG_H_
#define MLPERF_LOADGEN_WRITE_DETAIL_LOG_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plan/run_plan.h"
#include "record/run_record.h"
#include "test_result.h"
#include "test_settings.h"
#include "write/mllog.h"

namespace mlperf::loadgen {

// Facts of the system under test and the library, asked once at the start.
struct TestSubject {
  std::string sut_name;
  int64_t sut_name_duration_ns = 0;
  std::string qsl_name;
  uint64_t qsl_total_count = 0;
  uint64_t qsl_performance_count = 0;
};

// Writes records through an MlLog. Each function is one block of the file; `now_ns` is the clock
// reading that the block's records carry.
class DetailLog {
 public:
  explicit DetailLog(MlLog* log) : log_(log) {}

  // loadgen_version ... qsl_reported_performance_count.
  void WriteHeader(const TestSubject& subject, const std::string& test_datetime, int64_t now_ns);
  // What FromConfig met, as error_invalid_config errors and warning_generic_message warnings.
  void WriteConfigDiagnostics(std::span<const ConfigDiagnostic> diagnostics, int64_t now_ns);
  // requested_* of `settings` (after audit and test05), from the settings table. Those that the
  // reference does not log come with the result, where they are not the defaults: with them the log
  // has every setting by which two runs can differ.
  void WriteRequestedSettings(const TestSettings& settings, int64_t now_ns);
  void WriteRemarks(const RunPlan& plan, int64_t now_ns);
  // effective_*.
  void WriteEffectiveSettings(const RunPlan& plan, int64_t now_ns);
  // loaded_qsl_set: the samples that are in memory now, with padding.
  // `checkpoint` is called now and then; what it throws leaves nothing written.
  void WriteLoadedSet(std::span<const uint64_t> indices, int64_t now_ns,
                      const Checkpoint& checkpoint = NoCheckpoint);
  // Records of one set after it ran: generated_*, how issuing ended, contract violations, logger_*
  // (all 0), power_begin, power_end.
  // `phase`: before what concerns the samples of one phase of several, such as "accuracy: ".
  void WriteSet(const RunRecord& record, int64_t now_ns, const std::string& phase = "");
  // peak_trial: one rate that a search has tried.
  void WriteTrial(const PeakTrial& trial, int64_t now_ns);
  // result_peak_qps and what belongs to it.
  void WritePeak(const PeakSearchResult& peak, int64_t now_ns);
  // That the performance phase was preceded by a warm-up, and how it broke the contract.
  void WriteWarmUp(const RunRecord& record, int64_t now_ns);
  // How a set broke the contract, of which the log says nothing else. `phase`: "probe: ", ...
  void WriteConduct(const RunRecord& record, const std::string& phase, int64_t now_ns);
  // offline_probe_*: what the query of the performance phase is sized by.
  void WriteOfflineProbe(const OfflineProbe& probe, int64_t now_ns);
  // <key>_left_out_sample_count, and the warning that says it in words.
  void WriteLeftOut(const std::string& key, uint64_t count, std::string_view warning,
                    int64_t now_ns);
  // result_reason_count and so many result_reason: why the test is not VALID, as its result says.
  void WriteReasons(const std::vector<std::string>& reasons, int64_t now_ns);
  // result_validity ... num_errors.
  void WriteResult(const RunPlan& plan, const PerformanceResult& result, int64_t now_ns);

  void Message(std::string_view text, int64_t now_ns);  // generic_message
  void Warning(std::string_view text, int64_t now_ns);  // warning_generic_message
  void Error(std::string_view key, std::string_view text, int64_t now_ns);

 private:
  MlLog* log_;
  std::vector<std::pair<std::string, JsonText>> own_settings_;  // Key and value.
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_DETAIL_LOG_H_
