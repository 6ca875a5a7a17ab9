// Goal: what a peak search promises, measured: how often its interval covers the long-run truth,
// how far its estimate is off, and what it costs. Method: complete searches against simulated
// systems under test, whose truth comes from long simulations with other seeds. Prints a Markdown
// table.
//
//   peak_coverage [SEARCHES_A_ROW [FIRST_SEED]]   (150: 2,850 searches)
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "helpers/simulated_systems.h"

namespace {

using namespace mlperf::loadgen;
using namespace mlperf::loadgen::simulated;

struct Case {
  System system;
  double min_duration_s;
  double low_qps, high_qps;  // The truth lies between; 0: there is none.
};

std::vector<Case> Cases() {
  const System md1_10 = MD1("M/D/1, 10 ms", 0.010), md1_5 = MD1("M/D/1, 5 ms", 0.005);
  // Those below were not looked at while the constants of the search were chosen.
  const System four =
      Workers("M/M/4", 0.010, 4, [](Dice* dice) { return dice->Exponential(0.002); });
  const System two_kinds = Workers("two kinds of query", 0.020, 1, [](Dice* dice) {
    return dice->Exponential(dice->Uniform() < 0.1 ? 0.0025 : 0.0003);
  });
  return {{md1_10, 1, 1700, 1850},
          {md1_10, 10, 1700, 1850},
          {md1_10, 60, 1700, 1850},
          {md1_5, 1, 1500, 1600},
          {md1_5, 10, 1500, 1600},
          {MM1(), 10, 1480, 1600},
          {MM1(), 60, 1480, 1600},
          {TwoWorkers(), 10, 1600, 1800},
          {TwoWorkers(), 60, 1600, 1800},
          {Batching(), 10, 1000, 1400},
          {Cliff(), 10, 0, 0},
          {Noisy(), 10, 1700, 1850},
          {Pausing(), 60, 1700, 2400},
          {MD1("M/D/1, 20 ms", 0.020), 10, 1800, 1990},
          {MD1("M/D/1, 20 ms", 0.020), 60, 1800, 1990},
          {four, 20, 300, 1700},
          {two_kinds, 20, 500, 2000},
          {NeverFails(), 10, 0, 0},
          {NeverPasses(), 10, 0, 0}};
}

double Truth(const Case& c) {
  if (c.system.name == "cliff") return 1000;
  if (c.low_qps == 0) return 0;
  const bool drifts = c.system.name == "noisy";
  return TrueRate(c.system, 0.01, c.low_qps, c.high_qps, drifts ? 400 : 4, drifts ? 25e3 : 2.5e6);
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

void Report(const Case& c, double truth, size_t searches, uint64_t first_seed) {
  PeakFinderOptions options;
  options.constraints = {{c.system.bound_s, 0.01}};
  options.min_duration_s = c.min_duration_s;
  options.max_qps = 20000;
  std::vector<double> errors, widths, loads, trials;
  size_t covered = 0, ended = 0, valid = 0;
  for (size_t i = 0; i < searches; ++i) {
    // From some 100 times too low to some times too high.
    options.start_qps =
        c.system.start_qps * std::pow(10, -0.75 + 3 * static_cast<double>(i % 7) / 7);
    const SearchRun run = RunSearch(c.system, options, first_seed + i);
    const PeakAnswer& answer = run.answer;
    ended += answer.end != PeakEnd::BudgetUsed;
    loads.push_back(run.wall_s / c.min_duration_s);
    trials.push_back(static_cast<double>(run.trials));
    valid += answer.valid_qps.has_value();
    if (truth == 0) continue;
    covered += answer.low_qps <= truth && truth <= answer.high_qps;
    errors.push_back(std::abs(answer.rate_qps / truth - 1));
    widths.push_back((answer.high_qps - answer.low_qps) / (2 * truth));
  }
  const double percent = 100 / static_cast<double>(searches);
  std::printf(
      "| %s | %.0f s | %.1f | %.2f %% | %.1f %% | %.2f %% | %.0f %% | %.1f | %.1f | %.0f | %.0f %% "
      "|\n",
      c.system.name.c_str(), c.min_duration_s, truth, 100 * Median(errors),
      percent * static_cast<double>(covered), 100 * Median(widths),
      percent * static_cast<double>(ended), Median(loads),
      *std::max_element(loads.begin(), loads.end()), Median(trials),
      percent * static_cast<double>(valid));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const size_t searches = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 150;
  const uint64_t first_seed = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1;
  std::printf(
      "| system | d | truth, 1/s | median error | coverage | half interval | ended before the "
      "budget did | load, d | at most | trials | confirmed |\n"
      "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
  std::string name;
  double truth = 0;
  for (const Case& c : Cases()) {
    if (c.system.name != name) truth = Truth(c);
    name = c.system.name;
    Report(c, truth, searches, first_seed);
  }
}
