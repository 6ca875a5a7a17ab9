#include "settings/settings_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <type_traits>

namespace mlperf::loadgen {
namespace {

using S = TestSettings;

constexpr ConfigKey kNoKey = {};

// `name` is looked up under the scenario that FromConfig was called with.
constexpr ConfigKey Key(std::string_view name, ValueForm form = ValueForm::kInteger) {
  return {.name = name, .scope = KeyScope::kArgument, .form = form};
}

// `name` is looked up under `scope`, whatever scenario FromConfig was called with.
constexpr ConfigKey KeyUnder(KeyScope scope, std::string_view name,
                             ValueForm form = ValueForm::kInteger, double factor = 1,
                             KeyRule rule = KeyRule::kAlways) {
  return {.name = name, .scope = scope, .form = form, .factor = factor, .rule = rule};
}

constexpr ConfigKey BuiltInKey(std::string_view name, ValueForm form = ValueForm::kInteger,
                               double factor = 1) {
  return {.name = name,
          .scope = KeyScope::kArgument,
          .form = form,
          .factor = factor,
          .rule = KeyRule::kBuiltInOnly};
}

// Has an effect only where another setting is on, or only where it is off.
constexpr Companion With(std::string_view name) { return {.name = name, .on = true}; }
constexpr Companion NotBeside(std::string_view name) { return {.name = name, .on = false}; }

constexpr double kNsPerMs = 1000000;
constexpr double kFractionPerPercent = 0.01;

// Columns: name, member, unit, applies_to, log_name, key, doc; used_in and companion where they
// restrict it.
constexpr Setting kSettings[] = {
    {"scenario", &S::scenario, "", AppliesTo::kAll, "scenario", kNoKey,
     "The pattern in which samples arrive: SingleStream, MultiStream, Server or Offline."},
    {"mode", &S::mode, "", AppliesTo::kAll, "test_mode", Key("mode", ValueForm::kMode),
     "The kind of test: SubmissionRun (accuracy, then performance), AccuracyOnly, PerformanceOnly "
     "or FindPeakPerformance. Config files use the numbers 0 to 3 in this order.",
     UsedIn::kAllPhases, NotBeside("test05")},

    {"single_stream_expected_latency_ns", &S::single_stream_expected_latency_ns, "ns",
     AppliesTo::kSingleStream, "single_stream_expected_latency_ns",
     KeyUnder(KeyScope::kSingleStream, "target_latency", ValueForm::kFloat, kNsPerMs),
     "Expected latency of a query. It determines how much traffic is made; it is not a bound.",
     UsedIn::kPerformance},
    {"single_stream_target_latency_percentile", &S::single_stream_target_latency_percentile,
     "fraction", AppliesTo::kSingleStream, "single_stream_target_latency_percentile",
     KeyUnder(KeyScope::kSingleStream, "target_latency_percentile", ValueForm::kFloat,
              kFractionPerPercent),
     "The percentile of latencies that is reported and that early stopping estimates.",
     UsedIn::kPerformance},

    {"multi_stream_expected_latency_ns", &S::multi_stream_expected_latency_ns, "ns",
     AppliesTo::kMultiStream, "multi_stream_expected_latency_ns",
     KeyUnder(KeyScope::kMultiStream, "target_latency", ValueForm::kFloat, kNsPerMs),
     "Expected latency of a whole query. It determines how much traffic is made; it is not a "
     "bound.",
     UsedIn::kPerformance},
    {"multi_stream_target_latency_percentile", &S::multi_stream_target_latency_percentile,
     "fraction", AppliesTo::kMultiStream, "multi_stream_target_latency_percentile",
     KeyUnder(KeyScope::kMultiStream, "target_latency_percentile", ValueForm::kFloat,
              kFractionPerPercent),
     "The percentile of query latencies that is reported and that early stopping estimates.",
     UsedIn::kPerformance},
    {"multi_stream_samples_per_query", &S::multi_stream_samples_per_query, "samples",
     AppliesTo::kMultiStream, "multi_stream_samples_per_query",
     KeyUnder(KeyScope::kMultiStream, "samples_per_query"), "Number of samples in each query."},

    {"server_target_qps", &S::server_target_qps, "queries/s", AppliesTo::kServer,
     "server_target_qps", KeyUnder(KeyScope::kServer, "target_qps", ValueForm::kFloat),
     "Mean rate of the Poisson arrivals. FindPeakPerformance starts its search at this rate."},
    {"server_target_latency_ns", &S::server_target_latency_ns, "ns", AppliesTo::kServer,
     "server_target_latency_ns",
     KeyUnder(KeyScope::kServer, "target_latency", ValueForm::kInteger, kNsPerMs),
     "Latency bound that the target percentile of queries must keep. Config files give it in whole "
     "milliseconds.",
     UsedIn::kPerformance},
    {"server_target_latency_percentile", &S::server_target_latency_percentile, "fraction",
     AppliesTo::kServer, "server_target_latency_percentile",
     KeyUnder(KeyScope::kServer, "target_latency_percentile", ValueForm::kFloat,
              kFractionPerPercent),
     "Share of queries that must keep the latency bound.", UsedIn::kPerformance},
    {"server_coalesce_queries", &S::server_coalesce_queries, "", AppliesTo::kServer,
     "server_coalesce_queries",
     KeyUnder(KeyScope::kServer, "coalesce_queries", ValueForm::kTrueIfNonZero),
     "Issue all queries that are due at the moment in one call of IssueQuery."},
    {"server_find_peak_qps_decimals_of_precision", &S::server_find_peak_qps_decimals_of_precision,
     "decimals", AppliesTo::kServer, "server_find_peak_qps_decimals_of_precision", kNoKey,
     "Number of decimals to which FindPeakPerformance determines the highest rate.",
     UsedIn::kFindPeak, NotBeside("server_find_peak_strategy")},
    {"server_find_peak_qps_boundary_step_size", &S::server_find_peak_qps_boundary_step_size, "",
     AppliesTo::kServer, "server_find_peak_qps_boundary_step_size", kNoKey,
     "FindPeakPerformance multiplies the rate by 1 + this value until the bound is missed.",
     UsedIn::kFindPeak, NotBeside("server_find_peak_strategy")},
    {"server_max_async_queries", &S::server_max_async_queries, "queries", AppliesTo::kServer,
     "server_max_async_queries",
     KeyUnder(KeyScope::kServer, "max_async_queries", ValueForm::kSigned32),
     "Stop the run when more queries than this are outstanding; 0 stands for no limit.",
     UsedIn::kPerformance},
    {"server_num_issue_query_threads", &S::server_num_issue_query_threads, "threads",
     AppliesTo::kServer, "server_num_issue_query_threads", kNoKey,
     "Number of registered threads that issue the queries; with 0, the thread that called "
     "StartTest issues them."},

    {"offline_expected_qps", &S::offline_expected_qps, "samples/s", AppliesTo::kOffline,
     "offline_expected_qps", KeyUnder(KeyScope::kOffline, "target_qps", ValueForm::kFloat),
     "Expected throughput. The one query gets as many samples as take min_duration_ms and 10 % "
     "more at this rate.",
     UsedIn::kPerformance, NotBeside("offline_probe_duration_ms")},

    {"min_duration_ms", &S::min_duration_ms, "ms", AppliesTo::kAll, "min_duration_ms",
     Key("min_duration"), "A performance run lasts at least this long.", UsedIn::kPerformance},
    {"max_duration_ms", &S::max_duration_ms, "ms", AppliesTo::kAll, "max_duration_ms",
     Key("max_duration"), "Stop issuing after this time, with an error; 0 stands for no limit.",
     UsedIn::kPerformance},
    {"min_query_count", &S::min_query_count, "queries", AppliesTo::kAll, "min_query_count",
     Key("min_query_count"),
     "A performance run issues at least this many queries, or in Offline this many samples.",
     UsedIn::kPerformance},
    {"max_query_count", &S::max_query_count, "queries", AppliesTo::kAll, "max_query_count",
     Key("max_query_count"),
     "Stop issuing after this many queries, with an error; 0 stands for no limit.",
     UsedIn::kPerformance},

    {"qsl_rng_seed", &S::qsl_rng_seed, "", AppliesTo::kAll, "qsl_rng_seed",
     BuiltInKey("qsl_rng_seed"),
     "Seed for the order in which samples are loaded. Only its low 32 bits count."},
    {"sample_index_rng_seed", &S::sample_index_rng_seed, "", AppliesTo::kAll,
     "sample_index_rng_seed", BuiltInKey("sample_index_rng_seed"),
     "Seed for the choice of samples. Only its low 32 bits count."},
    {"schedule_rng_seed", &S::schedule_rng_seed, "", AppliesTo::kAll, "schedule_rng_seed",
     BuiltInKey("schedule_rng_seed"),
     "Seed for the arrival times in Server. Only its low 32 bits count."},
    {"accuracy_log_rng_seed", &S::accuracy_log_rng_seed, "", AppliesTo::kAll,
     "accuracy_log_rng_seed", Key("accuracy_log_rng_seed"),
     "Seed for the choice of responses that a performance run logs. Only its low 32 bits count.",
     UsedIn::kPerformance},
    {"accuracy_log_probability", &S::accuracy_log_probability, "fraction", AppliesTo::kAll,
     "accuracy_log_probability",
     BuiltInKey("accuracy_log_probability", ValueForm::kFloat, kFractionPerPercent),
     "Share of the responses of a performance run that goes to the accuracy log.",
     UsedIn::kPerformance, NotBeside("accuracy_log_sampling_target")},
    {"accuracy_log_sampling_target", &S::accuracy_log_sampling_target, "samples", AppliesTo::kAll,
     "accuracy_log_sampling_target", Key("accuracy_log_sampling_target"),
     "Approximate number of responses of a performance run that go to the accuracy log. If it is "
     "not 0, it replaces accuracy_log_probability.",
     UsedIn::kPerformance},

    {"test05", &S::test05, "", AppliesTo::kAll, "", BuiltInKey("test05", ValueForm::kTrueIfOne),
     "Run PerformanceOnly with the three test05 seeds in place of the usual seeds."},
    {"test05_qsl_rng_seed", &S::test05_qsl_rng_seed, "", AppliesTo::kAll, "",
     BuiltInKey("test05_qsl_rng_seed"), "Replaces qsl_rng_seed if test05 is on.",
     UsedIn::kAllPhases, With("test05")},
    {"test05_sample_index_rng_seed", &S::test05_sample_index_rng_seed, "", AppliesTo::kAll, "",
     BuiltInKey("test05_sample_index_rng_seed"), "Replaces sample_index_rng_seed if test05 is on.",
     UsedIn::kAllPhases, With("test05")},
    {"test05_schedule_rng_seed", &S::test05_schedule_rng_seed, "", AppliesTo::kAll, "",
     BuiltInKey("test05_schedule_rng_seed"), "Replaces schedule_rng_seed if test05 is on.",
     UsedIn::kAllPhases, With("test05")},

    {"print_timestamps", &S::print_timestamps, "", AppliesTo::kAll, "print_timestamps",
     Key("print_timestamps", ValueForm::kTrueIfNonZero),
     "Print a comparison of the timers to the standard output during a performance run.",
     UsedIn::kPerformance},
    {"performance_issue_unique", &S::performance_issue_unique, "", AppliesTo::kAll,
     "performance_issue_unique", Key("performance_issue_unique", ValueForm::kTrueIfNonZero),
     "Issue every loaded sample exactly once."},
    {"performance_issue_same", &S::performance_issue_same, "", AppliesTo::kAll,
     "performance_issue_same", Key("performance_issue_same", ValueForm::kTrueIfNonZero),
     "Issue the same sample again and again."},
    {"performance_issue_same_index", &S::performance_issue_same_index, "", AppliesTo::kAll,
     "performance_issue_same_index", Key("performance_issue_same_index"),
     "Position in the loaded set, from 0, of the sample that performance_issue_same repeats.",
     UsedIn::kAllPhases, With("performance_issue_same")},
    {"performance_sample_count_override", &S::performance_sample_count_override, "samples",
     AppliesTo::kAll, "performance_sample_count_override", Key("performance_sample_count_override"),
     "Number of samples that are loaded at once; 0 stands for the library's performance sample "
     "count."},
    {"accuracy_sample_count_override", &S::accuracy_sample_count_override, "samples",
     AppliesTo::kAll, "accuracy_sample_count_override", Key("accuracy_sample_count_override"),
     "Number of samples in an accuracy run, taken from the start of the library; 0 stands for all "
     "samples.",
     UsedIn::kAccuracy},
    {"sample_concatenate_permutation", &S::sample_concatenate_permutation, "", AppliesTo::kAll,
     "sample_concatenate_permutation", Key("sample_concatenate_permutation", ValueForm::kTrueIfOne),
     "Issue every loaded sample equally often, as one permutation of all samples after another."},

    {"use_token_latencies", &S::use_token_latencies, "", AppliesTo::kTokens, "use_token_latencies",
     Key("use_token_latencies", ValueForm::kTrueIfOne),
     "Count the tokens of each sample, and measure the time to the first token (TTFT) and the time "
     "per output token (TPOT). Offline needs no first tokens."},
    {"ttft_latency", &S::server_ttft_latency, "ns", AppliesTo::kServerTokens, "server_ttft_latency",
     KeyUnder(KeyScope::kServer, "ttft_latency", ValueForm::kInteger, kNsPerMs,
              KeyRule::kIfTokenLatencies),
     "Bound on the time to the first token that the target percentile of samples must keep in "
     "Server.",
     UsedIn::kPerformance, With("use_token_latencies")},
    {"tpot_latency", &S::server_tpot_latency, "ns/token", AppliesTo::kServerTokens,
     "server_tpot_latency",
     KeyUnder(KeyScope::kServer, "tpot_latency", ValueForm::kInteger, kNsPerMs,
              KeyRule::kIfTokenLatencies),
     "Bound on the time per output token that the target percentile of samples must keep in "
     "Server.",
     UsedIn::kPerformance, With("use_token_latencies")},
    {"infer_token_latencies", &S::infer_token_latencies, "", AppliesTo::kServerAndOffline, "",
     Key("infer_token_latencies", ValueForm::kTrueIfOne),
     "In Server and Offline, also report token rates that are inferred from the sample rate.",
     UsedIn::kPerformance},
    {"token_latency_scaling_factor", &S::token_latency_scaling_factor, "tokens/sample",
     AppliesTo::kServerAndOffline, "",
     KeyUnder(KeyScope::kArgument, "token_latency_scaling_factor", ValueForm::kInteger, 1,
              KeyRule::kIfInferredLatencies),
     "Number of tokens in a sample that infer_token_latencies assumes.", UsedIn::kPerformance,
     With("infer_token_latencies")},
    {"itl_latency", &S::server_itl_latency, "ns/token", AppliesTo::kServerTokens, "",
     KeyUnder(KeyScope::kServer, "itl_latency", ValueForm::kInteger, kNsPerMs,
              KeyRule::kIfTokenLatencies),
     "Bound on the time between two tokens of an answer (ITL) that the target percentile of all "
     "tokens must keep in Server. Only systems that report each token have it. 0 stands for no "
     "bound.",
     UsedIn::kPerformance, With("use_token_latencies")},
    {"e2e_latency", &S::server_e2e_latency, "ns", AppliesTo::kServerTokens, "",
     KeyUnder(KeyScope::kServer, "e2e_latency", ValueForm::kInteger, kNsPerMs,
              KeyRule::kIfTokenLatencies),
     "Bound on the whole latency, beside those on its tokens, that the target percentile of "
     "samples must keep in Server. 0 stands for no bound.",
     UsedIn::kPerformance, With("use_token_latencies")},
    {"goodput_share", &S::server_goodput_share, "fraction", AppliesTo::kServerTokens, "",
     KeyUnder(KeyScope::kServer, "goodput_share", ValueForm::kFloat, 1, KeyRule::kIfTokenLatencies),
     "Share of samples that must keep all the bounds together in Server. 0 stands for no such "
     "demand.",
     UsedIn::kPerformance, With("use_token_latencies")},
    {"allow_short_answers", &S::allow_short_answers, "", AppliesTo::kTokens, "",
     Key("allow_short_answers", ValueForm::kTrueIfOne),
     "Let answers of one token pass: they are counted, and have no time per output token. If it is "
     "off, such an answer makes the result INVALID.",
     UsedIn::kAllPhases, With("use_token_latencies")},
    {"token_clock", &S::token_clock, "", AppliesTo::kAll, "", kNoKey,
     "The time of a token that counts, where a system reports both: Arrival is when it came in at "
     "this machine, Read is when the client read it, which is never earlier."},
    {"token_log", &S::token_log, "", AppliesTo::kTokens, "", kNoKey,
     "Whether the times of all tokens are written beside the sample log, where a system reports "
     "them: Events or Off.",
     UsedIn::kAllPhases, With("use_token_latencies")},
    {"server_find_peak_strategy", &S::server_find_peak_strategy, "", AppliesTo::kServer, "", kNoKey,
     "How FindPeakPerformance searches. Bisection is the reference's way: it starts from a rate "
     "that passes. Estimate starts from any rate, runs trials with new arrival times, and gives an "
     "estimate with an interval.",
     UsedIn::kFindPeak},
    {"server_find_peak_max_qps", &S::server_find_peak_max_qps, "queries/s", AppliesTo::kServer, "",
     kNoKey, "FindPeakPerformance tries no rate above this one.", UsedIn::kFindPeak},
    {"server_pacing", &S::server_pacing, "", AppliesTo::kServer, "", kNoKey,
     "How the generator waits for the time a query is due. Auto sleeps, and spins just before that "
     "time. Sleep only sleeps and costs the least CPU. Spin never sleeps and costs a CPU."},
    {"stall_timeout_ms", &S::stall_timeout_ms, "ms", AppliesTo::kAll, "", Key("stall_timeout"),
     "End the test, INVALID, when no sample was completed for this long while some are "
     "outstanding; 0 waits for ever. In Offline the default counts from the first completion only, "
     "and the silence must also be twice as long as the longest one so far. Any other value, and "
     "any value in a config file, counts from the issue."},
    {"warmup_query_count", &S::warmup_query_count, "queries", AppliesTo::kAll, "",
     Key("warmup_query_count"),
     "Number of queries (in Offline, samples of one query) that are issued and answered before the "
     "performance phase begins. They do not count.",
     UsedIn::kPerformance},
    {"offline_probe_duration_ms", &S::offline_probe_duration_ms, "ms", AppliesTo::kOffline, "",
     KeyUnder(KeyScope::kOffline, "probe_duration"),
     "Before the test, measure the throughput for about this long. The measured rate and 20 % more "
     "then takes the place of offline_expected_qps. 0 stands for no probe.",
     UsedIn::kPerformance},
    {"enable_sample_log", &S::enable_sample_log, "", AppliesTo::kAll, "",
     Key("enable_sample_log", ValueForm::kTrueIfNonZero),
     "Write every sample to the sample log. LogSettings has a setting of the same name; either of "
     "them turns the log off."},
};

std::string NumberText(double value) {
  std::array<char, 32> text;
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
  return std::string(text.data(), result.ptr);
}

// The scenarios that a setting belongs to; empty: to all of them.
std::span<const TestScenario> ScenariosOf(AppliesTo applies_to) {
  static constexpr TestScenario kScenarios[] = {TestScenario::SingleStream,
                                                TestScenario::MultiStream, TestScenario::Server,
                                                TestScenario::Offline};
  const std::span<const TestScenario> all(kScenarios);
  switch (applies_to) {
    case AppliesTo::kSingleStream:
      return all.subspan(0, 1);
    case AppliesTo::kMultiStream:
      return all.subspan(1, 1);
    case AppliesTo::kServer:
    case AppliesTo::kServerTokens:  // The record is of more scenarios than the bound.
      return all.subspan(2, 1);
    case AppliesTo::kOffline:
      return all.subspan(3, 1);
    case AppliesTo::kServerAndOffline:
      return all.subspan(2, 2);
    case AppliesTo::kAll:
    case AppliesTo::kTokens:
      break;
  }
  return {};
}

std::string WhyOfScenario(const Setting& setting, TestScenario scenario) {
  if (IsOfScenario(setting, scenario)) return {};
  std::string names;
  for (const TestScenario one : ScenariosOf(setting.applies_to)) {
    names.append(names.empty() ? "" : " and ").append(ToString(one));
  }
  return "it belongs to " + names + ", and the scenario is " + std::string(ToString(scenario));
}

std::string WhyOfMode(const Setting& setting, TestMode mode) {
  const auto belongs_to = [mode](const std::string& what) {
    return "it belongs to " + what + ", and the mode is " + std::string(ToString(mode));
  };
  const bool is_search = mode == TestMode::FindPeakPerformance;
  switch (setting.used_in) {
    case UsedIn::kAllPhases:
      break;
    case UsedIn::kAccuracy:
      if (mode == TestMode::PerformanceOnly || is_search) return belongs_to("accuracy runs");
      break;
    case UsedIn::kPerformance:
      if (mode == TestMode::AccuracyOnly) return belongs_to("performance runs");
      break;
    case UsedIn::kFindPeak:
      if (!is_search) return belongs_to("FindPeakPerformance");
      break;
  }
  return {};
}

std::string WhyOfCompanion(const Companion& companion, const TestSettings& settings) {
  if (companion.name.empty()) return {};
  const Setting& other = *FindSetting(companion.name);
  const bool is_on = std::visit(
      [&](auto member) {
        const auto value = settings.*member;
        return value != std::remove_const_t<decltype(value)>{};
      },
      other.member);
  if (is_on == companion.on) return {};
  const std::string name(companion.name);
  if (companion.on) return "it belongs to " + name + ", which is off";
  return "it does not count beside " + name + " = " + ValueText(settings, other);
}

}  // namespace

bool IsOfScenario(const Setting& setting, TestScenario scenario) {
  const std::span<const TestScenario> own = ScenariosOf(setting.applies_to);
  return own.empty() || std::ranges::find(own, scenario) != own.end();
}

std::string WhyUnused(const Setting& setting, const TestSettings& settings) {
  // As the test will have it.
  const TestMode mode = settings.test05 ? TestMode::PerformanceOnly : settings.mode;
  // To ask for what the test has in any case is no mistake.
  if (setting.name == "mode" && settings.mode == mode) return {};
  std::string why = WhyOfScenario(setting, settings.scenario);
  if (why.empty()) why = WhyOfCompanion(setting.companion, settings);
  if (why.empty()) why = WhyOfMode(setting, mode);
  return why;
}

std::string ValueText(const TestSettings& settings, const Setting& setting) {
  return std::visit(
      [&](auto member) -> std::string {
        const auto value = settings.*member;
        using Value = std::remove_const_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          return value ? "true" : "false";
        } else if constexpr (std::is_enum_v<Value>) {
          return std::string(ToString(value));
        } else if constexpr (std::is_floating_point_v<Value>) {
          return NumberText(value);
        } else {
          return std::to_string(value);
        }
      },
      setting.member);
}

std::span<const Setting> AllSettings() { return kSettings; }

const Setting* FindSetting(std::string_view name) {
  const auto* found = std::ranges::find(kSettings, name, &Setting::name);
  return found == std::end(kSettings) ? nullptr : found;
}

std::string_view ToString(TestScenario scenario) {
  switch (scenario) {
    case TestScenario::SingleStream:
      return "SingleStream";
    case TestScenario::MultiStream:
      return "MultiStream";
    case TestScenario::Server:
      return "Server";
    case TestScenario::Offline:
      return "Offline";
  }
  return "Unknown";
}

std::string_view ToString(TestMode mode) {
  switch (mode) {
    case TestMode::SubmissionRun:
      return "SubmissionRun";
    case TestMode::AccuracyOnly:
      return "AccuracyOnly";
    case TestMode::PerformanceOnly:
      return "PerformanceOnly";
    case TestMode::FindPeakPerformance:
      return "FindPeakPerformance";
  }
  return "Unknown";
}

std::string_view ToString(PeakStrategy strategy) {
  switch (strategy) {
    case PeakStrategy::Bisection:
      return "Bisection";
    case PeakStrategy::Estimate:
      return "Estimate";
  }
  return "Unknown";
}

std::string_view ToString(TokenClock clock) {
  switch (clock) {
    case TokenClock::Arrival:
      return "Arrival";
    case TokenClock::Read:
      return "Read";
  }
  return "Unknown";
}

std::string_view ToString(TokenLog log) {
  switch (log) {
    case TokenLog::Events:
      return "Events";
    case TokenLog::Off:
      return "Off";
  }
  return "Unknown";
}

std::string_view ToString(Pacing pacing) {
  switch (pacing) {
    case Pacing::Auto:
      return "Auto";
    case Pacing::Sleep:
      return "Sleep";
    case Pacing::Spin:
      return "Spin";
  }
  return "Unknown";
}

}  // namespace mlperf::loadgen
