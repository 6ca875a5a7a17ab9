// What the user asks for: the test itself (TestSettings) and its log files (LogSettings).
//
// Every member of TestSettings has a row in settings_table.cc with its unit, its key in config
// files and its meaning; docs/settings.md is made from that table.
#ifndef MLPERF_LOADGEN_TEST_SETTINGS_H_
#define MLPERF_LOADGEN_TEST_SETTINGS_H_

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace mlperf {

enum class TestScenario {
  SingleStream,  // One sample at a time, the next when the last is answered.
  MultiStream,   // One query of several samples at a time.
  Server,        // Single samples at random times (Poisson), even if others are outstanding.
  Offline,       // All samples at once, in one query.
};

enum class TestMode {
  SubmissionRun,        // AccuracyOnly, then PerformanceOnly.
  AccuracyOnly,         // Every sample of the library once, responses logged.
  PerformanceOnly,      // Timed traffic, judged at the end.
  FindPeakPerformance,  // Search for the highest Server rate that keeps the latency bound.
};

// Accepted for compatibility. Logs are always written outside the timed path.
enum class LoggingMode { AsyncPoll, EndOfTestOnly, Synchronous };

// How the generator waits for the time a query is due (Server).
enum class Pacing {
  Auto,   // Sleep, then spin; how long it spins depends on how late wake-ups were so far.
  Sleep,  // Sleep only: costs the least CPU, some ten microseconds late.
  Spin,   // Never sleep: costs a CPU.
};

// How FindPeakPerformance looks for the highest rate.
enum class PeakStrategy {
  Bisection,  // As the reference does: from a rate that passes, by single trials.
  Estimate,   // From any rate, by trials of fresh arrivals, to an estimate with its interval.
};

// Which time of a token counts, where a system under test reports both (an LLM endpoint does).
enum class TokenClock {
  Arrival,  // When it came in at this machine, by the kernel's time stamp where there is one.
  Read,     // When the load generator's client read it, which is never earlier.
};

// What is kept of the tokens of each sample, where a system under test reports them one by one.
enum class TokenLog {
  Events,  // When each of them came: the token log.
  Off,     // Nothing.
};

// A line of a config file that was refused, ignored or read in an unexpected way.
struct ConfigDiagnostic {
  enum class Severity { kError, kWarning };
  Severity severity;
  std::string file;
  uint64_t line;        // From 1; 0 stands for the whole file.
  std::string message;  // What was found, and the fix.
};

// Thrown for a value that cannot be used: the message names the setting, its value and the fix.
class SettingsError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// The highest rate that can be asked for: arrival times are whole nanoseconds.
constexpr double kMaxServerQps = 1e9;

struct TestSettings {
  TestScenario scenario = TestScenario::SingleStream;
  TestMode mode = TestMode::PerformanceOnly;

  double single_stream_expected_latency_ns = 1000000;
  double single_stream_target_latency_percentile = 0.90;

  double multi_stream_expected_latency_ns = 8000000;
  double multi_stream_target_latency_percentile = 0.99;
  uint64_t multi_stream_samples_per_query = 8;

  double server_target_qps = 1;
  uint64_t server_target_latency_ns = 100000000;
  double server_target_latency_percentile = 0.99;
  bool server_coalesce_queries = false;
  int server_find_peak_qps_decimals_of_precision = 1;
  double server_find_peak_qps_boundary_step_size = 1;
  uint64_t server_max_async_queries = 0;  // 0: no limit.
  uint64_t server_num_issue_query_threads = 0;

  double offline_expected_qps = 1;

  bool sample_concatenate_permutation = false;

  uint64_t min_duration_ms = 10000;
  uint64_t max_duration_ms = 0;  // 0: no limit.
  uint64_t min_query_count = 100;
  uint64_t max_query_count = 0;  // 0: no limit.

  // Traffic depends on the low 32 bits of each seed.
  uint64_t qsl_rng_seed = 0;
  uint64_t sample_index_rng_seed = 0;
  uint64_t schedule_rng_seed = 0;
  uint64_t accuracy_log_rng_seed = 0;

  double accuracy_log_probability = 0.0;
  uint64_t accuracy_log_sampling_target = 0;

  bool test05 = false;
  uint64_t test05_qsl_rng_seed = 0;
  uint64_t test05_sample_index_rng_seed = 0;
  uint64_t test05_schedule_rng_seed = 0;

  bool print_timestamps = false;

  bool performance_issue_unique = false;
  bool performance_issue_same = false;
  uint64_t performance_issue_same_index = 0;

  uint64_t performance_sample_count_override = 0;  // 0: the library's count.
  uint64_t accuracy_sample_count_override = 0;     // 0: the library's count.

  bool use_token_latencies = false;
  uint64_t server_ttft_latency = 100000000;
  uint64_t server_tpot_latency = 100000000;
  bool infer_token_latencies = false;
  uint64_t token_latency_scaling_factor = 0;

  // Not in the reference.
  uint64_t server_itl_latency = 0;  // 0: not judged.
  uint64_t server_e2e_latency = 0;  // 0: not judged.
  double server_goodput_share = 0;  // 0: not judged.
  bool allow_short_answers = false;
  TokenClock token_clock = TokenClock::Arrival;
  TokenLog token_log = TokenLog::Events;
  PeakStrategy server_find_peak_strategy = PeakStrategy::Bisection;
  double server_find_peak_max_qps = 1e9;
  Pacing server_pacing = Pacing::Auto;
  uint64_t stall_timeout_ms = 3600000;  // 0: wait for ever.
  uint64_t warmup_query_count = 0;
  uint64_t offline_probe_duration_ms = 0;  // 0: no probe.
  bool enable_sample_log = true;           // Off here or in LogSettings: no sample log.

  // Sets members from a config file. `conf_type` 0 reads the mlperf.conf built into the library,
  // 1 a user's file (the first one on this object loads the built-in mlperf.conf before it), 2 an
  // audit file. Returns 0; -2 if the file cannot be opened; -22 if a line is malformed, and then
  // nothing of that file is applied. Diagnostics are appended to `config_diagnostics`.
  int FromConfig(const std::string& path, const std::string& model, const std::string& scenario,
                 int conf_type = 1);

  // The diagnostics of FromConfig on this object; the next test that uses the object logs them.
  std::vector<ConfigDiagnostic> config_diagnostics = {};
  // How many user config files (conf_type 1) this object has read.
  uint64_t config_user_file_count = 0;
  // Where the value of each setting that FromConfig set came from, by the name of its row in the
  // table: "user.conf:3", or "built-in mlperf.conf".
  std::map<std::string, std::string> config_origins = {};
  // The models that FromConfig was called for and found entries of.
  std::vector<std::string> config_models = {};
};

struct LogOutputSettings {
  std::string outdir = ".";  // Created if its parent exists.
  std::string prefix = "mlperf_log_";
  std::string suffix = "";
  bool prefix_with_datetime = false;
  bool copy_detail_to_stdout = false;
  bool copy_summary_to_stdout = false;
  // Overwrite the logs of an earlier test, with a warning; false: refuse to start.
  bool exist_ok = true;
};

struct LogSettings {
  LogOutputSettings log_output;
  LoggingMode log_mode = LoggingMode::AsyncPoll;
  uint64_t log_mode_async_poll_interval_ms = 1000;  // Accepted for compatibility.
  bool enable_trace = true;
  // Write every sample to `loadgen_samples/<prefix>samples.npy` in the folder of the logs.
  bool enable_sample_log = true;
  // The trace and the sample log each end at their largest size, or at this share of the space that
  // is free on their disk when they are opened; samples that are left out are counted. A megabyte
  // is 1,000,000 bytes; 0: no limit.
  uint64_t max_trace_mb = 500;
  uint64_t max_sample_log_mb = 4000;
  double max_free_space_share = 0.25;
};

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_TEST_SETTINGS_H_
