#include "search/bisection.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace mlperf::loadgen {
namespace {

std::string Bounds(double low, double high) {
  return "[" + std::to_string(low) + ", " + std::to_string(high) + ")";
}

std::string RateText(double qps) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.6g", qps);
  return text;
}

std::string SecondsText(double seconds) {
  char text[40];
  std::snprintf(text, sizeof(text), seconds < 1000 ? "%.3g s" : "%.0f s", seconds);
  return text;
}

// The highest rate of a trial that passed, below all that failed; 0: none.
double HighestPassed(const PeakSearchResult& peak) {
  double lowest_failed = std::numeric_limits<double>::infinity(), highest = 0;
  for (const PeakTrial& trial : peak.trials) {
    if (!trial.passed && trial.kind != "confirm")
      lowest_failed = std::min(lowest_failed, trial.qps);
  }
  for (const PeakTrial& trial : peak.trials) {
    if (trial.passed && trial.qps < lowest_failed) highest = std::max(highest, trial.qps);
  }
  return highest;
}

// "at least 800 and at most 950 queries/s", as far as it is known.
std::string KnownText(const PeakSearchResult& peak) {
  const bool least = peak.at_least_qps > 0, most = peak.at_most_qps > 0;
  std::string text;
  if (!least && !most) text = "neither end of it is known";
  if (least) text = "at least " + RateText(peak.at_least_qps);
  if (least && most) text += " and ";
  if (most) text += "at most " + RateText(peak.at_most_qps);
  if (least || most) text += " queries/s";
  if (const double passed = HighestPassed(peak); !least && passed > 0) {
    text += ", though trials passed at up to " + RateText(passed) + " queries/s";
  }
  return text;
}

class Search {
 public:
  Search(const PeakSearchOptions& options, const PeakTrialFunction& run,
         const PeakMessageFunction& message, const std::function<bool()>& stopped,
         const PeakPartFunction& around)
      : options_(options), run_(run), message_(message), stopped_(stopped), around_(around) {}

  PeakSearchResult Run() {
    Find();
    const bool ended = result_.found && !stopped_();
    result_.at_limit = ended && failed_qps_ == 0 && passed_qps_ >= options_.limit_qps;
    result_.determined = ended && failed_qps_ > 0;
    result_.none_passes = !result_.found && !stopped_();
    result_.qps = result_.at_least_qps = passed_qps_;
    result_.at_most_qps = failed_qps_;
    return result_;
  }

 private:
  void Find() {
    message_("FindPeakPerformance: Check validity of the base settings field: " +
             std::to_string(options_.first_qps));
    if (!TryAlone(options_.first_qps, "start")) {
      if (stopped_()) {
        result_.end = "the test was ended before the search was";
        return;
      }
      const bool failures = result_.trials.back().failed_share > 0;
      result_.end =
          failures ? "queries failed at the first rate" : "the first rate fails; start lower";
      return;
    }
    result_.found = true;
    const bool bounded = Widen();
    if (bounded) {
      result_.end = "the bounds agree in the decimals asked for";
    } else if (passed_qps_ >= options_.limit_qps) {
      result_.end =
          "no rate up to the limit failed; raise server_find_peak_max_qps to look further";
    } else {
      result_.end =
          "the step is too small to change the rate; raise "
          "server_find_peak_qps_boundary_step_size";
    }
    if (bounded) around_([this] { Bisect(); });
    if (stopped_()) result_.end = "the test was ended before the search was";
    message_("FindPeakPerformance: Found peak performance field: " + std::to_string(passed_qps_));
  }

  bool Try(double qps, std::string_view kind) {
    const PeakTrial trial = run_(qps, kind);
    if (!trial.passed && stopped_()) return false;  // An aborted trial says nothing.
    result_.trials.push_back(trial);
    if (trial.passed) {
      passed_qps_ = qps;
    } else {
      failed_qps_ = failed_qps_ == 0 ? qps : std::min(failed_qps_, qps);
    }
    return trial.passed;
  }

  bool TryAlone(double qps, std::string_view kind) {
    bool passed = false;
    around_([&] { passed = Try(qps, kind); });
    return passed;
  }

  // Raises the bounds until the upper one fails. False if that never happened.
  bool Widen() {
    double low = options_.first_qps;
    while (!stopped_()) {
      high_ = std::min(low * (1 + options_.step), options_.limit_qps);
      if (!(high_ > low)) {
        if (low < options_.limit_qps) return false;  // The step is lost in rounding.
        message_("FindPeakPerformance: Every load up to the limit of " +
                 std::to_string(options_.limit_qps) + " passed");
        return false;
      }
      message_("FindBoundaries: Checking fields " + Bounds(low, high_));
      if (!TryAlone(high_, "boundary")) {
        message_("FindPeakPerformance: Found boundaries: " + Bounds(low, high_));
        return true;
      }
      low = high_;
    }
    return false;
  }

  void Bisect() {
    const double scale = std::pow(10, options_.decimals);
    double low = passed_qps_;
    while (!stopped_() && std::floor(low * scale) + 1 < std::floor(high_ * scale)) {
      const double mid = low + (high_ - low) / 2;
      if (!(low < mid && mid < high_)) return;  // Adjacent doubles.
      message_("FindPeakPerformanceBinarySearch: Testing the mid value of bounds " +
               Bounds(low, high_) + ": " + std::to_string(mid));
      if (Try(mid, "middle")) {
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
  double passed_qps_ = 0, failed_qps_ = 0;  // The last that passed, the lowest that failed.
  PeakSearchResult result_;
};

}  // namespace

std::string PeakStatement(const PeakSearchResult& peak) {
  if (peak.none_passes) return "none: " + peak.end;
  if (peak.determined) {
    return RateText(peak.qps) + " queries/s (" + RateText(peak.at_least_qps) + " to " +
           RateText(peak.at_most_qps) + ")";
  }
  std::string text = "not determined, " + KnownText(peak) + ": " + peak.end;
  if (peak.settling_budget_s > 0) {
    text += "; a time budget of " + SecondsText(peak.settling_budget_s);
    if (peak.settling_min_duration_s > 0) {
      text += " with a min_duration of " + SecondsText(peak.settling_min_duration_s);
    }
    text += " is likely to settle it";
  }
  return text;
}

PeakSearchResult SearchPeak(const PeakSearchOptions& options, const PeakTrialFunction& run,
                            const PeakMessageFunction& message,
                            const std::function<bool()>& stopped, const PeakPartFunction& around) {
  return Search(options, run, message, stopped, around).Run();
}

}  // namespace mlperf::loadgen
