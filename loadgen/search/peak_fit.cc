#include "search/peak_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace mlperf::loadgen {
namespace {

// The log odds of a queue bend: over 8 % of rate that moves the solution by less than 0.3 %.
constexpr double kWindowLogRate = 0.08;
// A trial with far more queries over the bound has far larger clusters of them as well.
constexpr double kMostLogOdds = 1.7;
constexpr size_t kFewestInWindow = 3;
constexpr size_t kMostWindows = 8;

// A weak prior of the slope, a normal distribution around the guess. Where trials lie on both sides
// of the solution it has next to no say; where they do not, it keeps a chance pattern of few trials
// from being read as a slope.
constexpr double kSlopeDeviation = 0.7;  // Of its mean.

constexpr size_t kGroups = 16;        // Of a trial's batches, for the variance within trials.
constexpr double kFreedomATrial = 2;  // Of the extrapolated variance: docs/peak_search.md.
constexpr double kDependent = 1.15;
constexpr double kSteepest = 5000;  // A steeper slope is a cliff; no line can be fitted.
constexpr size_t kMostSteps = 60;

double LogOdds(double share) { return std::log(share / (1 - share)); }
double Share(double log_odds) { return 1 / (1 + std::exp(-log_odds)); }

struct Group {
  double queries = 0, over = 0, luck = 0;  // luck: the control queue's over-count above its mean.
};

struct Point {
  double log_rate = 0;
  double queries = 0, over = 0;  // over: less what the luck of the arrivals explains.
  std::array<Group, kGroups> groups;
};

// Contiguous groups of a trial's batches.
std::array<Group, kGroups> Groups(const FitTrial& trial) {
  std::array<Group, kGroups> groups;
  const std::vector<OverBatch>& batches = trial.batches;
  for (size_t i = 0; i < batches.size(); ++i) {
    Group& group = groups[i * kGroups / batches.size()];
    const double queries = static_cast<double>(batches[i].queries);
    group.queries += queries;
    group.over += static_cast<double>(batches[i].over);
    group.luck += static_cast<double>(batches[i].control_over) - queries * trial.control_share;
  }
  return groups;
}

std::vector<Point> Points(const std::vector<FitTrial>& trials) {
  std::vector<Point> points;
  for (const FitTrial& trial : trials) {
    Point point;
    point.log_rate = std::log(trial.rate_qps);
    point.groups = Groups(trial);
    for (const Group& group : point.groups) {
      point.queries += group.queries;
      point.over += group.over;
    }
    if (trial.batches.size() >= kGroups && point.queries > 0) points.push_back(point);
  }
  return points;
}

// Subtracts from the over-counts what the luck of the arrivals explains; by regression within
// trials, so that a control queue unlike the system does no harm.
void TakeOutLuck(std::vector<Point>* points) {
  double products = 0, squares = 0;
  for (const Point& point : *points) {
    Group mean;
    for (const Group& group : point.groups) {
      mean.over += group.over / kGroups;
      mean.luck += group.luck / kGroups;
    }
    for (const Group& group : point.groups) {
      products += (group.over - mean.over) * (group.luck - mean.luck);
      squares += (group.luck - mean.luck) * (group.luck - mean.luck);
    }
  }
  // More than its own share the control queue cannot explain.
  const double coefficient = squares > 0 ? std::clamp(products / squares, 0.0, 1.0) : 0;
  for (Point& point : *points) {
    point.over = 0;
    for (Group& group : point.groups) {
      group.over -= coefficient * group.luck;
      group.luck = 0;
      point.over += group.over;
    }
  }
}

// The variance of the over-counts of `merged` groups at a time around the trial's own share, a
// query.
double Within(const Point& point, size_t merged) {
  const double share = point.over / point.queries;
  double sum = 0;
  for (size_t g = 0; g < kGroups; g += merged) {
    double queries = 0, over = 0;
    for (size_t i = g; i < g + merged; ++i) {
      queries += point.groups[i].queries;
      over += point.groups[i].over;
    }
    const double off = over - queries * share;
    if (queries > 0) sum += off * off / queries;
  }
  return sum / static_cast<double>(kGroups / merged - 1);
}

// log odds = level + slope * (log rate - center), by maximum quasi-likelihood.
struct Line {
  bool found = false;
  double center = 0, level = 0, slope = 0;
  double information[3] = {0, 0, 0};  // Sums of w, w * x, w * x * x.

  double At(const Point& point) const { return level + slope * (point.log_rate - center); }
  double root(double log_odds) const { return center + (log_odds - level) / slope; }
};

struct SlopePrior {
  double mean = 0, weight = 0;
};

// One step of Newton's method (Fisher scoring); false if the information is singular.
bool Step(const std::vector<Point>& points, const SlopePrior& prior, Line* line) {
  double score[2] = {0, 0}, info[3] = {0, 0, 0};
  for (const Point& point : points) {
    const double share = Share(line->At(point));
    const double weight = point.queries * share * (1 - share);
    const double x = point.log_rate - line->center;
    const double off = point.over - point.queries * share;
    score[0] += off;
    score[1] += off * x;
    info[0] += weight;
    info[1] += weight * x;
    info[2] += weight * x * x;
  }
  score[1] -= prior.weight * (line->slope - prior.mean);
  info[2] += prior.weight;
  std::copy(info, info + 3, line->information);
  const double determinant = info[0] * info[2] - info[1] * info[1];
  if (!(determinant > 1e-12 * info[0] * info[2])) return false;
  const double level_step = (info[2] * score[0] - info[1] * score[1]) / determinant;
  const double slope_step = (info[0] * score[1] - info[1] * score[0]) / determinant;
  // Large steps overshoot: the likelihood is flat far from its top.
  const double shrink = std::min(1.0, 2 / (std::abs(level_step) + std::abs(slope_step) / 20));
  line->level += shrink * level_step;
  line->slope += shrink * slope_step;
  line->found = std::abs(level_step) < 1e-9 && std::abs(slope_step) < 1e-7;
  return std::abs(line->slope) < kSteepest;
}

Line FitLine(const std::vector<Point>& points, const SlopePrior& prior) {
  Line line;
  double queries = 0, over = 0, sum = 0;
  for (const Point& point : points) {
    queries += point.queries;
    over += point.over;
    sum += point.queries * point.log_rate;
  }
  if (points.empty() || over <= 0 || over >= queries) return line;
  line.center = sum / queries;
  line.level = LogOdds(over / queries);
  line.slope = prior.mean;
  for (size_t i = 0; i < kMostSteps && !line.found; ++i) {
    if (!Step(points, prior, &line)) return line.found = false, line;
  }
  line.found = line.found && line.slope > 0;
  return line;
}

struct Spread {
  double dispersion = 1, freedom = 1;
};

// What is seen within trials: the variance of group means, extrapolated to long groups. That of
// groups of a length L is too small by a term in 1 / L; twice that of 8 groups less that of 16
// cancels it ("lugsail" batch means).
Spread WithinTrials(const std::vector<Point>& points, const Line& line) {
  double short_groups = 0, long_groups = 0, binomial = 0;
  for (const Point& point : points) {
    const double share = Share(line.At(point));
    binomial += share * (1 - share);
    short_groups += Within(point, 1);
    long_groups += Within(point, 2);
  }
  const double variance = std::max(2 * long_groups - short_groups, long_groups);
  const double trials = static_cast<double>(points.size());
  // Groups that depend on each other this much are too short: only trials are independent.
  const bool dependent = long_groups > kDependent * short_groups;
  return {std::max(1.0, variance / binomial),
          dependent ? std::max(1.0, trials - 2) : kFreedomATrial * trials};
}

// The larger of what is seen within trials and between them (lack of fit, drift of the system).
Spread Dispersion(const std::vector<Point>& points, const Line& line) {
  Spread spread = WithinTrials(points, line);
  if (points.size() < 4) return spread;
  const double freedom = static_cast<double>(points.size() - 2);
  double sum = 0;
  for (const Point& point : points) {
    const double share = Share(line.At(point));
    const double off = point.over - point.queries * share;
    sum += off * off / (point.queries * share * (1 - share));
  }
  const double between = sum / freedom;
  if (between > spread.dispersion) return {between, freedom};
  return spread;
}

// Fieller: the rates x at which the line may be at the target, (level + slope * x - target)^2 <=
// t^2 * variance(x).
void SetInterval(const Line& line, double target, double t, PeakFit* fit) {
  const double* info = line.information;
  const double determinant = info[0] * info[2] - info[1] * info[1];
  const double scale = t * t * fit->dispersion / determinant;
  const double level_var = scale * info[2], slope_var = scale * info[0],
               covariance = -scale * info[1];
  const double off = line.level - target;
  const double a = line.slope * line.slope - slope_var;
  const double b = off * line.slope - covariance;
  const double c = off * off - level_var;
  fit->low_qps = 0;
  fit->high_qps = std::numeric_limits<double>::infinity();
  const double root = b * b - a * c;
  if (a <= 0 || root < 0) return;  // The slope may be zero: the interval has no ends.
  fit->low_qps = std::exp(line.center + (-b - std::sqrt(root)) / a);
  fit->high_qps = std::exp(line.center + (-b + std::sqrt(root)) / a);
}

std::vector<Point> Near(const std::vector<Point>& points, double log_rate, double slope) {
  std::vector<Point> near;
  for (const Point& point : points) {
    const double off = point.log_rate - log_rate;
    if (std::abs(off) <= kWindowLogRate && off * slope <= kMostLogOdds) near.push_back(point);
  }
  return near;
}

// A variance cannot be known better than from the number of clusters that were seen.
void LimitFreedom(const std::vector<Point>& points, Spread* spread) {
  double over = 0;
  for (const Point& point : points) over += point.over;
  spread->freedom = std::min(spread->freedom, std::max(1.0, over / spread->dispersion - 1));
}

struct Solution {
  std::vector<Point> points;  // Without luck.
  Line line;
  Spread spread;
  double raw_dispersion = 1;  // With it.
};

// The prior of the slope counts in units of the dispersion, which is known after a first fit.
Solution Solve(const std::vector<Point>& points, double slope_guess, bool with_luck) {
  Solution solution;
  solution.points = points;
  if (!with_luck) TakeOutLuck(&solution.points);
  const double precision = 1 / std::pow(kSlopeDeviation * slope_guess, 2);
  SlopePrior prior{slope_guess, precision};
  for (size_t i = 0; i < 3; ++i) {
    solution.line = FitLine(solution.points, prior);
    if (!solution.line.found) return solution;
    solution.spread = Dispersion(solution.points, solution.line);
    LimitFreedom(solution.points, &solution.spread);
    prior.weight = solution.spread.dispersion * precision;
  }
  solution.raw_dispersion =
      std::max(solution.spread.dispersion, WithinTrials(points, solution.line).dispersion);
  return solution;
}

// With few queries over the bound luck may explain more than all of them: then it is left in.
Solution Solve(const std::vector<Point>& points, double slope_guess) {
  Solution solution = Solve(points, slope_guess, false);
  return solution.line.found ? solution : Solve(points, slope_guess, true);
}

}  // namespace

double PeakFit::ShareAt(double qps, double over_share) const {
  return Share(LogOdds(over_share) + slope * std::log(qps / rate_qps));
}

PeakFit FitPeak(const std::vector<FitTrial>& trials, double over_share, double confidence,
                double slope_guess) {
  const double target = LogOdds(over_share);
  const std::vector<Point> all = Points(trials);
  Solution solution = Solve(all, slope_guess);
  // The window follows the solution; where the two would chase each other the last one is taken.
  for (size_t i = 0; i < kMostWindows && solution.line.found; ++i) {
    const std::vector<Point> near = Near(all, solution.line.root(target), solution.line.slope);
    if (near.size() < kFewestInWindow || near.size() == solution.points.size()) break;
    Solution next = Solve(near, slope_guess);
    if (!next.line.found) break;
    solution = std::move(next);
  }
  PeakFit fit;
  if (!solution.line.found) return fit;
  fit.found = true;
  fit.slope = solution.line.slope;
  fit.rate_qps = std::exp(solution.line.root(target));
  fit.dispersion = solution.spread.dispersion;
  fit.raw_dispersion = solution.raw_dispersion;
  fit.freedom = solution.spread.freedom;
  fit.trials = solution.points.size();
  SetInterval(solution.line, target, StudentQuantile((1 + confidence) / 2, fit.freedom), &fit);
  return fit;
}

double NormalQuantile(double p) {
  double low = -40, high = 40;
  for (size_t i = 0; i < 100; ++i) {
    const double mid = (low + high) / 2;
    (std::erfc(-mid / std::sqrt(2.0)) / 2 < p ? low : high) = mid;
  }
  return (low + high) / 2;
}

// The expansion in 1 / freedom of Abramowitz and Stegun, 26.7.5: within 1 % at 95 % and freedom 3.
double StudentQuantile(double p, double freedom) {
  const double z = NormalQuantile(p);
  const double z2 = z * z;
  const double g1 = z * (z2 + 1) / 4;
  const double g2 = z * ((5 * z2 + 16) * z2 + 3) / 96;
  const double g3 = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
  const double g4 = z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160;
  const double f = 1 / freedom;
  return z + f * (g1 + f * (g2 + f * (g3 + f * g4)));
}

}  // namespace mlperf::loadgen
