// The five log files of a running test, opened, written in order and closed together.
#ifndef MLPERF_LOADGEN_TEST_LOGS_H_
#define MLPERF_LOADGEN_TEST_LOGS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "accuracy_log.h"
#include "clock.h"
#include "detail_log.h"
#include "log_files.h"
#include "mllog.h"
#include "run_plan.h"
#include "run_record.h"
#include "sample_log.h"
#include "test_result.h"
#include "test_settings.h"
#include "trace_log.h"

namespace mlperf::loadgen {

class TestLogs {
 public:
  // Opens the files; times in them count from now. Throws std::system_error.
  TestLogs(const LogSettings& settings, AccuracyFormat format, const Clock& clock);

  DetailLog& detail() { return detail_; }
  AccuracyLog* accuracy() { return &accuracy_; }
  bool has_trace() const { return trace_.has_value(); }
  const std::string& datetime() const { return datetime_; }

  // Write a set to the files that hold queries.
  void WriteTrace(const RunPlan& plan, const RunRecord& record);
  void WriteSamples(const RunRecord& record);
  void WriteSummary(const std::string& text);
  // Ends and closes all files, and tells `result` about them.
  void Finish(TestResult* result);

 private:
  const bool copy_summary_to_stdout_;
  const int64_t origin_ns_;
  const std::string datetime_;
  LogFiles files_;
  MlLog mllog_;
  DetailLog detail_;
  AccuracyLog accuracy_;
  std::optional<TraceLog> trace_;
  std::optional<SampleLog> samples_;
  int64_t first_start_ns_ = 0;  // Of the test's first set.
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TEST_LOGS_H_
