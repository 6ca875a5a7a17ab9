#include "write/summary_log.h"

#include <array>
#include <charconv>
#include <string_view>

#include "settings/count_text.h"
#include "settings/settings_table.h"
#include "write/mllog.h"

namespace mlperf::loadgen {
namespace {

// Labels are verbatim, spaces included: scripts look for them.
constexpr std::string_view kRule = "================================================\n";

std::string Decimals(double value, int decimals) {
  char text[400];  // The largest double has 309 digits before the point.
  return {text,
          std::to_chars(text, text + sizeof(text), value, std::chars_format::fixed, decimals).ptr};
}

std::string TwoDecimals(double value) { return Decimals(value, 2); }

// The lines of a summary, growing.
class Summary {
 public:
  void Line(std::string_view label, std::string_view value) {
    text_ += label;
    text_ += value;
    text_ += '\n';
  }
  void Line(std::string_view text) { Line(text, ""); }
  void Line(std::string_view label, uint64_t value) { Line(label, std::to_string(value)); }
  void Line(std::string_view label, int64_t value) { Line(label, std::to_string(value)); }
  void Satisfied(std::string_view label, bool value) { Line(label, value ? "Yes" : "NO"); }
  void Heading(std::string_view title) {
    text_ += kRule;
    Line(title);
    text_ += kRule;
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

void WriteMetrics(const RunPlan& plan, const PerformanceResult& result, Summary* summary) {
  const std::string percentile = Decimals(100 * plan.target_latency_percentile, 1);
  const LatencyStats& latency =
      result.query_latency ? *result.query_latency : result.sample_latency;
  switch (plan.scenario) {
    case TestScenario::SingleStream:
    case TestScenario::MultiStream:
      summary->Line(percentile + "th percentile latency (ns) : ", latency.target_percentile_ns);
      if (result.tokens) {
        summary->Line(percentile + "th first token percentile latency (ns) : ",
                      result.tokens->first_token.target_percentile_ns);
      }
      break;
    case TestScenario::Server:
      summary->Line("Completed samples per second    : ",
                    TwoDecimals(result.completed_samples_per_second));
      if (result.tokens) {
        summary->Line("Completed tokens per second: ",
                      TwoDecimals(result.tokens->completed_per_second));
      }
      if (plan.infer_token_latencies) {
        summary->Line("Completed tokens per second (inferred): ",
                      TwoDecimals(result.inferred_tokens_per_second));
      }
      break;
    case TestScenario::Offline:
      summary->Line("Samples per second: ", StreamDouble(result.samples_per_second));
      if (result.tokens) {
        summary->Line("Tokens per second: ", StreamDouble(result.tokens->per_second));
      }
      if (plan.infer_token_latencies) {
        summary->Line("Tokens per second (inferred): ",
                      StreamDouble(result.inferred_tokens_per_second));
      }
      break;
  }
}

void WriteValidity(const RunPlan& plan, const PerformanceResult& result, Summary* summary) {
  summary->Line("Result is : ", result.valid ? "VALID" : "INVALID");
  if (plan.has_latency_bound) {
    summary->Satisfied("  Performance constraints satisfied : ", result.perf_constraints_met);
  }
  summary->Satisfied("  Min duration satisfied : ", result.min_duration_met);
  summary->Satisfied("  Min queries satisfied : ", result.min_queries_met);
  summary->Satisfied("  Early stopping satisfied: ", result.early_stopping_met);
  if (result.valid) return;
  summary->Line("Recommendations:");
  for (const std::string& text : result.logged_recommendations) summary->Line(" * ", text);
}

void WriteEarlyStopping(const RunPlan& plan, const PerformanceResult& result, Summary* summary) {
  if (plan.scenario == TestScenario::Offline) return;
  if (result.tokens) {
    summary->Line("TTFT Early Stopping Result:");
    summary->Line(result.tokens->early_stopping_ttft.text);
    summary->Line("TPOT Early Stopping Result:");
    summary->Line(result.tokens->early_stopping_tpot.text);
    if (plan.e2e_latency_ns > 0) {
      summary->Line("Latency Early Stopping Result:");
      summary->Line(result.tokens->early_stopping_e2e.text);
    }
  } else {
    summary->Line("Early Stopping Result:");
    summary->Line(result.early_stopping.text);
  }
}

// The labels of one list of durations.
struct StatsLabels {
  std::string_view min, max, mean;
  std::string_view percentile;  // Follows the percentile itself.
};

constexpr StatsLabels kLatencyLabels = {
    "Min latency (ns)                : ",
    "Max latency (ns)                : ",
    "Mean latency (ns)               : ",
    " percentile latency (ns)   : ",
};
constexpr StatsLabels kFirstTokenLabels = {
    "Min First Token latency (ns)                : ",
    "Max First Token latency (ns)                : ",
    "Mean First Token latency (ns)               : ",
    " percentile first token latency (ns)   : ",
};
constexpr StatsLabels kTimePerTokenLabels = {
    "Min Time per Output Token (ns)                : ",
    "Max Time per Output Token (ns)                : ",
    "Mean Time per Output Token (ns)               : ",
    " percentile time to output token (ns)   : ",
};

void WriteStats(const LatencyStats& stats, const StatsLabels& labels, Summary* summary) {
  summary->Line(labels.min, stats.min_ns);
  summary->Line(labels.max, stats.max_ns);
  summary->Line(labels.mean, stats.mean_ns);
  for (size_t i = 0; i < kReportedPercentiles.size(); ++i) {
    const std::string label = TwoDecimals(100 * kReportedPercentiles[i]);
    summary->Line(label + std::string(labels.percentile), stats.percentiles_ns[i]);
  }
}

void WriteTokens(const RunPlan& plan, const TokenMetrics& tokens, Summary* summary) {
  summary->Line("");
  if (plan.scenario == TestScenario::Offline) return;
  if (plan.scenario == TestScenario::SingleStream) {
    summary->Line("TPS w/ loadgen overhead         : ",
                  TwoDecimals(tokens.throughput_with_overhead));
    summary->Line("TPS w/o loadgen overhead        : ", TwoDecimals(tokens.throughput));
  } else if (plan.scenario == TestScenario::Server) {
    summary->Line("Completed tokens per second                 : ",
                  TwoDecimals(tokens.completed_per_second));
  }
  WriteStats(tokens.first_token, kFirstTokenLabels, summary);
  summary->Line("");
  WriteStats(tokens.time_per_token, kTimePerTokenLabels, summary);
}

// Not in the reference, whose systems do not report when each token came.
void WriteStream(const TokenMetrics& tokens, Summary* summary) {
  if (tokens.event_count == 0) return;
  summary->Line("");
  summary->Heading("Token Arrivals");
  const auto line = [summary](const char* label, const LatencyStats& stats) {
    if (stats.count == 0) return;
    summary->Line(label, "mean " + std::to_string(stats.mean_ns) + ", p50 " +
                             std::to_string(stats.percentiles_ns[0]) + ", p99 " +
                             std::to_string(stats.percentiles_ns[4]) + ", max " +
                             std::to_string(stats.max_ns));
  };
  line("Inter-token latency, ITL (ns)     : ", tokens.inter_token);
  line("Inter-chunk latency, ICL (ns)     : ", tokens.inter_chunk);
  line("Decode time a token (ns)          : ", tokens.decode_per_token);
  line("Completion after last token (ns)  : ", tokens.tail);
  line("Time to first output (ns)         : ", tokens.first_output);
  line("First token after sending (ns)    : ", tokens.first_token_from_send);
  line("Read after arrival (ns)           : ", tokens.client_lag);
  summary->Line("Tokens counted by                 : ", tokens.token_source);
  summary->Line("Tokens an arrival                 : ", TwoDecimals(tokens.tokens_per_event));
  if (tokens.total_tokens_per_second) {
    summary->Line("Tokens per second, with prompts   : ",
                  TwoDecimals(*tokens.total_tokens_per_second));
  }
  if (tokens.goodput_share) {
    summary->Line("Requests within all bounds (%)    : ", TwoDecimals(100 * *tokens.goodput_share));
  }
  if (tokens.short_answers > 0) {
    summary->Line("Answers of one token              : ", tokens.short_answers);
  }
  if (tokens.cancelled_count > 0) {
    summary->Line("Cancelled requests                : ", tokens.cancelled_count);
  }
}

void WriteAdditionalStats(const RunPlan& plan, const PerformanceResult& result, Summary* summary) {
  summary->Line("");
  summary->Heading("Additional Stats");
  if (plan.scenario == TestScenario::SingleStream) {
    summary->Line("QPS w/ loadgen overhead         : ", TwoDecimals(result.qps_with_overhead));
    summary->Line("QPS w/o loadgen overhead        : ", TwoDecimals(result.qps_without_overhead));
    summary->Line("");
  } else if (plan.scenario == TestScenario::Server) {
    summary->Line("Scheduled samples per second : ",
                  TwoDecimals(result.scheduled_samples_per_second));
  } else if (plan.scenario == TestScenario::MultiStream) {
    summary->Line("Per-query latency:  ");
  }
  WriteStats(result.query_latency ? *result.query_latency : result.sample_latency, kLatencyLabels,
             summary);
  if (!result.tokens) return;
  WriteTokens(plan, *result.tokens, summary);
  WriteStream(*result.tokens, summary);
}

// How late we were ourselves. Not in the reference.
void WriteLateness(const PerformanceResult& result, Summary* summary) {
  const Lateness& lateness = result.lateness;
  summary->Line("");
  summary->Heading("Load Generator");
  summary->Line("Lateness of issue p50 (ns)        : ", lateness.p50_ns);
  summary->Line("Lateness of issue p90 (ns)        : ", lateness.p90_ns);
  summary->Line("Lateness of issue p99 (ns)        : ", lateness.p99_ns);
  summary->Line("Lateness of issue p99.9 (ns)      : ", lateness.p999_ns);
  summary->Line("Lateness of issue max (ns)        : ", lateness.max_ns);
  summary->Line("Queries held up by IssueQuery     : ", lateness.held_up_by_sut);
  summary->Line("Lateness of these p50 (ns)        : ", result.lateness_held_up.p50_ns);
  summary->Line("Lateness of the others p50 (ns)   : ", result.lateness_others.p50_ns);
  summary->Line("Lateness of the others p99 (ns)   : ", result.lateness_others.p99_ns);
  summary->Line("Pacing                            : ", std::string(ToString(result.pacing)));
  summary->Line("Time spent spinning (s)           : ", StreamDouble(result.spin_s));
  for (const std::string& caution : result.cautions) {
    summary->Line("Caution                           : ", caution);
  }
}

// Not in the reference.
void WriteFailures(const PerformanceResult& result, Summary* summary) {
  if (result.failed_sample_count == 0) return;
  summary->Line("");
  summary->Heading("Failed Samples");
  summary->Line("Failed samples                    : ", result.failed_sample_count);
  summary->Line("Answered samples                  : ", result.sample_count);
  for (const std::string& text : result.failures) summary->Line(" * ", text);
}

void WriteParameters(const RunPlan& plan, Summary* summary) {
  summary->Line("");
  summary->Heading("Test Parameters Used");
  summary->Line("samples_per_query : ", plan.samples_per_query);
  summary->Line("target_qps : ", StreamDouble(plan.target_qps));
  if (plan.use_token_latencies) {
    summary->Line("ttft_latency (ns): ", plan.ttft_latency_ns);
    summary->Line("tpot_latency (ns): ", plan.tpot_latency_ns);
    if (plan.itl_latency_ns > 0) summary->Line("itl_latency (ns): ", plan.itl_latency_ns);
    if (plan.e2e_latency_ns > 0) summary->Line("e2e_latency (ns): ", plan.e2e_latency_ns);
    if (plan.goodput_share > 0) summary->Line("goodput_share : ", StreamDouble(plan.goodput_share));
  } else {
    summary->Line("target_latency (ns): ", plan.target_latency_ns);
  }
  summary->Line("max_async_queries : ", plan.max_async_queries);
  summary->Line("min_duration (ms): ", plan.min_duration_ms);
  summary->Line("max_duration (ms): ", plan.max_duration_ms);
  summary->Line("min_query_count : ", plan.min_query_count);
  summary->Line("max_query_count : ", plan.max_query_count);
  summary->Line("qsl_rng_seed : ", plan.qsl_rng_seed);
  summary->Line("sample_index_rng_seed : ", plan.sample_index_rng_seed);
  summary->Line("schedule_rng_seed : ", plan.schedule_rng_seed);
  summary->Line("accuracy_log_rng_seed : ", plan.accuracy_log_rng_seed);
  summary->Line("accuracy_log_probability : ", StreamDouble(plan.accuracy_log_probability));
  summary->Line("accuracy_log_sampling_target : ", plan.accuracy_log_sampling_target);
  summary->Line("print_timestamps : ", uint64_t{plan.print_timestamps});
  summary->Line("performance_issue_unique : ", uint64_t{plan.performance_issue_unique});
  summary->Line("performance_issue_same : ", uint64_t{plan.performance_issue_same});
  summary->Line("performance_issue_same_index : ", plan.performance_issue_same_index);
  summary->Line("performance_sample_count : ", plan.performance_sample_count);
  summary->Line("accuracy_sample_count : ", plan.accuracy_sample_count);
  if (!plan.sample_concatenate_permutation) return;
  summary->Line("WARNING: sample_concatenate_permutation was set to true. ");
  summary->Line("Generated samples per query might be different as the one in the setting.");
  summary->Line("Check the generated_samples_per_query line in the detailed log for the real");
  summary->Line("samples_per_query value");
}

std::string TrailerLine(uint64_t count, const char* none, const char* one, const char* many) {
  if (count == 0) return std::string("No ") + none + " encountered during test.\n";
  return Counted(count, one, many) + " encountered. See detailed log.\n";
}

}  // namespace

std::string SummaryOfPerformance(const RunPlan& plan, const PerformanceResult& result,
                                 const std::string& sut_name) {
  Summary summary;
  summary.Heading("MLPerf Results Summary");
  summary.Line("SUT name : ", sut_name);
  summary.Line("Scenario : ", ToString(plan.scenario));
  summary.Line("Mode     : ", ToString(plan.mode));
  WriteMetrics(plan, result, &summary);
  WriteValidity(plan, result, &summary);
  WriteEarlyStopping(plan, result, &summary);
  WriteAdditionalStats(plan, result, &summary);
  WriteFailures(result, &summary);
  if (plan.shape == LoopShape::kOpenLoop) WriteLateness(result, &summary);
  WriteParameters(plan, &summary);
  return summary.Take();
}

std::string SummaryOfPeak(const PeakSearchResult& peak) {
  Summary summary;
  summary.Line("");
  summary.Heading("Peak");
  summary.Line("Peak QPS : ", peak.determined ? TwoDecimals(peak.qps) : peak.statement);
  if (peak.high_qps > 0) {
    summary.Line("Peak QPS interval : ",
                 TwoDecimals(peak.low_qps) + " to " + TwoDecimals(peak.high_qps));
    summary.Line("Peak QPS with a VALID run : ",
                 peak.valid_qps > 0 ? TwoDecimals(peak.valid_qps) : "none");
  }
  summary.Line("Trials : ", uint64_t{peak.trials.size()});
  summary.Line("Search ended : ", peak.end);
  for (const std::string& caution : peak.cautions) summary.Line("Caution : ", caution);
  return summary.Take();
}

std::string SummaryTrailer(uint64_t warning_count, uint64_t error_count) {
  return "\n" + TrailerLine(warning_count, "warnings", "warning", "warnings") + "\n" +
         TrailerLine(error_count, "errors", "ERROR", "ERRORS");
}

}  // namespace mlperf::loadgen
