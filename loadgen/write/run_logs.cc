#include "write/run_logs.h"

#include <cstdio>
#include <new>
#include <system_error>

#include "settings/count_text.h"
#include "write/summary_log.h"

namespace mlperf::loadgen {
namespace {
// Smaller sets are written sooner than a thread is made.
constexpr uint64_t kLargeSet = 20000;
}  // namespace

RunLogFiles::RunLogFiles(const LogSettings& settings, AccuracyFormat format, const Clock& clock,
                         const std::function<void(const std::string&)>& warn)
    : clock_(clock),
      copy_summary_to_stdout_(settings.log_output.copy_summary_to_stdout),
      origin_ns_(clock.NowNs()),
      datetime_(UtcDateTime(clock.SystemNowNs())),
      files_(settings, datetime_, warn),
      mllog_(&files_.detail, origin_ns_, settings.log_output.copy_detail_to_stdout),
      detail_(&mllog_),
      accuracy_(&files_.accuracy, format),
      tokens_(files_.sample_bound.bytes) {
  if (settings.enable_trace) trace_.emplace(&files_.trace, origin_ns_, files_.trace_bound.bytes);
  if (settings.enable_sample_log) samples_.emplace(&files_.samples, files_.sample_bound.bytes);
}

RunLogFiles::~RunLogFiles() { AwaitWriter(); }

void RunLogFiles::WriteQueries(const RunPlan& plan, const RunRecord& record, QueryFiles files) {
  AwaitWriter();
  if (first_start_ns_ == 0 && files.samples) first_start_ns_ = record.start_ns;
  if (record.samples_issued < kLargeSet) return WriteNow(plan, record, files);
  // The slots are shared, so the copy is small.
  const auto write = [this, plan, record, files] {
    try {
      WriteNow(plan, record, files);
    } catch (const std::bad_alloc&) {
      out_of_memory_ = true;
    }
  };
  try {
    writer_ = std::thread(write);
  } catch (const std::system_error&) {  // No more threads: it takes longer.
    write();
  }
}

void RunLogFiles::WriteNow(const RunPlan& plan, const RunRecord& record, QueryFiles files) {
  if (trace_ && files.trace) trace_->WriteSet(plan, record);
  if (!samples_ || !files.samples) return;
  const uint64_t rows = samples_->WriteSet(record, first_start_ns_);
  if (plan.use_token_latencies && plan.token_log == TokenLog::Events) {
    tokens_.AddSet(record, rows);
  }
}

void RunLogFiles::AwaitWriter() {
  if (writer_.joinable()) writer_.join();
}

void RunLogFiles::WriteSummary(const std::string& text) {
  files_.summary.Append(text);
  if (copy_summary_to_stdout_) std::fputs(text.c_str(), stdout);
}

void RunLogFiles::WriteTokens() {
  if (tokens_.has_events() && files_.OpenTokens()) tokens_.Write(&files_.tokens);
}

void RunLogFiles::ReportLeftOut() {
  const auto report = [this](const char* key, const std::string& log, uint64_t count,
                             const SizeBound& bound) {
    if (count == 0) return;
    const std::string warning =
        Counted(count, "sample is", "samples are") + " left out of the " + log +
        ", which has reached its size (LogSettings." + bound.setting +
        "); the result counts them. Raise that setting where they are needed, or turn the log off.";
    detail_.WriteLeftOut(key, count, warning, clock_.NowNs());
    std::fprintf(stderr, "%s\n", warning.c_str());
  };
  if (trace_) report("trace", "trace", trace_->left_out_count(), files_.trace_bound);
  if (samples_) {
    report("sample_log", "sample log", samples_->left_out_count(), files_.sample_bound);
    report("token_log", "token log", tokens_.left_out_count(), files_.sample_bound);
  }
}

void RunLogFiles::Finish(TestResult* result) {
  AwaitWriter();
  WriteTokens();
  ReportLeftOut();
  detail_.WriteReasons(result->reasons, clock_.NowNs());
  accuracy_.Finish();
  if (trace_) trace_->Finish();
  if (samples_) samples_->Finish();
  WriteSummary(SummaryTrailer(mllog_.warning_count(), mllog_.error_count()));
  files_.CloseAll();
  std::fflush(stdout);
  result->accuracy_sample_count = accuracy_.record_count();
  result->error_count = mllog_.error_count();
  result->warning_count = mllog_.warning_count();
  result->errors = mllog_.errors();
  result->warnings = mllog_.warnings();
  result->logs = files_.paths();
  result->log_failure = files_.Failures();
  if (out_of_memory_) result->log_failure += "memory ran out while the queries were written";
  if (result->log_failure.empty()) return;
  std::fprintf(stderr, "%s\n", result->log_failure.c_str());
  // An accuracy phase is worth its log.
  if (!files_.accuracy.Failure().empty() && result->accuracy_sample_count > 0) {
    result->reasons.push_back("the accuracy log is incomplete: " + files_.accuracy.Failure());
  }
}

}  // namespace mlperf::loadgen
