// The search for the highest load that passes. Knows nothing of systems under test: it is given a
// function from a load to a trial that passed or not.
#ifndef MLPERF_LOADGEN_SEARCH_BISECTION_H_
#define MLPERF_LOADGEN_SEARCH_BISECTION_H_

#include <functional>
#include <string>
#include <string_view>

#include "test_result.h"

namespace mlperf::loadgen {

struct PeakSearchOptions {
  double first_qps = 1;    // Must pass, or nothing is found.
  double step = 1;         // Each widening multiplies the load by 1 + step; > 0.
  int decimals = 1;        // Ends when the bounds agree in this many decimals.
  double limit_qps = 1e9;  // No load above this is tried: the schedule's resolution is 1 ns.
};

// Runs a trial. `kind`: which part of the search asks for it.
using PeakTrialFunction = std::function<PeakTrial(double qps, std::string_view kind)>;
using PeakMessageFunction = std::function<void(const std::string& text)>;

// Runs a part of the search, between whatever the trials in it need to share.
using PeakPartFunction = std::function<void(const std::function<void()>& part)>;

// What was found, in words: first whether the peak is determined, then what is known of it.
std::string PeakStatement(const PeakSearchResult& peak);

// Checks the first load ("start"), widens until one fails ("boundary"), then bisects ("middle").
// `run` is called once a trial; the last load it passed is the result. `stopped` ends the search
// early (an aborted test). Each trial before the bisection, and the bisection as a whole, is run
// through `around`.
PeakSearchResult SearchPeak(
    const PeakSearchOptions& options, const PeakTrialFunction& run,
    const PeakMessageFunction& message, const std::function<bool()>& stopped,
    const PeakPartFunction& around = [](const auto& part) { part(); });

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SEARCH_BISECTION_H_
