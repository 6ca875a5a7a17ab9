// TestResult and its parts: read-only attributes, and to_dict for the whole.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <span>
#include <string>
#include <utility>

#include "bind.h"
#include "hooks.h"
#include "optional_value.h"
#include "pickling.h"
#include "test_result.h"
#include "value_class.h"

// An absent value is None.
template <typename T>
struct pybind11::detail::type_caster<mlperf::Optional<T>>
    : pybind11::detail::optional_caster<mlperf::Optional<T>> {};

namespace mlperf::python {
namespace {

namespace py = pybind11;
using namespace py::literals;

// A path as Python spells it, whatever its bytes are.
py::str Path(const std::string& path) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<py::ssize_t>(path.size())));
}

py::dict LatencyAsDict(const LatencyStats& stats) {
  py::dict percentiles;
  for (size_t i = 0; i < kReportedPercentiles.size(); ++i) {
    percentiles[py::float_(kReportedPercentiles[i])] = stats.percentiles_ns[i];
  }
  return py::dict("count"_a = stats.count, "min_ns"_a = stats.min_ns, "max_ns"_a = stats.max_ns,
                  "mean_ns"_a = stats.mean_ns, "percentiles_ns"_a = percentiles,
                  "target_percentile_ns"_a = stats.target_percentile_ns);
}

py::dict EarlyStoppingAsDict(const EarlyStopping& stopping) {
  return py::dict("met"_a = stopping.met, "text"_a = stopping.text,
                  "estimate_ns"_a = stopping.estimate_ns,
                  "estimate_p99_ns"_a = stopping.estimate_p99_ns,
                  "queries_missing"_a = stopping.queries_missing);
}

py::dict LatenessAsDict(const Lateness& lateness) {
  return py::dict("count"_a = lateness.count, "p50_ns"_a = lateness.p50_ns,
                  "p90_ns"_a = lateness.p90_ns, "p99_ns"_a = lateness.p99_ns,
                  "p999_ns"_a = lateness.p999_ns, "max_ns"_a = lateness.max_ns,
                  "held_up_by_sut"_a = lateness.held_up_by_sut);
}

py::dict TokensAsDict(const TokenMetrics& tokens) {
  py::dict values(
      "token_count"_a = tokens.token_count, "first_token"_a = LatencyAsDict(tokens.first_token),
      "time_per_token"_a = LatencyAsDict(tokens.time_per_token),
      "throughput_with_overhead"_a = tokens.throughput_with_overhead,
      "throughput"_a = tokens.throughput, "completed_per_second"_a = tokens.completed_per_second,
      "per_second"_a = tokens.per_second,
      "early_stopping_ttft"_a = EarlyStoppingAsDict(tokens.early_stopping_ttft),
      "early_stopping_tpot"_a = EarlyStoppingAsDict(tokens.early_stopping_tpot),
      "early_stopping_e2e"_a = EarlyStoppingAsDict(tokens.early_stopping_e2e));
  values["inter_token"] = LatencyAsDict(tokens.inter_token);
  values["inter_chunk"] = LatencyAsDict(tokens.inter_chunk);
  values["decode_per_token"] = LatencyAsDict(tokens.decode_per_token);
  values["tail"] = LatencyAsDict(tokens.tail);
  values["first_output"] = LatencyAsDict(tokens.first_output);
  values["first_token_from_send"] = LatencyAsDict(tokens.first_token_from_send);
  values["client_lag"] = LatencyAsDict(tokens.client_lag);
  values["prompt_tokens"] = tokens.prompt_tokens;
  values["cached_tokens"] = tokens.cached_tokens;
  values["reasoning_tokens"] = tokens.reasoning_tokens;
  values["event_count"] = tokens.event_count;
  values["tokens_per_event"] = tokens.tokens_per_event;
  values["token_source"] = tokens.token_source;
  values["cancelled_count"] = tokens.cancelled_count;
  values["total_tokens_per_second"] = tokens.total_tokens_per_second;
  values["short_answers"] = tokens.short_answers;
  values["goodput_count"] = tokens.goodput_count;
  values["goodput_share"] = tokens.goodput_share;
  values["goodput_per_second"] = tokens.goodput_per_second;
  return values;
}

py::object TokensPerSecond(const PerformanceResult& result) {
  if (!result.tokens && !result.tokens_inferred) return py::none();
  return py::float_(result.tokens_per_second);
}

py::dict PerformanceAsDict(const PerformanceResult& result) {
  py::dict values(
      "valid"_a = result.valid, "perf_constraints_met"_a = result.perf_constraints_met,
      "min_duration_met"_a = result.min_duration_met, "min_queries_met"_a = result.min_queries_met,
      "early_stopping_met"_a = result.early_stopping_met,
      "recommendations"_a = result.recommendations, "reasons"_a = result.reasons,
      "cautions"_a = result.cautions, "query_count"_a = result.query_count,
      "sample_count"_a = result.sample_count,
      "overlatency_query_count"_a = result.overlatency_query_count,
      "target_qps"_a = result.target_qps, "sample_latency"_a = LatencyAsDict(result.sample_latency),
      "early_stopping"_a = EarlyStoppingAsDict(result.early_stopping),
      "lateness"_a = LatenessAsDict(result.lateness));
  values["failed_sample_count"] = result.failed_sample_count;
  values["failures"] = result.failures;
  values["failure_counts"] = result.failure_counts;
  values["lateness_held_up"] = LatenessAsDict(result.lateness_held_up);
  values["lateness_others"] = LatenessAsDict(result.lateness_others);
  values["pacing"] = py::str(py::cast(result.pacing).attr("name"));
  values["spin_s"] = result.spin_s;
  values["query_latency"] =
      result.query_latency ? py::object(LatencyAsDict(*result.query_latency)) : py::none();
  values["tokens"] = result.tokens ? py::object(TokensAsDict(*result.tokens)) : py::none();
  values["qps_with_overhead"] = result.qps_with_overhead;
  values["qps_without_overhead"] = result.qps_without_overhead;
  values["scheduled_samples_per_second"] = result.scheduled_samples_per_second;
  values["completed_samples_per_second"] = result.completed_samples_per_second;
  values["samples_per_second"] = result.samples_per_second;
  values["tokens_per_second"] = TokensPerSecond(result);
  values["tokens_inferred"] = result.tokens_inferred;
  values["inferred_tokens_per_second"] = result.inferred_tokens_per_second;
  values["sufficient_offline_qps"] = result.sufficient_offline_qps;
  values["final_query_scheduled_s"] = result.final_query_scheduled_s;
  values["final_query_issued_s"] = result.final_query_issued_s;
  values["final_query_done_s"] = result.final_query_done_s;
  values["max_latency_s"] = result.max_latency_s;
  return values;
}

py::dict PeakAsDict(const PeakSearchResult& peak) {
  py::list trials;
  for (const PeakTrial& trial : peak.trials) {
    trials.append(py::dict("kind"_a = trial.kind, "qps"_a = trial.qps, "passed"_a = trial.passed,
                           "query_count"_a = trial.query_count, "over_share"_a = trial.over_share,
                           "failed_share"_a = trial.failed_share, "failures"_a = trial.failures,
                           "duration_s"_a = trial.duration_s));
  }
  return py::dict(
      "found"_a = peak.found, "none_passes"_a = peak.none_passes, "determined"_a = peak.determined,
      "at_limit"_a = peak.at_limit, "qps"_a = peak.qps, "at_least_qps"_a = peak.at_least_qps,
      "at_most_qps"_a = peak.at_most_qps, "low_qps"_a = peak.low_qps, "high_qps"_a = peak.high_qps,
      "valid_qps"_a = peak.valid_qps, "settling_budget_s"_a = peak.settling_budget_s,
      "settling_min_duration_s"_a = peak.settling_min_duration_s, "statement"_a = peak.statement,
      "end"_a = peak.end, "cautions"_a = peak.cautions, "trials"_a = trials);
}

// None if there was no probe.
py::object ProbeAsDict(const OfflineProbe& probe) {
  if (probe.sample_count == 0) return py::none();
  return py::dict("sample_count"_a = probe.sample_count, "duration_s"_a = probe.duration_s,
                  "samples_per_second"_a = probe.samples_per_second,
                  "expected_qps"_a = probe.expected_qps);
}

py::dict ResultAsDict(const TestResult& result) {
  py::dict values("scenario"_a = py::str(py::cast(result.scenario).attr("name")),
                  "mode"_a = py::str(py::cast(result.mode).attr("name")),
                  "sut_name"_a = result.sut_name, "valid"_a = result.valid(),
                  "aborted"_a = result.aborted, "stalled"_a = result.stalled,
                  "reasons"_a = result.reasons, "cautions"_a = result.cautions,
                  "accuracy_sample_count"_a = result.accuracy_sample_count,
                  "error_count"_a = result.error_count, "warning_count"_a = result.warning_count,
                  "errors"_a = result.errors, "warnings"_a = result.warnings,
                  "log_failure"_a = result.log_failure);
  values["performance"] =
      result.performance ? py::object(PerformanceAsDict(*result.performance)) : py::none();
  values["peak"] = result.peak ? py::object(PeakAsDict(*result.peak)) : py::none();
  values["offline_probe"] = ProbeAsDict(result.offline_probe);
  const LogPaths& logs = result.logs;
  values["logs"] = py::dict("summary"_a = Path(logs.summary), "detail"_a = Path(logs.detail),
                            "accuracy"_a = Path(logs.accuracy), "trace"_a = Path(logs.trace),
                            "samples"_a = Path(logs.samples), "tokens"_a = Path(logs.tokens));
  return values;
}

void BindStatistics(py::module_& module) {
  ValueClass<LatencyStats>(module, "LatencyStats", "Statistics of a list of durations, in ns.")
      .def_readonly("count", &LatencyStats::count, "How many durations there are.")
      .def_readonly("min_ns", &LatencyStats::min_ns)
      .def_readonly("max_ns", &LatencyStats::max_ns)
      .def_readonly("mean_ns", &LatencyStats::mean_ns, "The mean, truncated to whole ns.")
      .def_readonly("target_percentile_ns", &LatencyStats::target_percentile_ns,
                    "The duration at the scenario's target percentile.")
      .def_property_readonly(
          "percentiles_ns",
          [](const LatencyStats& self) {
            return py::object(LatencyAsDict(self)["percentiles_ns"]);
          },
          "Duration by percentile (0.5, 0.9, 0.95, 0.97, 0.99, 0.999): element floor(n * p) of "
          "the n durations in ascending order.")
      .keep("percentiles_ns", &LatencyStats::percentiles_ns);
  ValueClass<Lateness>(module, "Lateness",
                       "How late queries were issued against their schedule (Server), in ns.")
      .def_readonly("count", &Lateness::count)
      .def_readonly("p50_ns", &Lateness::p50_ns)
      .def_readonly("p90_ns", &Lateness::p90_ns)
      .def_readonly("p99_ns", &Lateness::p99_ns)
      .def_readonly("p999_ns", &Lateness::p999_ns)
      .def_readonly("max_ns", &Lateness::max_ns)
      .def_readonly("held_up_by_sut", &Lateness::held_up_by_sut,
                    "Number of queries already due when IssueQuery returned from the "
                    "query before.");
  ValueClass<EarlyStopping>(module, "EarlyStopping",
                            "Whether enough queries were seen for the stated confidence.")
      .def_readonly("met", &EarlyStopping::met)
      .def_readonly("text", &EarlyStopping::text, "The text that the summary prints.")
      .def_readonly("estimate_ns", &EarlyStopping::estimate_ns,
                    "The estimate of the latency at the target percentile; 0: there is none.")
      .def_readonly(
          "estimate_p99_ns", &EarlyStopping::estimate_p99_ns,
          "SingleStream: the estimate of the latency at the 99th percentile; 0: there is none.")
      .def_readonly("queries_missing", &EarlyStopping::queries_missing,
                    "How many more queries are needed; 0 if met.");
}

void BindPerformance(py::module_& module) {
  ValueClass<TokenMetrics>(module, "TokenMetrics", "Token metrics of a performance phase.")
      .def_readonly("token_count", &TokenMetrics::token_count)
      .def_readonly("first_token", &TokenMetrics::first_token,
                    "Time to first token (TTFT), ns. In Offline only of the samples that sent a "
                    "first token; there may be none.")
      .def_readonly("time_per_token", &TokenMetrics::time_per_token,
                    "Time per output token after the first (TPOT), ns.")
      .def_readonly("throughput_with_overhead", &TokenMetrics::throughput_with_overhead,
                    "Tokens per second, generator included.")
      .def_readonly("throughput", &TokenMetrics::throughput,
                    "Tokens per second of latency, without the time of the generator.")
      .def_readonly("completed_per_second", &TokenMetrics::completed_per_second,
                    "Server: tokens per second.")
      .def_readonly("per_second", &TokenMetrics::per_second, "Offline: tokens per second.")
      .def_readonly("early_stopping_ttft", &TokenMetrics::early_stopping_ttft)
      .def_readonly("early_stopping_tpot", &TokenMetrics::early_stopping_tpot)
      .def_readonly("early_stopping_e2e", &TokenMetrics::early_stopping_e2e,
                    "Server with e2e_latency: that of the whole latency.")
      .def_readonly("inter_token", &TokenMetrics::inter_token,
                    "Inter-token latency (ITL), ns a token, of all requests together: the time "
                    "between two arrivals of tokens, divided by the tokens of the later one and "
                    "counted for each of them. This and the statistics below have a count of 0 if "
                    "the system under test does not report what they are of.")
      .def_readonly("inter_chunk", &TokenMetrics::inter_chunk,
                    "Inter-chunk latency (ICL), ns, of all requests together: the time between "
                    "two arrivals of tokens, however many tokens came with them.")
      .def_readonly("decode_per_token", &TokenMetrics::decode_per_token,
                    "Decode time a token, ns, of each request: from its first token to its last, "
                    "divided by the tokens after those of the first arrival.")
      .def_readonly("tail", &TokenMetrics::tail,
                    "From the last token of a request to its completion, ns.")
      .def_readonly("first_output", &TokenMetrics::first_output,
                    "Time to first output (TTFO), ns, of the requests with reasoning before their "
                    "answer: to the first token that is no reasoning.")
      .def_readonly("first_token_from_send", &TokenMetrics::first_token_from_send,
                    "Time to first token, ns, from when the last byte of the request was handed to "
                    "the operating system.")
      .def_readonly("client_lag", &TokenMetrics::client_lag,
                    "How much later than they arrived answers were read here, ns, of all reads of "
                    "which that is known.")
      .def_readonly("prompt_tokens", &TokenMetrics::prompt_tokens,
                    "Tokens of the prompts, as the servers say; None if none does. This and the "
                    "next two are sums over the answers that say it.")
      .def_readonly("cached_tokens", &TokenMetrics::cached_tokens,
                    "Tokens of the prompts that were cached; None if no server says it.")
      .def_readonly("reasoning_tokens", &TokenMetrics::reasoning_tokens,
                    "Tokens of reasoning in the answers; None if no server says it.")
      .def_readonly("event_count", &TokenMetrics::event_count, "Number of arrivals of tokens.")
      .def_readonly("tokens_per_event", &TokenMetrics::tokens_per_event,
                    "Tokens an arrival; 0: none was reported.")
      .def_readonly("token_source", &TokenMetrics::token_source,
                    "Who counted the tokens: \"usage\" and \"token ids\" are of the server, "
                    "\"tokenizer\" of one that was given, \"events\" are arrivals and not "
                    "tokens. Of several the one to be trusted the least; empty: not known.")
      .def_readonly("cancelled_count", &TokenMetrics::cancelled_count,
                    "Number of requests that the system gave up on purpose. They did not fail, and "
                    "are in no latency and no throughput.")
      .def_readonly("total_tokens_per_second", &TokenMetrics::total_tokens_per_second,
                    "Tokens per second with those of the prompts, cached ones included; None if "
                    "those are not known.")
      .def_readonly("short_answers", &TokenMetrics::short_answers,
                    "Number of answers of one token. They have no TPOT.")
      .def_readonly("goodput_count", &TokenMetrics::goodput_count,
                    "Server: how many requests kept all the bounds; None in other scenarios.")
      .def_readonly("goodput_share", &TokenMetrics::goodput_share,
                    "Server: their share of the requests that were issued, with those that failed "
                    "and without those that were cancelled.")
      .def_readonly("goodput_per_second", &TokenMetrics::goodput_per_second,
                    "Server: requests per second that kept all the bounds.");
  using P = PerformanceResult;
  ValueClass<P>(module, "PerformanceResult", "What a performance phase means.")
      .def_readonly("valid", &P::valid)
      .def_readonly("perf_constraints_met", &P::perf_constraints_met)
      .def_readonly("min_duration_met", &P::min_duration_met)
      .def_readonly("min_queries_met", &P::min_queries_met)
      .def_readonly("early_stopping_met", &P::early_stopping_met)
      .keep("perf_constraints_reason", &P::perf_constraints_reason)
      .keep("invalid_reason", &P::invalid_reason)
      .def_readonly("recommendations", &P::recommendations,
                    "Advice on what to change, a line each.")
      .def_readonly("reasons", &P::reasons, "Why the result is not VALID, in words.")
      .def_readonly("cautions", &P::cautions,
                    "Sentences that a reader must know before trusting the numbers, each with the "
                    "fix. They do not make the result INVALID.")
      .def_readonly("query_count", &P::query_count, "Number of queries that were issued.")
      .def_readonly("sample_count", &P::sample_count, "Number of samples that were answered.")
      .def_readonly("failed_sample_count", &P::failed_sample_count,
                    "Number of samples that `fail` ended or that were lost on the way. They are in "
                    "no latency and no throughput.")
      .def_readonly("failures", &P::failures, "Why samples failed: the first few different texts.")
      .def_readonly("failure_counts", &P::failure_counts,
                    "How many samples failed of each of `failures`, and of \"other reasons\".")
      .def_readonly("overlatency_query_count", &P::overlatency_query_count,
                    "Server: number of queries that were over the latency bound or failed.")
      .def_readonly("target_qps", &P::target_qps)
      .def_readonly("sample_latency", &P::sample_latency)
      .def_readonly("query_latency", &P::query_latency,
                    "MultiStream: the latency of whole queries; None in other scenarios.")
      .def_readonly("early_stopping", &P::early_stopping)
      .def_readonly("tokens", &P::tokens, "The token metrics in token mode; None in other modes.")
      .def_readonly("lateness", &P::lateness, "Server: the lateness of all queries.")
      .def_readonly(
          "lateness_held_up", &P::lateness_held_up,
          "Server: the lateness of queries that the IssueQuery of an earlier query held up.")
      .def_readonly(
          "lateness_others", &P::lateness_others,
          "Server: the lateness of all other queries, which the generator or the machine caused.")
      .def_readonly("pacing", &P::pacing,
                    "Server: how the generator waited for the time a query was due.")
      .def_readonly("spin_s", &P::spin_s,
                    "Server: CPU time that the generator spent on waiting, s.")
      .def_readonly("qps_with_overhead", &P::qps_with_overhead, "SingleStream, queries/s.")
      .def_readonly("qps_without_overhead", &P::qps_without_overhead, "SingleStream, queries/s.")
      .def_readonly("scheduled_samples_per_second", &P::scheduled_samples_per_second,
                    "Server: the rate of the schedule, samples/s.")
      .def_readonly("completed_samples_per_second", &P::completed_samples_per_second,
                    "Server: the rate of completions, samples/s.")
      .def_readonly("samples_per_second", &P::samples_per_second,
                    "Offline: the throughput, samples/s.")
      .def_property_readonly(
          "tokens_per_second", TokensPerSecond,
          "Tokens per second from the start to the end of the last query, in every scenario. They "
          "are the tokens that were counted (use_token_latencies) or inferred "
          "(infer_token_latencies in Server and Offline); None without tokens.")
      .keep("tokens_per_second", &P::tokens_per_second)
      .def_readonly(
          "tokens_inferred", &P::tokens_inferred,
          "Whether tokens_per_second counts each sample as token_latency_scaling_factor tokens.")
      .def_readonly("inferred_tokens_per_second", &P::inferred_tokens_per_second)
      .def_readonly("sufficient_offline_qps", &P::sufficient_offline_qps,
                    "Offline, if the duration was too short: the offline_expected_qps that would "
                    "have been enough at this speed; 0: none is known.")
      .def_readonly("final_query_scheduled_s", &P::final_query_scheduled_s)
      .def_readonly("final_query_issued_s", &P::final_query_issued_s)
      .def_readonly("final_query_done_s", &P::final_query_done_s)
      .def_readonly("max_latency_s", &P::max_latency_s);
}

void BindTestResult(py::module_& module) {
  ValueClass<PeakTrial>(module, "PeakTrial", "One rate tried by a peak search.")
      .def_readonly("kind", &PeakTrial::kind,
                    "\"start\", \"boundary\" or \"middle\" of a bisection; \"bracket\", "
                    "\"measure\" or \"confirm\" of an estimate.")
      .def_readonly("qps", &PeakTrial::qps)
      .def_readonly("passed", &PeakTrial::passed)
      .def_readonly("query_count", &PeakTrial::query_count)
      .def_readonly("over_share", &PeakTrial::over_share,
                    "Share of the queries that failed or were over the bound (the bound with the "
                    "largest share, if there are several).")
      .def_readonly("failed_share", &PeakTrial::failed_share, "Share of the queries that failed.")
      .def_readonly("failures", &PeakTrial::failures,
                    "Why samples failed: the first few different texts.")
      .def_readonly("duration_s", &PeakTrial::duration_s, "How long issuing took, s.");
  ValueClass<PeakSearchResult>(module, "PeakSearchResult", "What FindPeakPerformance found.")
      .def_readonly("found", &PeakSearchResult::found, "Whether a rate is known that passes.")
      .def_readonly("none_passes", &PeakSearchResult::none_passes,
                    "Whether it is known that no rate passes, however low.")
      .def_readonly("determined", &PeakSearchResult::determined,
                    "Whether the peak is known from both sides.")
      .def_readonly("at_limit", &PeakSearchResult::at_limit,
                    "Whether no rate up to the limit failed: the peak is then the limit or more.")
      .def_readonly("qps", &PeakSearchResult::qps,
                    "The rate that the trials point to; it is the peak only if `determined` is "
                    "true. Bisection: the highest rate that passed. Estimate: the rate at which "
                    "the bound is just kept in the long run.")
      .def_readonly("at_least_qps", &PeakSearchResult::at_least_qps,
                    "The peak is at least this rate; 0: not known.")
      .def_readonly("at_most_qps", &PeakSearchResult::at_most_qps,
                    "The peak is at most this rate; 0: not known.")
      .def_readonly("low_qps", &PeakSearchResult::low_qps,
                    "Estimate: the low end of the confidence interval; 0: there is none.")
      .def_readonly("high_qps", &PeakSearchResult::high_qps)
      .def_readonly("valid_qps", &PeakSearchResult::valid_qps,
                    "Estimate: the rate of the confirming run that was VALID; 0: none was.")
      .def_readonly(
          "settling_budget_s", &PeakSearchResult::settling_budget_s,
          "A time budget that is likely to determine the peak; 0: none is needed or would help.")
      .def_readonly("settling_min_duration_s", &PeakSearchResult::settling_min_duration_s,
                    "The min_duration to use with settling_budget_s; 0: the min_duration of the "
                    "search is enough.")
      .def_readonly("statement", &PeakSearchResult::statement,
                    "The outcome in words, which say first whether the peak is determined.")
      .def_readonly("end", &PeakSearchResult::end, "Why the search ended, in words.")
      .def_readonly("cautions", &PeakSearchResult::cautions,
                    "Sentences that a reader must know before trusting the peak.")
      .def_readonly("trials", &PeakSearchResult::trials);
  ValueClass<OfflineProbe>(module, "OfflineProbe",
                           "What the probe of an Offline test measured, and what became of it.")
      .def_readonly("sample_count", &OfflineProbe::sample_count,
                    "Samples of its last and largest query.")
      .def_readonly("duration_s", &OfflineProbe::duration_s,
                    "From the issue of that query to its last completion, in seconds.")
      .def_readonly("samples_per_second", &OfflineProbe::samples_per_second)
      .def_readonly("expected_qps", &OfflineProbe::expected_qps,
                    "What the test took in place of offline_expected_qps.");
  ValueClass<LogPaths>(module, "LogPaths", "Paths of the log files; empty: not written.")
      .def_property_readonly("summary", [](const LogPaths& self) { return Path(self.summary); })
      .def_property_readonly("detail", [](const LogPaths& self) { return Path(self.detail); })
      .def_property_readonly("accuracy", [](const LogPaths& self) { return Path(self.accuracy); })
      .def_property_readonly("trace", [](const LogPaths& self) { return Path(self.trace); })
      .def_property_readonly("samples", [](const LogPaths& self) { return Path(self.samples); })
      .def_property_readonly(
          "tokens", [](const LogPaths& self) { return Path(self.tokens); },
          "The token log, which only systems have that report the arrivals of tokens.")
      .keep("summary", &LogPaths::summary)
      .keep("detail", &LogPaths::detail)
      .keep("accuracy", &LogPaths::accuracy)
      .keep("trace", &LogPaths::trace)
      .keep("samples", &LogPaths::samples)
      .keep("tokens", &LogPaths::tokens);
  using R = TestResult;
  ValueClass<R>(module, "TestResult", "What a test means; print it for the whole.")
      .def_readonly("scenario", &R::scenario)
      .def_readonly("mode", &R::mode)
      .def_readonly("sut_name", &R::sut_name)
      .def_property_readonly("valid", &R::valid,
                             "True if all phases ran to their end, the system under test kept its "
                             "contract, and the performance result, if there is one, is VALID.")
      .def_readonly("reasons", &R::reasons, "Why valid is false, in words; empty if it is true.")
      .def_readonly("cautions", &R::cautions,
                    "Sentences that a reader must know before trusting the numbers, each with the "
                    "fix. They do not make the result INVALID.")
      .def_readonly("performance", &R::performance,
                    "The performance result; None if no query was timed.")
      .def_readonly("peak", &R::peak, "The outcome of FindPeakPerformance; None in other modes.")
      .def_property_readonly(
          "offline_probe",
          [](const R& self) -> py::object {
            if (self.offline_probe.sample_count == 0) return py::none();
            return py::cast(self.offline_probe);
          },
          "The outcome of the probe (offline_probe_duration_ms); None without a "
          "probe.")
      .def_readonly("aborted", &R::aborted,
                    "Whether AbortTest, an interrupt or an exception of a callback ended the test.")
      .def_readonly("stalled", &R::stalled,
                    "Whether the test ended because the system under test stopped answering "
                    "(stall_timeout_ms).")
      .def_readonly("accuracy_sample_count", &R::accuracy_sample_count,
                    "Number of responses in the accuracy log.")
      .def_readonly("error_count", &R::error_count, "Number of error records in the detail log.")
      .def_readonly("warning_count", &R::warning_count)
      .def_readonly("errors", &R::errors, "Texts of the first few errors.")
      .def_readonly("warnings", &R::warnings, "Texts of the first few warnings.")
      .def_readonly("logs", &R::logs)
      .def_readonly("log_failure", &R::log_failure,
                    "What could not be written to the logs; empty: they are complete.")
      .def_property_readonly(
          "samples", [](const R& self) { return Hook("read_samples")(Path(self.logs.samples)); },
          "Every sample as a NumPy structured array, mapped from the sample log.")
      .def("to_dict", ResultAsDict, "The whole result as dicts, lists and numbers.")
      .def("__str__", [](const py::object& self) { return Hook("describe")(self); })
      .def("__repr__", [](const R& self) {
        return "<TestResult " + py::str(py::cast(self.scenario)).cast<std::string>() + " " +
               (self.valid() ? "VALID" : "INVALID") + ">";
      });
}

}  // namespace

void BindResultsOnce(py::module_& module) {
  static bool bound = false;
  if (std::exchange(bound, true)) return;
  BindStatistics(module);
  BindPerformance(module);
  BindTestResult(module);
  BindPickling(module);
}

void BindResultsLater(py::module_& module) {
  module.def(
      "__getattr__",
      [](const py::str& name) -> py::object {
        py::module_ self = py::module_::import("mlperf_loadgen._core");
        BindResultsOnce(self);
        const py::dict members = self.attr("__dict__");
        if (members.contains(name)) return members[name];
        throw py::attribute_error("module 'mlperf_loadgen._core' has no attribute '" +
                                  name.cast<std::string>() + "'");
      },
      "Adds the result types on first use.");
}

}  // namespace mlperf::python
