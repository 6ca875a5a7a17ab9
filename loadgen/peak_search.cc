#include "peak_search.h"

#include <algorithm>
#include <cmath>

namespace mlperf::loadgen {
namespace {

std::string Bounds(double low, double high) {
  return "[" + std::to_string(low) + ", " + std::to_string(high) + ")";
}

class Search {
 public:
  Search(const PeakSearchOptions& options, const PeakTrialFunction& run,
         const PeakMessageFunction& message, const std::function<bool()>& stopped,
         const PeakPartFunction& around)
      : options_(options), run_(run), message_(message), stopped_(stopped), around_(around) {}

  PeakSearchResult Run() {
    message_("FindPeakPerformance: Check validity of the base settings field: " +
             std::to_string(options_.first_qps));
    result_.end = "the first rate fails; start lower";
    if (!TryAlone(options_.first_qps)) return result_;
    result_.found = true;
    result_.end = "no rate up to the limit failed";
    const bool bounded = Widen();
    if (bounded) result_.end = "the bounds agree in the decimals asked for";
    if (bounded) around_([this] { Bisect(); });
    if (stopped_()) result_.end = "the test was ended before the search was";
    message_("FindPeakPerformance: Found peak performance field: " + std::to_string(result_.qps));
    return result_;
  }

 private:
  bool Try(double qps) {
    result_.trials.push_back(run_(qps));
    const bool passed = result_.trials.back().passed;
    if (passed) result_.qps = qps;
    return passed;
  }

  bool TryAlone(double qps) {
    bool passed = false;
    around_([&] { passed = Try(qps); });
    return passed;
  }

  // Raises the bounds until the upper one fails. False if that never happened.
  bool Widen() {
    double low = options_.first_qps;
    while (!stopped_()) {
      high_ = std::min(low * (1 + options_.step), options_.limit_qps);
      if (!(high_ > low)) {
        message_("FindPeakPerformance: Every load up to the limit of " +
                 std::to_string(options_.limit_qps) + " passed");
        return false;
      }
      message_("FindBoundaries: Checking fields " + Bounds(low, high_));
      if (!TryAlone(high_)) {
        message_("FindPeakPerformance: Found boundaries: " + Bounds(low, high_));
        return true;
      }
      low = high_;
    }
    return false;
  }

  void Bisect() {
    const double scale = std::pow(10, options_.decimals);
    double low = result_.qps;
    while (!stopped_() && std::floor(low * scale) + 1 < std::floor(high_ * scale)) {
      const double mid = low + (high_ - low) / 2;
      if (!(low < mid && mid < high_)) return;  // Adjacent doubles.
      message_("FindPeakPerformanceBinarySearch: Testing the mid value of bounds " +
               Bounds(low, high_) + ": " + std::to_string(mid));
      if (Try(mid)) {
        low = mid;
      } else {
        high_ = mid;
      }
    }
  }

  const PeakSearchOptions& options_;
  const PeakTrialFunction& run_;
  const PeakMessageFunction& message_;
  const std::function<bool()>& stopped_;
  const PeakPartFunction& around_;
  double high_ = 0;
  PeakSearchResult result_;
};

}  // namespace

PeakSearchResult SearchPeak(const PeakSearchOptions& options, const PeakTrialFunction& run,
                            const PeakMessageFunction& message,
                            const std::function<bool()>& stopped, const PeakPartFunction& around) {
  return Search(options, run, message, stopped, around).Run();
}

}  // namespace mlperf::loadgen
