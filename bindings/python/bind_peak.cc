// What a peak search is told by Python, and tells it: options, trials and where the search stands.
#include "bind_peak.h"

#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "python_sut.h"

namespace mlperf::python {
namespace {

using namespace py::literals;
using loadgen::OverBatch;
using loadgen::OverCounts;
using loadgen::PeakAnswer;
using loadgen::TrialOutcome;

// A batch as a tuple, for there are many.
py::tuple AsTuple(const OverBatch& batch) {
  return py::make_tuple(batch.seconds, batch.queries, batch.over, batch.control_over);
}

OverBatch BatchFrom(const py::handle& value) {
  const auto fields = value.cast<py::sequence>();
  return {fields[0].cast<double>(), fields[1].cast<uint64_t>(), fields[2].cast<uint64_t>(),
          fields[3].cast<uint64_t>()};
}

py::dict AsDict(const OverCounts& counts) {
  py::list batches;
  for (const OverBatch& batch : counts.batches) batches.append(AsTuple(batch));
  return py::dict("outlook"_a = static_cast<int>(counts.outlook),
                  "backlog_grows"_a = counts.backlog_grows, "lost"_a = counts.lost,
                  "queries"_a = counts.queries, "over"_a = counts.over, "batches"_a = batches);
}

OverCounts CountsFrom(const py::handle& value) {
  OverCounts counts;
  counts.outlook = static_cast<loadgen::TrialOutlook>(value["outlook"].cast<int>());
  counts.backlog_grows = value["backlog_grows"].cast<bool>();
  counts.lost = value["lost"].cast<bool>();
  counts.queries = value["queries"].cast<uint64_t>();
  counts.over = value["over"].cast<uint64_t>();
  for (const py::handle batch : value["batches"]) counts.batches.push_back(BatchFrom(batch));
  return counts;
}

// Everything of a trial, so that OutcomeFrom gives the same again.
py::dict AsDict(const TrialOutcome& outcome) {
  py::list counts;
  for (const OverCounts& one : outcome.counts) counts.append(AsDict(one));
  const loadgen::TrialRequest& request = outcome.request;
  return py::dict("kind"_a = static_cast<int>(request.kind), "rate_qps"_a = request.rate_qps,
                  "duration_s"_a = request.duration_s, "number"_a = request.number,
                  "control_service_s"_a = request.control_service_s,
                  "elapsed_s"_a = outcome.elapsed_s, "wall_s"_a = outcome.wall_s,
                  "issued"_a = outcome.issued, "completed"_a = outcome.completed,
                  "failed"_a = outcome.failed, "failures"_a = outcome.failures, "counts"_a = counts,
                  "valid"_a = outcome.valid);
}

TrialOutcome OutcomeFrom(const py::handle& value) {
  TrialOutcome outcome;
  outcome.request.kind = static_cast<loadgen::TrialKind>(value["kind"].cast<int>());
  outcome.request.rate_qps = value["rate_qps"].cast<double>();
  outcome.request.duration_s = value["duration_s"].cast<double>();
  outcome.request.number = value["number"].cast<uint64_t>();
  outcome.request.control_service_s = value["control_service_s"].cast<std::vector<double>>();
  outcome.elapsed_s = value["elapsed_s"].cast<double>();
  outcome.wall_s = value["wall_s"].cast<double>();
  outcome.issued = value["issued"].cast<uint64_t>();
  outcome.completed = value["completed"].cast<uint64_t>();
  if (value.contains("failed")) {  // Not in files of versions that took failures for answers.
    outcome.failed = value["failed"].cast<uint64_t>();
    outcome.failures = value["failures"].cast<std::vector<std::string>>();
  }
  for (const py::handle counts : value["counts"]) outcome.counts.push_back(CountsFrom(counts));
  outcome.valid = value["valid"].cast<bool>();
  return outcome;
}

}  // namespace

loadgen::PeakSearchHooks PeakHooksFrom(const py::dict& options) {
  loadgen::PeakSearchHooks hooks;
  hooks.start_qps = options["start_qps"].cast<double>();
  hooks.precision = options["precision"].cast<double>();
  hooks.confidence = options["confidence"].cast<double>();
  hooks.budget_s = options["budget_s"].cast<double>();
  hooks.goodput = options["goodput"].cast<std::optional<double>>();
  for (const py::handle outcome : options["known"]) hooks.known.push_back(OutcomeFrom(outcome));
  const py::object on_trial = options["on_trial"];
  hooks.on_trial = [on_trial](const TrialOutcome& outcome, const PeakAnswer& answer) {
    const EnsureGil gil;
    on_trial(AsDict(outcome), loadgen::TrialText(outcome),
             py::make_tuple(answer.rate_qps, answer.low_qps, answer.high_qps));
  };
  return hooks;
}

}  // namespace mlperf::python
