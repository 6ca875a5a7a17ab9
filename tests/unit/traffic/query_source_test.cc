// Goal: the queries of every scenario, phase and mode are the reference's, read in blocks of any
// size, and their totals are known without reading them. Method: lists, schedules and counts
// measured on the reference; a model that makes the whole list at once, step by step, compared
// over a grid of settings; rates and counts far beyond use.
#include "traffic/query_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "helpers/traffic_plan.h"
#include "traffic/random.h"

namespace mlperf::loadgen {
namespace {

using Indices = std::vector<uint32_t>;
using Scenario = TestScenario;

// "1 5 7" as numbers.
template <typename T = uint32_t>
std::vector<T> Parse(const std::string& text) {
  std::istringstream stream(text);
  std::vector<T> values;
  for (T value; stream >> value;) values.push_back(value);
  return values;
}

struct QueryList {
  Indices samples;
  std::vector<int64_t> due_ns;
};

// Up to `max_queries` queries, read in blocks.
QueryList Read(QuerySource* source, uint64_t max_queries, uint64_t block_size = 7) {
  QueryList list;
  QueryBlock block;
  while (list.due_ns.size() < max_queries) {
    source->Next(std::min(block_size, max_queries - list.due_ns.size()), &block);
    EXPECT_EQ(block.scheduled_delta_ns.size(), block.query_count);
    EXPECT_EQ(block.sample_indices.size(), block.query_count * source->samples_per_query());
    if (block.query_count == 0) break;
    list.samples.insert(list.samples.end(), block.sample_indices.begin(),
                        block.sample_indices.end());
    list.due_ns.insert(list.due_ns.end(), block.scheduled_delta_ns.begin(),
                       block.scheduled_delta_ns.end());
  }
  return list;
}

// The first sample of each query.
Indices Firsts(const QueryList& list) {
  const size_t stride = list.due_ns.empty() ? 1 : list.samples.size() / list.due_ns.size();
  Indices firsts;
  for (size_t i = 0; i < list.samples.size(); i += stride) firsts.push_back(list.samples[i]);
  return firsts;
}

LoadableSet PerformanceSet(const RunPlan& plan) {
  return MakeLoadableSets(plan, Phase::kPerformance).at(0);
}

void ExpectTotals(const GeneratedTotals& totals, uint64_t queries, uint64_t samples_per_query,
                  int64_t duration_ns, const std::string& what) {
  EXPECT_EQ(totals.query_count, queries) << what;
  EXPECT_EQ(totals.samples_per_query, samples_per_query) << what;
  EXPECT_EQ(totals.duration_ns, duration_ns) << what;
}

// ---- Issued samples, measured on the reference -------------------------------------------------

enum Mode { kDefault, kPermutation, kUnique };

struct IssuedCase {
  Scenario scenario;
  Seeds seeds;
  uint64_t total, performance, min_query_count;
  Mode mode;
  bool whole;  // The samples are all there are; else the first ones.
  std::string samples;
};

const std::vector<IssuedCase>& IssuedCases() {
  const auto SS = Scenario::SingleStream, Server = Scenario::Server, Offline = Scenario::Offline;
  const std::string kC1024 = "89 7 21 34 94 42 42 105 64 45 118 29 91 19 83 60 2 102 60 91";
  const std::string kC10Permuted = "7 2 1 0 5 6 3 4 8 9 7 8 1 2 4 0 5 9 3 6";
  const std::string kZ10Permuted = "0 8 4 2 9 6 3 7 1 5 5 6 3 0 8 4 9 2 1 7";
  static const std::vector<IssuedCase> cases = {
      {SS, kConfSeeds, 1024, 128, 100, kDefault, false, kC1024},
      {Server, kConfSeeds, 1024, 128, 100, kDefault, false, kC1024},
      {SS, kConfSeeds, 10, 10, 100, kDefault, false, "8 9 8 9 6 4 5 1 3 4 7 0 9 2 2 5 1 6 2 6"},
      {Server, kConfSeeds, 10, 10, 25, kDefault, false, "6 0 9 1 9 6 3 0 2 9 7 8 2 3 6 7 0 7 1 1"},
      {SS, kConfSeeds, 10, 10, 15, kPermutation, false, kC10Permuted},
      {Server, kConfSeeds, 10, 10, 15, kPermutation, true, kC10Permuted},
      {SS, kConfSeeds, 10, 10, 100, kUnique, true, "2 5 3 8 7 9 0 1 6 4"},
      {Offline, kConfSeeds, 10, 10, 25, kDefault, true,
       "1 5 7 6 0 8 3 2 9 4 1 5 7 6 0 8 3 2 9 4 1 5 7 6 0"},
      {Offline, kConfSeeds, 10, 10, 25, kPermutation, true,
       "1 9 7 5 2 6 0 4 3 8 6 5 7 2 9 1 0 3 4 8 4 6 1 7 0 5 8 3 9 2"},
      {SS, kConfSeeds, 100000, 70000, 50, kDefault, false,
       "58108 28945 41267 38824 11770 35738 69852 47518 7450 58985"},
      {SS, kZeroSeeds, 1024, 128, 100, kDefault, false,
       "83 64 95 110 60 121 114 85 63 32 114 18 18 79 102 50 103 37 77 106"},
      {SS, kZeroSeeds, 10, 10, 100, kDefault, false, "7 8 2 9 9 1 2 7 7 9 1 8 2 0 5 4 2 4 1 4"},
      {Server, kZeroSeeds, 10, 10, 25, kDefault, false, "7 6 8 9 8 5 3 6 0 5 0 4 0 5 6 3 7 2 6 6"},
      {SS, kZeroSeeds, 10, 10, 15, kPermutation, false, kZ10Permuted},
      {Server, kZeroSeeds, 10, 10, 15, kPermutation, true, kZ10Permuted},
      {SS, kZeroSeeds, 10, 10, 100, kUnique, true, "0 1 2 8 3 6 9 7 4 5"},
      {Offline, kZeroSeeds, 10, 10, 25, kPermutation, true,
       "3 8 4 0 2 1 9 5 6 7 2 9 3 5 6 7 8 1 0 4 0 3 7 4 1 6 8 9 2 5"},
  };
  return cases;
}

RunPlan PlanOf(const IssuedCase& c) {
  TestSettings settings = TrafficSettings(c.scenario, c.seeds, c.min_query_count);
  settings.sample_concatenate_permutation = c.mode == kPermutation;
  settings.performance_issue_unique = c.mode == kUnique;
  return MakeRunPlan(settings, c.total, c.performance);
}

TEST(QuerySourceTest, IssuedSamplesAreTheReferencesWhateverTheBlockSize) {
  for (const IssuedCase& c : IssuedCases()) {
    const RunPlan plan = PlanOf(c);
    const LoadableSet set = PerformanceSet(plan);
    const Indices expected = Parse(c.samples);
    for (uint64_t block_size : {1u, 7u, 4096u}) {
      QuerySource source(plan, Phase::kPerformance, set);
      Indices samples = Read(&source, c.whole ? 1000 : expected.size(), block_size).samples;
      EXPECT_EQ(samples, expected) << "block size " << block_size;
      if (c.whole) {
        EXPECT_TRUE(source.AtEnd()) << c.samples;
      }
    }
  }
}

TEST(QuerySourceTest, MultiStreamQueriesAreTheReferences) {
  struct Case {
    Seeds seeds;
    uint64_t total, performance, samples_per_query;
    std::string firsts;
  };
  const std::vector<Case> kCases = {
      {kConfSeeds, 10, 10, 4, "7 5 2 2 2 0 8 6 0 9 1 9 6 3 0 2 9 7 8 2"},
      {kConfSeeds, 1024, 128, 8, "6 30 13 75 0 39 84 21 15 25 62 82 44 82 80 42 98 57 120 62"},
      {kZeroSeeds, 10, 10, 4, "1 6 0 3 1 5 9 7 6 8 9 8 5 3 6 0 5 0 4 0"},
      {kZeroSeeds, 1024, 128, 8, "52 40 65 73 106 97 71 93 65 4 114 37 18 80 39 80 81 47 67 19"},
  };
  for (const Case& c : kCases) {
    TestSettings settings = TrafficSettings(Scenario::MultiStream, c.seeds, 20);
    settings.multi_stream_samples_per_query = c.samples_per_query;
    const RunPlan plan = MakeRunPlan(settings, c.total, c.performance);
    const LoadableSet set = PerformanceSet(plan);
    for (uint64_t block_size : {1u, 7u, 4096u}) {
      QuerySource source(plan, Phase::kPerformance, set);
      const QueryList list = Read(&source, 20, block_size);
      EXPECT_EQ(list.samples.size(), 20 * c.samples_per_query);
      EXPECT_EQ(Firsts(list), Parse(c.firsts));
    }
  }
}

TEST(QuerySourceTest, MultiStreamQueryHasItsNeighbours) {
  TestSettings settings = TrafficSettings(Scenario::MultiStream, kConfSeeds, 20);
  settings.multi_stream_samples_per_query = 8;
  const RunPlan plan = MakeRunPlan(settings, 1024, 128);
  const LoadableSet set = PerformanceSet(plan);
  QuerySource source(plan, Phase::kPerformance, set);
  EXPECT_EQ(Read(&source, 1).samples, Parse("6 0 32 109 106 29 81 13"));
}

TEST(QuerySourceTest, MultiStreamUniqueEndsAfterEachStartOnce) {
  for (const auto& [seeds, samples] : {std::pair{kConfSeeds, "1 5 7 6 9 4 1 5 0 8 3 2"},
                                       {kZeroSeeds, "6 3 0 2 9 8 4 7 0 2 1 5"}}) {
    for (bool permutation : {false, true}) {
      TestSettings settings = TrafficSettings(Scenario::MultiStream, seeds, 20);
      settings.multi_stream_samples_per_query = 4;
      settings.performance_issue_unique = true;
      settings.sample_concatenate_permutation = permutation;
      const RunPlan plan = MakeRunPlan(settings, 10, 10);
      const LoadableSet set = PerformanceSet(plan);
      QuerySource source(plan, Phase::kPerformance, set);
      EXPECT_EQ(Read(&source, 1000).samples, Parse(samples));
      EXPECT_TRUE(source.AtEnd());
    }
  }
}

// ---- Accuracy ----------------------------------------------------------------------------------

TEST(QuerySourceTest, AccuracySetsAreIssuedAsTheReferenceDoes) {
  struct Case {
    Scenario scenario;
    Seeds seeds;
    uint64_t performance;
    bool permutation;
    std::vector<std::string> sets;
    uint64_t samples_per_query;  // 0: the size of the set.
  };
  const std::vector<Case> kCases = {
      {Scenario::SingleStream, kConfSeeds, 4, false, {"1 5 7 6", "0 8 3 2", "9 4"}, 1},
      {Scenario::Server, kConfSeeds, 4, false, {"1 5 7 6", "0 8 3 2", "9 4"}, 1},
      {Scenario::Offline, kConfSeeds, 4, false, {"1 5 7 6", "0 8 3 2", "9 4"}, 0},
      {Scenario::Offline, kConfSeeds, 4, true, {"5 7 1 6", "8 3 0 2", "4 9"}, 0},
      {Scenario::MultiStream, kConfSeeds, 5, false, {"1 5 7 6 0 1 5 7", "8 3 2 9 4 8 3 2"}, 4},
      {Scenario::SingleStream, kZeroSeeds, 4, false, {"0 1 2 5", "9 4 8 7", "6 3"}, 1},
      {Scenario::Offline, kZeroSeeds, 4, true, {"0 2 5 1", "9 8 7 4", "6 3"}, 0},
      {Scenario::MultiStream, kZeroSeeds, 5, false, {"0 2 1 5 9 0 2 1", "8 4 7 6 3 8 4 7"}, 4},
  };
  for (const Case& c : kCases) {
    TestSettings settings = TrafficSettings(c.scenario, c.seeds);
    settings.mode = TestMode::AccuracyOnly;
    settings.min_duration_ms = 10000;  // Means nothing here.
    settings.multi_stream_samples_per_query = 4;
    settings.sample_concatenate_permutation = c.permutation;
    const RunPlan plan = MakeRunPlan(settings, 10, c.performance);
    const std::vector<LoadableSet> sets = MakeLoadableSets(plan, Phase::kAccuracy);
    ASSERT_EQ(sets.size(), c.sets.size());
    for (size_t i = 0; i < sets.size(); ++i) {
      QuerySource source(plan, Phase::kAccuracy, sets[i]);
      const Indices expected = Parse(c.sets[i]);
      const uint64_t samples_per_query =
          c.samples_per_query == 0 ? expected.size() : c.samples_per_query;
      EXPECT_EQ(source.samples_per_query(), samples_per_query);
      EXPECT_EQ(Read(&source, 1000).samples, expected) << "set " << i;
      EXPECT_TRUE(source.AtEnd());
      EXPECT_EQ(source.Totals().query_count, expected.size() / samples_per_query);
    }
  }
}

// ---- Schedules and counts ----------------------------------------------------------------------

TEST(QuerySourceTest, ServerSchedulesAreTheReferences) {
  const std::string kConf =
      "0 1843654 2301577 3587439 4300433 4686839 6935180 8026759 8128505 9589851 9911224 11454687 "
      "11822203 12159423 12317285 12527105 13993468 15006522 15740767 16045086 20066160";
  const std::string kZero =
      "0 898560 2758164 4709709 6588673 7565679 8050807 8403966 8462350 8780706 9430152 11102363 "
      "11756245 12255117 14063486 14475063 15519675 15978923 19129092 19280322 21321214";
  for (const auto& [seeds, due_ns] : {std::pair{kConfSeeds, kConf}, {kZeroSeeds, kZero}}) {
    for (uint64_t block_size : {1u, 7u, 4096u}) {
      const RunPlan plan = MakeRunPlan(TrafficSettings(Scenario::Server, seeds), 1024, 128);
      const LoadableSet set = PerformanceSet(plan);
      QuerySource source(plan, Phase::kPerformance, set);
      EXPECT_EQ(Read(&source, 21, block_size).due_ns, Parse<int64_t>(due_ns));
    }
  }
}

struct CountCase {
  std::string name;
  TestSettings settings;
  uint64_t performance;
  uint64_t query_count;
  uint64_t samples_per_query;
  int64_t duration_ns;
};

std::vector<CountCase> CountCases() {
  const auto settings = [](Scenario scenario, uint64_t min_query_count, uint64_t min_duration_ms,
                           bool permutation) {
    TestSettings s = TrafficSettings(scenario, kConfSeeds, min_query_count);
    s.min_duration_ms = min_duration_ms;
    s.sample_concatenate_permutation = permutation;
    return s;
  };
  TestSettings unique = settings(Scenario::Server, 200, 300, false);
  unique.performance_issue_unique = true;
  TestSettings same = settings(Scenario::Server, 20, 30, false);
  same.performance_issue_same = true;
  TestSettings fast = settings(Scenario::SingleStream, 100, 50, false);
  fast.single_stream_expected_latency_ns = 300000;
  return {
      {"Server", settings(Scenario::Server, 200, 300, false), 128, 298, 1, 304847390},
      {"Server permutation", settings(Scenario::Server, 200, 300, true), 128, 384, 1, 402877321},
      {"Server unique", unique, 128, 128, 1, 130598662},
      {"Server same", same, 128, 34, 1, 30274375},
      {"SingleStream permutation", settings(Scenario::SingleStream, 100, 0, true), 128, 128, 1,
       128000000},
      {"SingleStream permutation, full set", settings(Scenario::SingleStream, 128, 0, true), 128,
       256, 1, 256000000},
      {"MultiStream permutation", settings(Scenario::MultiStream, 100, 0, true), 77, 168, 8,
       168000000},
      {"Offline permutation", settings(Scenario::Offline, 310, 0, true), 50, 1, 350, 1000000},
      {"SingleStream duration", fast, 128, 335, 1, 100500000},
  };
}

TEST(QuerySourceTest, TotalsAreTheReferencesBeforeWhileAndAfterReading) {
  for (const CountCase& c : CountCases()) {
    const RunPlan plan = MakeRunPlan(c.settings, 1024, c.performance);
    const LoadableSet set = PerformanceSet(plan);
    QuerySource source(plan, Phase::kPerformance, set);
    for (uint64_t read : {0u, 1u, 100u, 1000u}) {
      Read(&source, read);
      ExpectTotals(source.Totals(), c.query_count, c.samples_per_query, c.duration_ns,
                   c.name + " after " + std::to_string(read));
    }
  }
}

TEST(QuerySourceTest, OpenLoopListHasAsManyQueriesAsItsTotals) {
  for (const CountCase& c : CountCases()) {
    if (c.settings.scenario != Scenario::Server) continue;
    const RunPlan plan = MakeRunPlan(c.settings, 1024, c.performance);
    const LoadableSet set = PerformanceSet(plan);
    QuerySource source(plan, Phase::kPerformance, set);
    const QueryList list = Read(&source, 100000);
    EXPECT_EQ(list.due_ns.size(), c.query_count) << c.name;
    EXPECT_LT(list.due_ns.back(), c.duration_ns) << c.name;
    EXPECT_TRUE(source.AtEnd()) << c.name;
  }
}

// ---- The whole list at once --------------------------------------------------------------------

// What the reference does before a run, step by step, with every list kept.
class Model {
 public:
  Model(const RunPlan& plan, Phase phase, const LoadableSet& set)
      : plan_(plan),
        set_(set),
        accuracy_(phase == Phase::kAccuracy),
        a_(plan.sample_index_rng_seed),
        b_(plan.schedule_rng_seed),
        samples_per_query_(accuracy_ && offline() ? set.unpadded_size : plan.samples_per_query) {
    const bool once = accuracy_ || plan.performance_issue_unique;
    const uint64_t loaded = set.samples.size();
    uint64_t min_queries = once ? loaded / samples_per_query_ : plan.min_query_count;
    int64_t until_ns = static_cast<int64_t>(plan.target_duration_ms) * 1000000;
    if (plan.scenario != Scenario::Server) until_ns *= 2;
    if (once) until_ns = 0;
    MakeLists(min_queries);
    const bool permute = plan.sample_concatenate_permutation && !accuracy_;
    uint64_t& padded = offline() ? samples_per_query_ : min_queries;
    while (permute && padded % loaded != 0) ++padded;

    int64_t last_ns = 0;
    while (last_ns < until_ns || due_ns.size() < min_queries) {
      ChooseSamples();
      due_ns.push_back(end_ns);
      last_ns = end_ns;
      end_ns += StepNs();
      if (permute && !offline() && due_ns.size() >= min_queries && last_ns < until_ns) {
        min_queries += loaded;
      }
    }
  }

  Indices samples;
  std::vector<int64_t> due_ns;
  int64_t end_ns = 0;
  uint64_t samples_per_query() const { return samples_per_query_; }

 private:
  bool offline() const { return plan_.scenario == Scenario::Offline; }
  bool multi_stream() const { return plan_.scenario == Scenario::MultiStream; }

  int64_t StepNs() {
    if (plan_.scenario == Scenario::Server) return b_.ExponentialNs(plan_.target_qps);
    return static_cast<int64_t>(1e9 * (1 / plan_.target_qps));
  }

  Indices ShuffledStarts() {
    Indices starts;
    const uint64_t stride = multi_stream() ? samples_per_query_ : 1;
    for (uint64_t i = 0; i < set_.unpadded_size; i += stride) {
      starts.push_back(static_cast<uint32_t>(i));
    }
    Shuffle(&starts, &a_);
    return starts;
  }

  void MakeLists(uint64_t min_queries) {
    if (accuracy_) in_order_ = ShuffledStarts();
    unique_ = ShuffledStarts();
    Indices base(set_.samples.size());
    std::iota(base.begin(), base.end(), 0u);
    for (uint64_t j = 0; j < min_queries; j += base.size()) {
      Shuffle(&base, &a_);
      equal_.insert(equal_.end(), base.begin(), base.end());
    }
  }

  void ChooseSamples() {
    if (offline()) return ChooseWholeSet();
    const size_t query = due_ns.size();
    uint32_t start = 0;
    if (plan_.performance_issue_unique) {
      start = unique_.at(query);
    } else if (plan_.performance_issue_same) {
      start = static_cast<uint32_t>(plan_.performance_issue_same_index);
    } else if (plan_.sample_concatenate_permutation && !multi_stream()) {
      start = equal_.at(query % equal_.size());
    } else if (accuracy_) {
      start = in_order_.at(query);
    } else {
      start = a_.Below(static_cast<uint32_t>(set_.unpadded_size));
    }
    for (uint64_t i = 0; i < samples_per_query_; ++i) {
      samples.push_back(static_cast<uint32_t>(set_.samples.at(start + i)));
    }
  }

  void ChooseWholeSet() {
    const Indices loaded(set_.samples.begin(), set_.samples.end());
    if (plan_.performance_issue_same) {
      samples.assign(samples_per_query_, loaded.at(plan_.performance_issue_same_index));
      return;
    }
    for (uint64_t copy = 0; copy < samples_per_query_ / loaded.size(); ++copy) {
      Indices copied = loaded;
      if (plan_.sample_concatenate_permutation) Shuffle(&copied, &a_);
      samples.insert(samples.end(), copied.begin(), copied.end());
    }
    for (uint64_t i = 0; samples.size() < samples_per_query_; ++i) samples.push_back(loaded[i]);
  }

  const RunPlan& plan_;
  const LoadableSet& set_;
  bool accuracy_;
  RandomEngine a_, b_;
  uint64_t samples_per_query_;
  Indices in_order_, unique_, equal_;
};

std::string Describe(const RunPlan& plan, Phase phase) {
  std::ostringstream text;
  text << "scenario " << static_cast<int>(plan.scenario) << ", phase " << static_cast<int>(phase)
       << ", " << plan.performance_sample_count << " samples, min_query_count "
       << plan.min_query_count << ", " << plan.target_duration_ms << " ms, unique "
       << plan.performance_issue_unique << ", same " << plan.performance_issue_same
       << ", permutation " << plan.sample_concatenate_permutation;
  return text.str();
}

void CompareWithModel(const RunPlan& plan, Phase phase, const LoadableSet& set) {
  SCOPED_TRACE(Describe(plan, phase));
  const Model model(plan, phase, set);
  QuerySource source(plan, phase, set);
  const uint64_t count = model.due_ns.size();
  EXPECT_EQ(source.samples_per_query(), model.samples_per_query());
  ExpectTotals(source.Totals(), count, model.samples_per_query(), model.end_ns, "before");
  const QueryList list = Read(&source, count);
  ASSERT_EQ(list.samples, model.samples);
  if (plan.scenario == Scenario::Server) {
    ASSERT_EQ(list.due_ns, model.due_ns);
  }
  const bool goes_on = phase == Phase::kPerformance && !plan.performance_issue_unique &&
                       plan.shape == LoopShape::kClosedLoop;
  const QueryList rest = Read(&source, 1000);
  EXPECT_EQ(rest.due_ns.size(), goes_on ? 1000u : 0u);
  EXPECT_EQ(source.AtEnd(), !goes_on);
  for (uint32_t sample : rest.samples) ASSERT_LT(sample, plan.library_total_count);
  ExpectTotals(source.Totals(), count, model.samples_per_query(), model.end_ns, "after");
}

void CompareFlags(TestSettings settings) {
  settings.mode = TestMode::SubmissionRun;
  for (int flags = 0; flags < 8; ++flags) {
    settings.performance_issue_unique = (flags & 1) != 0;
    settings.performance_issue_same = (flags & 2) != 0;
    settings.sample_concatenate_permutation = (flags & 4) != 0;
    const RunPlan plan = MakeRunPlan(settings, 23, 9);
    // The reference runs out of unique starts here.
    const bool beyond = settings.scenario == Scenario::MultiStream &&
                        settings.performance_issue_unique &&
                        settings.sample_concatenate_permutation;
    if (!beyond) CompareWithModel(plan, Phase::kPerformance, PerformanceSet(plan));
    for (const LoadableSet& set : MakeLoadableSets(plan, Phase::kAccuracy)) {
      CompareWithModel(plan, Phase::kAccuracy, set);
    }
  }
}

TEST(QuerySourceTest, AgreesWithTheModel) {
  for (Scenario scenario :
       {Scenario::SingleStream, Scenario::MultiStream, Scenario::Server, Scenario::Offline}) {
    for (const Seeds& seeds : {kConfSeeds, kZeroSeeds, Seeds{1, 2, 3}}) {
      for (uint64_t min_query_count : {1u, 8u, 9u, 10u, 31u}) {
        for (uint64_t min_duration_ms : {0u, 1u, 17u}) {
          TestSettings settings = TrafficSettings(scenario, seeds, min_query_count);
          settings.min_duration_ms = min_duration_ms;
          settings.multi_stream_samples_per_query = 4;
          settings.single_stream_expected_latency_ns = 700000.5;
          settings.performance_issue_same_index = 4;
          CompareFlags(settings);
        }
      }
    }
  }
}

// ---- Far beyond use ----------------------------------------------------------------------------

TEST(QuerySourceTest, AbsurdRatesStayInOrderAndInRange) {
  constexpr int64_t kFarFutureNs = int64_t{1} << 61;
  for (double qps : {1e-300, 1e-9, 1e9}) {
    TestSettings settings = TrafficSettings(Scenario::Server, kConfSeeds, 1000);
    settings.server_target_qps = qps;
    settings.max_duration_ms = 1000;  // Or no test could end.
    const RunPlan plan = MakeRunPlan(settings, 1024, 128);
    const LoadableSet set = PerformanceSet(plan);
    QuerySource source(plan, Phase::kPerformance, set);
    const GeneratedTotals totals = source.Totals();
    const QueryList list = Read(&source, 2000);
    ASSERT_EQ(list.due_ns.size(), 1000u) << qps;
    EXPECT_TRUE(std::is_sorted(list.due_ns.begin(), list.due_ns.end())) << qps;
    EXPECT_EQ(list.due_ns.front(), 0) << qps;
    EXPECT_LE(list.due_ns.back(), totals.duration_ns) << qps;
    EXPECT_LE(totals.duration_ns, kFarFutureNs) << qps;
  }
}

TEST(QuerySourceTest, ClosedLoopsAreCountedByAPeriodTruncatedToNs) {
  const std::vector<std::pair<double, int64_t>> kPeriodsOfRates = {
      {1000, 1000000},   {1e9 / 300000, 300000},
      {3, 333333333},    {7, 142857142},
      {0.5, 2000000000}, {1e9, 1},
      {2e9, 0},          {0, 0},
      {-1, 0},           {1e-12, int64_t{1} << 61},
  };
  RunPlan plan = MakeRunPlan(TrafficSettings(Scenario::SingleStream, kConfSeeds, 1), 1024, 128);
  const LoadableSet set = PerformanceSet(plan);
  for (const auto& [rate_per_s, period_ns] : kPeriodsOfRates) {
    plan.target_qps = rate_per_s;
    EXPECT_EQ(QuerySource(plan, Phase::kPerformance, set).Totals().duration_ns, period_ns)
        << rate_per_s;
  }
}

TEST(QuerySourceTest, ClosedLoopOfAYearIsCountedWithoutBeingMade) {
  constexpr uint64_t kYearMs = uint64_t{365} * 24 * 3600 * 1000;
  TestSettings settings = TrafficSettings(Scenario::MultiStream, kConfSeeds, 1);
  settings.min_duration_ms = kYearMs;
  settings.multi_stream_expected_latency_ns = 1000;
  const RunPlan plan = MakeRunPlan(settings, 1024, 128);
  const LoadableSet set = PerformanceSet(plan);
  QuerySource source(plan, Phase::kPerformance, set);
  EXPECT_EQ(Read(&source, 10).due_ns.size(), 10u);
  // Two years of queries, 1 us apart, and the one that is due after them.
  EXPECT_EQ(source.Totals().query_count, 2 * kYearMs * 1000 + 1);
}

TEST(QuerySourceTest, BlocksOfALongRunStaySmall) {
  TestSettings settings = TrafficSettings(Scenario::Server, kConfSeeds, 3'000'000);
  settings.sample_concatenate_permutation = true;
  const RunPlan plan = MakeRunPlan(settings, 3, 3);
  const LoadableSet set = PerformanceSet(plan);
  QuerySource source(plan, Phase::kPerformance, set);
  QueryBlock block;
  uint64_t queries = 0;
  do {
    source.Next(4096, &block);
    queries += block.query_count;
  } while (block.query_count > 0);
  EXPECT_EQ(queries, 3'000'000u);
  EXPECT_LE(block.sample_indices.capacity(), 8192u);
  EXPECT_LE(block.scheduled_delta_ns.capacity(), 8192u);
}

}  // namespace
}  // namespace mlperf::loadgen
