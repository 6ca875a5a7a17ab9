#include "search/peak_checks.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "search/option_range.h"
#include "test_settings.h"

namespace mlperf::loadgen {
namespace {

void Check(bool good, const std::string& name, double value, const std::string& fix) {
  if (!good) throw SettingsError(name + " is " + NumberText(value) + ": " + fix);
}

void CheckTime(const std::string& name, double value_s) {
  Check(value_s >= 0 && std::isfinite(value_s), name, value_s, "a trial takes 0 s or more");
}

void CheckCounts(const OverCounts& counts) {
  Check(counts.over <= counts.queries, "over", static_cast<double>(counts.over),
        "no more than all queries can be over the bound");
  for (const OverBatch& batch : counts.batches) {
    CheckTime("seconds", batch.seconds);
    Check(batch.over <= batch.queries, "over of a batch", static_cast<double>(batch.over),
          "no more than all queries can be over the bound");
  }
}

}  // namespace

void CheckOptions(const PeakFinderOptions& options) {
  Check(!options.constraints.empty(), "the number of constraints", 0, "a search needs one");
  for (const PeakConstraint& constraint : options.constraints) {
    Check(constraint.bound_s > 0 && std::isfinite(constraint.bound_s), "bound_s",
          constraint.bound_s, "it must be a finite number above 0");
    Check(constraint.over_share > 0 && constraint.over_share < 0.5, "over_share",
          constraint.over_share, "it must be above 0 and below 0.5");
  }
  Check(options.min_duration_s > 0 && std::isfinite(options.min_duration_s), "min_duration_s",
        options.min_duration_s, "it must be a finite number above 0");
  CheckOption("start_qps", options.start_qps);
  CheckOption("max_qps", options.max_qps);
  Check(options.max_qps >= options.start_qps, "max_qps", options.max_qps,
        "give at least start_qps, " + NumberText(options.start_qps));
  CheckOption("precision", options.precision);
  CheckOption("confidence", options.confidence);
  if (options.time_budget_s) CheckOption("time_budget_s", *options.time_budget_s);
}

void CheckOutcome(const TrialOutcome& outcome, size_t constraints) {
  const TrialRequest& request = outcome.request;
  Check(outcome.counts.size() == constraints, "the number of counts",
        static_cast<double>(outcome.counts.size()), "there must be one a constraint");
  const size_t services = request.control_service_s.size();
  Check(services == 0 || services == constraints, "the number of control_service_s",
        static_cast<double>(services), "there must be one a constraint");
  Check(request.rate_qps > 0 && request.rate_qps <= kMaxServerQps, "rate_qps", request.rate_qps,
        "a rate is above 0 and at most 1e9");
  CheckTime("duration_s", request.duration_s);
  CheckTime("elapsed_s", outcome.elapsed_s);
  CheckTime("wall_s", outcome.wall_s);
  Check(outcome.completed <= outcome.issued, "completed", static_cast<double>(outcome.completed),
        "no more than was issued can be completed");
  Check(outcome.completed == 0 || outcome.elapsed_s > 0, "elapsed_s", outcome.elapsed_s,
        "what was completed took some time");
  for (const double service_s : request.control_service_s)
    CheckTime("control_service_s", service_s);
  for (const OverCounts& counts : outcome.counts) CheckCounts(counts);
}

}  // namespace mlperf::loadgen
