// What a peak search gets from Python and reports to it: options, trials and where the search
// stands.
#include "bind_peak.h"

#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "bind.h"
#include "python_sut.h"
#include "search/option_range.h"
#include "search/peak_checks.h"

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

py::dict AsDict(const OverCounts& counts) {
  py::list batches;
  for (const OverBatch& batch : counts.batches) batches.append(AsTuple(batch));
  return py::dict("outlook"_a = static_cast<int>(counts.outlook),
                  "backlog_grows"_a = counts.backlog_grows, "lost"_a = counts.lost,
                  "queries"_a = counts.queries, "over"_a = counts.over, "batches"_a = batches);
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
                  "valid"_a = outcome.valid, "caution"_a = outcome.caution);
}

// ---- Reading a trial back, which may come from a file that was damaged -------------------------

// As it is in the file.
std::string AsJson(const py::handle& value) {
  return py::module_::import("json").attr("dumps")(value).cast<std::string>();
}

[[noreturn]] void Refuse(const std::string& name, const py::handle& value) {
  throw py::value_error(name + " is " + AsJson(value));
}

py::object Member(const py::handle& from, const char* name) {
  if (!py::isinstance<py::dict>(from)) {
    throw py::value_error("there is " + AsJson(from) + " in place of an object with " + name);
  }
  const auto members = py::reinterpret_borrow<py::dict>(from);
  if (!members.contains(name)) throw py::value_error(std::string(name) + " is missing");
  return members[name];
}

template <typename Value>
Value ValueOf(const std::string& name, const py::handle& value) {
  // What has a truth, or is one, is no bool or number for that.
  if (std::is_arithmetic_v<Value> && PyBool_Check(value.ptr()) != std::is_same_v<Value, bool>) {
    Refuse(name, value);
  }
  try {
    return value.cast<Value>();
  } catch (const py::cast_error&) {
    Refuse(name, value);
  }
}

template <typename Value>
Value Read(const py::handle& from, const char* name) {
  return ValueOf<Value>(name, Member(from, name));
}

py::list ReadList(const py::handle& from, const char* name) {
  const py::object value = Member(from, name);
  if (!py::isinstance<py::list>(value)) Refuse(name, value);
  return value;
}

template <typename Enum>
Enum ReadEnum(const py::handle& from, const char* name, Enum last) {
  const int number = Read<int>(from, name);
  if (number < 0 || number > static_cast<int>(last)) Refuse(name, Member(from, name));
  return static_cast<Enum>(number);
}

OverBatch BatchFrom(const py::handle& value) {
  const auto fields = ValueOf<std::vector<double>>("a batch", value);
  if (fields.size() != 4) Refuse("a batch", value);
  const auto count = [&](size_t i) {
    return ValueOf<uint64_t>("a batch", py::reinterpret_borrow<py::sequence>(value)[i]);
  };
  return {fields[0], count(1), count(2), count(3)};
}

OverCounts CountsFrom(const py::handle& value) {
  OverCounts counts;
  counts.outlook = ReadEnum(value, "outlook", loadgen::TrialOutlook::Passes);
  counts.backlog_grows = Read<bool>(value, "backlog_grows");
  counts.lost = Read<bool>(value, "lost");
  counts.queries = Read<uint64_t>(value, "queries");
  counts.over = Read<uint64_t>(value, "over");
  for (const py::handle batch : ReadList(value, "batches")) {
    counts.batches.push_back(BatchFrom(batch));
  }
  return counts;
}

TrialOutcome OutcomeFrom(const py::handle& value) {
  TrialOutcome outcome;
  loadgen::TrialRequest& request = outcome.request;
  request.kind = ReadEnum(value, "kind", loadgen::TrialKind::Confirm);
  request.rate_qps = Read<double>(value, "rate_qps");
  request.duration_s = Read<double>(value, "duration_s");
  request.number = Read<uint64_t>(value, "number");
  request.control_service_s = Read<std::vector<double>>(value, "control_service_s");
  outcome.elapsed_s = Read<double>(value, "elapsed_s");
  outcome.wall_s = Read<double>(value, "wall_s");
  outcome.issued = Read<uint64_t>(value, "issued");
  outcome.completed = Read<uint64_t>(value, "completed");
  if (value.contains("failed")) {  // Not in files of versions that took failures for answers.
    outcome.failed = Read<uint64_t>(value, "failed");
    outcome.failures = Read<std::vector<std::string>>(value, "failures");
  }
  for (const py::handle counts : ReadList(value, "counts")) {
    outcome.counts.push_back(CountsFrom(counts));
  }
  outcome.valid = Read<bool>(value, "valid");
  outcome.caution = Read<std::string>(value, "caution");
  return outcome;
}

void CheckTrial(const py::handle& value) {
  const TrialOutcome outcome = OutcomeFrom(value);
  loadgen::CheckOutcome(outcome, outcome.counts.size());
}

double CheckedOption(const std::string& name, const py::object& value) {
  const loadgen::OptionRange* range = loadgen::FindOptionRange(name);
  if (range == nullptr) throw py::value_error("there is no option " + name);
  const bool number = PyNumber_Check(value.ptr()) != 0 && !py::isinstance<py::bool_>(value);
  const double converted = number ? PyFloat_AsDouble(value.ptr()) : 0;
  if (!number || PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw py::type_error(name + " is " + py::repr(value).cast<std::string>() + ": " +
                         range->WhatToGive());
  }
  loadgen::CheckOption(name, converted);
  return converted;
}

}  // namespace

loadgen::PeakSearchHooks PeakHooksFrom(const py::dict& options) {
  loadgen::PeakSearchHooks hooks;
  hooks.start_qps = options["start_qps"].cast<std::optional<double>>();
  hooks.precision = options["precision"].cast<double>();
  hooks.confidence = options["confidence"].cast<double>();
  hooks.time_budget_s = options["time_budget_s"].cast<std::optional<double>>();
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

void BindPeak(py::module_& module) {
  module.def(
      "peak_budget_durations", [] { return loadgen::kPeakBudgetDurations; },
      "How long a peak search may take where no time is given, in minimum durations.");
  module.def("checked_option", CheckedOption, "name"_a, "value"_a,
             "The value of an option of a search or a sweep as a number. TypeError for what is no "
             "number, SettingsError for one outside the option's range.");
  module.def("check_trial", CheckTrial, "trial"_a,
             "ValueError, with what is wrong, for what no trial of a search can be.");
}

}  // namespace mlperf::python
