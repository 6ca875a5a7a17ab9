// The log files of a running test, opened, written in order and closed together.
#ifndef MLPERF_LOADGEN_WRITE_RUN_LOGS_H_
#define MLPERF_LOADGEN_WRITE_RUN_LOGS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "plan/run_plan.h"
#include "platform/clock.h"
#include "record/run_record.h"
#include "test_result.h"
#include "test_settings.h"
#include "write/accuracy_log.h"
#include "write/detail_log.h"
#include "write/log_files.h"
#include "write/mllog.h"
#include "write/sample_log.h"
#include "write/token_log.h"
#include "write/trace_log.h"

namespace mlperf::loadgen {

class RunLogFiles {
 public:
  // Opens the files; times in them count from now. `warn` is called if that writes over other logs,
  // and may refuse by an exception. Throws std::system_error.
  RunLogFiles(const LogSettings& settings, AccuracyFormat format, const Clock& clock,
              const std::function<void(const std::string&)>& warn);

  DetailLog& detail() { return detail_; }
  AccuracyLog* accuracy() { return &accuracy_; }
  bool has_trace() const { return trace_.has_value(); }
  const std::string& datetime() const { return datetime_; }

  ~RunLogFiles();

  // Which of the files that hold queries a set goes to.
  struct QueryFiles {
    bool trace = true;
    bool samples = true;
  };
  // Writes a set to them: a large one on a thread of its own, while the caller goes on. Sets are
  // written in order.
  void WriteQueries(const RunPlan& plan, const RunRecord& record, QueryFiles files);
  void WriteSummary(const std::string& text);
  // Ends and closes all files, and writes into `result` what became of them.
  void Finish(TestResult* result);

 private:
  void WriteNow(const RunPlan& plan, const RunRecord& record, QueryFiles files);
  void AwaitWriter();

  void WriteTokens();
  // Of the files that hold queries: what there was no room for.
  void ReportLeftOut();

  const Clock& clock_;
  const bool copy_summary_to_stdout_;
  const int64_t origin_ns_;
  const std::string datetime_;
  LogFiles files_;
  MlLog mllog_;
  DetailLog detail_;
  AccuracyLog accuracy_;
  std::optional<TraceLog> trace_;
  std::optional<SampleLog> samples_;
  TokenEventLog tokens_;
  int64_t first_start_ns_ = 0;  // Of the test's first set.
  std::thread writer_;          // Of the last large set.
  bool out_of_memory_ = false;  // In the writer.
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_RUN_LOGS_H_
