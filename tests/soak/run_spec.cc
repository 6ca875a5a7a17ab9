#include "run_spec.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <variant>

#include "dice.h"
#include "plan/run_plan.h"
#include "settings/settings_table.h"

namespace mlperf::soak {
namespace {

constexpr uint64_t kLongLatencyNs = 10'000'000'000;
constexpr double kPercentiles[] = {0.5, 0.9, 0.99};
constexpr double kLogProbabilities[] = {0, 0.3, 1};
constexpr Pacing kPacings[] = {Pacing::Auto, Pacing::Sleep, Pacing::Spin};

template <typename T, size_t kCount>
T OneOf(const T (&values)[kCount], Dice* dice) {
  return values[dice->Below(kCount)];
}

void DrawModes(Dice* dice, TestSettings* settings) {
  constexpr TestScenario kScenarios[] = {TestScenario::SingleStream, TestScenario::MultiStream,
                                         TestScenario::Server, TestScenario::Offline};
  constexpr TestMode kModes[] = {TestMode::PerformanceOnly, TestMode::AccuracyOnly,
                                 TestMode::SubmissionRun};
  settings->scenario = OneOf(kScenarios, dice);
  settings->mode = OneOf(kModes, dice);
  settings->use_token_latencies = dice->Chance(0.3);
}

// Rates are so high, and bounds so wide, that runs are short and a good system passes.
void DrawTraffic(const SpecLimits& limits, Dice* dice, TestSettings* settings) {
  settings->min_query_count = dice->From(1, limits.queries);
  settings->min_duration_ms = dice->Chance(0.2) ? dice->From(1, 3) : 0;
  if (settings->min_duration_ms > 0 || dice->Chance(0.2)) {
    settings->max_query_count = dice->From(1, 2 * limits.queries);
  }
  settings->multi_stream_samples_per_query = dice->From(1, 9);
  settings->server_target_qps = std::pow(10, 3.7 + 2.3 * dice->Unit());
  settings->server_target_latency_ns = kLongLatencyNs;
  settings->server_ttft_latency = kLongLatencyNs;
  settings->server_tpot_latency = kLongLatencyNs;
  settings->server_coalesce_queries = dice->Chance(0.3);
  settings->server_max_async_queries = dice->Chance(0.1) ? dice->From(1, 50) : 0;
  settings->server_pacing = OneOf(kPacings, dice);
  settings->offline_expected_qps = 1000;
  settings->single_stream_target_latency_percentile = OneOf(kPercentiles, dice);
  settings->multi_stream_target_latency_percentile = OneOf(kPercentiles, dice);
  settings->server_target_latency_percentile = OneOf(kPercentiles, dice);
}

void DrawSelection(Dice* dice, TestSettings* settings) {
  settings->qsl_rng_seed = dice->Next();
  settings->sample_index_rng_seed = dice->Next();
  settings->schedule_rng_seed = dice->Next();
  settings->accuracy_log_rng_seed = dice->Next();
  settings->accuracy_log_probability = OneOf(kLogProbabilities, dice);
  settings->performance_issue_unique = dice->Chance(0.1);
  settings->performance_issue_same = dice->Chance(0.1);
  settings->sample_concatenate_permutation = dice->Chance(0.1);
}

void DrawAnswering(const SpecLimits& limits, Dice* dice, RunSpec* spec) {
  spec->worker_count = dice->From(1, limits.threads);
  spec->largest_batch = dice->Chance(0.5) ? dice->From(1, 4) : dice->From(1, 64);
  const double share = dice->Unit();
  spec->answered_in_callback = share < 0.2 ? 0 : share > 0.8 ? 1 : share;
  spec->largest_response = dice->Chance(0.2) ? 0 : dice->From(1, 3000);
  const TestScenario scenario = spec->settings.scenario;
  const bool waits_for_answers =
      scenario == TestScenario::SingleStream || scenario == TestScenario::MultiStream;
  spec->holds_until_flush = !waits_for_answers && dice->Chance(0.2);
  if (dice->Chance(0.1)) {
    // Threads cost more than samples.
    spec->answerers = Answerers::kThreadEachBatch;
    spec->settings.min_query_count = std::min<uint64_t>(spec->settings.min_query_count, 30);
    spec->settings.max_query_count = 40;
  }
}

// A few kinds a run, so that each is also seen without the others.
void DrawBrokenPromises(Dice* dice, FaultRates* faults) {
  double* const kKinds[] = {&faults->duplicate,          &faults->racing_duplicate,
                            &faults->unknown_id,         &faults->foreign_id,
                            &faults->guessed_id,         &faults->null_data,
                            &faults->double_first_token, &faults->missing_first_token,
                            &faults->late_first_token,   &faults->bad_token_count};
  for (double* rate : kKinds) {
    if (dice->Chance(0.3)) *rate = dice->Chance(0.2) ? 0.5 : 0.05;
  }
}

// Which call throws. Names are asked for once.
uint64_t DrawCall(Thrower thrower, Dice* dice) {
  if (thrower == Thrower::kSutName || thrower == Thrower::kLibraryName) return 0;
  return dice->Below(thrower == Thrower::kIssue ? 40 : 2);
}

// One reason why a run ends before its time. Calls are chosen early: most runs are short.
void DrawEnding(Dice* dice, RunSpec* spec) {
  constexpr Thrower kThrowers[] = {Thrower::kSutName,     Thrower::kIssue, Thrower::kFlush,
                                   Thrower::kLibraryName, Thrower::kLoad,  Thrower::kUnload};
  constexpr Aborter kAborters[] = {Aborter::kIssue, Aborter::kLoad, Aborter::kWorker,
                                   Aborter::kOtherThread};
  switch (dice->Below(4)) {
    case 0:
      spec->faults.drop = dice->Chance(0.2) ? 0.5 : 0.02;
      spec->settings.stall_timeout_ms = dice->From(20, 50);
      return;
    case 1:
      spec->thrower = OneOf(kThrowers, dice);
      spec->throw_at = DrawCall(spec->thrower, dice);
      return;
    case 2:
      spec->aborter = OneOf(kAborters, dice);
      spec->abort_at = spec->aborter == Aborter::kLoad ? dice->Below(2) : dice->Below(40);
      return;
    default:
      spec->faults.callback_throws = dice->Chance(0.2) ? 0.5 : 0.02;
      return;
  }
}

// Each draw sets what any scenario and mode may use. A warning for each setting that this run has
// no use for would hide what a soak prints.
void ResetUnused(TestSettings* settings) {
  TestSettings defaults;
  defaults.scenario = settings->scenario;
  defaults.mode = settings->mode;
  defaults.use_token_latencies = settings->use_token_latencies;
  for (const loadgen::Setting& setting : loadgen::AllSettings()) {
    std::visit(
        [&](auto member) {
          TestSettings alone = defaults;
          alone.*member = settings->*member;
          if (!loadgen::UnusedSettings(alone).empty()) settings->*member = defaults.*member;
        },
        setting.member);
  }
}

}  // namespace

RunSpec DrawRunSpec(uint64_t seed, const SpecLimits& limits) {
  Dice dice(seed);
  RunSpec spec;
  spec.seed = seed;
  DrawModes(&dice, &spec.settings);
  DrawTraffic(limits, &dice, &spec.settings);
  DrawSelection(&dice, &spec.settings);
  spec.settings.stall_timeout_ms = dice.Chance(0.5) ? 0 : 60000;
  spec.trace = dice.Chance(0.5);
  spec.library_total_count = dice.From(1, 60);
  spec.library_performance_count = dice.From(1, spec.library_total_count);
  DrawAnswering(limits, &dice, &spec);
  spec.faults.changed_response = dice.Chance(0.3) ? 0.3 : 0;
  spec.slow_callbacks = dice.Chance(0.05);
  bool ends_early = false;
  if (limits.faults && dice.Chance(0.8)) {
    DrawBrokenPromises(&dice, &spec.faults);
    spec.completes_after_run = dice.Chance(0.2);
    ends_early = dice.Chance(0.4);
    if (ends_early) DrawEnding(&dice, &spec);
    if (dice.Chance(0.1)) spec.nester = dice.Chance(0.5) ? Nester::kIssue : Nester::kWorker;
  }
  // Lent threads are given back by the end of a test, so there must be one.
  if (spec.settings.scenario == TestScenario::Server && !ends_early && dice.Chance(0.2)) {
    spec.settings.server_num_issue_query_threads = dice.From(1, 3);
  }
  ResetUnused(&spec.settings);
  return spec;
}

std::string Describe(const RunSpec& spec) {
  std::ostringstream text;
  const TestSettings& settings = spec.settings;
  text << "seed " << spec.seed << ": " << loadgen::ToString(settings.scenario) << " "
       << loadgen::ToString(settings.mode) << ", min_query_count " << settings.min_query_count
       << ", max_query_count " << settings.max_query_count << ", min_duration_ms "
       << settings.min_duration_ms << ", tokens " << settings.use_token_latencies << ", coalesce "
       << settings.server_coalesce_queries << ", lent threads "
       << settings.server_num_issue_query_threads << ", max async "
       << settings.server_max_async_queries << ", log probability "
       << settings.accuracy_log_probability << ", stall_timeout_ms " << settings.stall_timeout_ms
       << ", unique/same/permutation " << settings.performance_issue_unique
       << settings.performance_issue_same << settings.sample_concatenate_permutation << ", trace "
       << spec.trace << ", library " << spec.library_total_count << "/"
       << spec.library_performance_count << ", workers " << spec.worker_count << " (a thread each "
       << (spec.answerers == Answerers::kThreadEachBatch) << "), batch " << spec.largest_batch
       << ", in callback " << spec.answered_in_callback << ", holds " << spec.holds_until_flush
       << ", thrower " << static_cast<int>(spec.thrower) << " at " << spec.throw_at << ", aborter "
       << static_cast<int>(spec.aborter) << " at " << spec.abort_at << ", nester "
       << static_cast<int>(spec.nester) << ", drop " << spec.faults.drop << ", guesses "
       << spec.faults.guessed_id << ", callback throws " << spec.faults.callback_throws;
  return text.str();
}

}  // namespace mlperf::soak
