// Reading how far the running test is.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>

#include "bind.h"
#include "optional_value.h"
#include "progress.h"

namespace mlperf::python {
namespace {

namespace py = pybind11;
using namespace py::literals;

const char* PhaseName(ProgressPhase phase) {
  switch (phase) {
    case ProgressPhase::WarmUp:
      return "warm_up";
    case ProgressPhase::Accuracy:
      return "accuracy";
    case ProgressPhase::Performance:
      return "performance";
    case ProgressPhase::PeakTrial:
      return "peak_trial";
  }
  return "unknown";
}

template <typename Number>
py::object OrNone(const Optional<Number>& value) {
  return value ? py::cast(*value) : py::none();
}

// A member of what may not be there.
template <typename Figures>
py::object OrNone(const Optional<Figures>& figures, int64_t Figures::* member) {
  return figures ? py::cast(*figures.*member) : py::none();
}

// Counts and sum; None: it counted nothing.
py::object OrNone(const Optional<TokenHistograms>& tokens,
                  DurationHistogram TokenHistograms::* member) {
  if (!tokens) return py::none();
  const DurationHistogram& histogram = *tokens.*member;
  py::tuple counts(histogram.counts.size());
  uint64_t count = 0;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    counts[i] = histogram.counts[i];
    count += histogram.counts[i];
  }
  if (count == 0) return py::none();
  return py::make_tuple(counts, histogram.sum_ns);
}

py::object Read() {
  // With the GIL held: who waits for this reader needs no GIL meanwhile, and to hand it over and
  // back would take more from a test whose callbacks want it than the reading does.
  const Optional<Progress> read = ReadProgress();
  if (!read) return py::none();
  const Progress& progress = *read;
  return py::dict(
      "set_number"_a = progress.set_number, "phase"_a = PhaseName(progress.phase),
      "trial"_a = progress.trial > 0 ? py::cast(progress.trial) : py::none(),
      "scenario"_a = progress.scenario, "mode"_a = progress.mode, "finished"_a = progress.finished,
      "start_time_s"_a = progress.start_time_s, "elapsed_s"_a = progress.elapsed_s,
      "remaining_s"_a = OrNone(progress.remaining_s), "min_duration_s"_a = progress.min_duration_s,
      "min_query_count"_a = progress.min_query_count, "queries_issued"_a = progress.queries_issued,
      "samples_issued"_a = progress.samples_issued,
      "samples_completed"_a = progress.samples_completed,
      "samples_failed"_a = progress.samples_failed,
      "samples_outstanding"_a = progress.samples_outstanding,
      "offered_samples_per_second"_a = OrNone(progress.offered_samples_per_second),
      "completed_samples_per_second"_a = progress.completed_samples_per_second,
      "silent_s"_a = OrNone(progress.silent_s),
      "oldest_outstanding_s"_a = OrNone(progress.oldest_outstanding_s),
      "latency_p50_ns"_a = OrNone(progress.latency, &RecentLatency::p50_ns),
      "latency_p99_ns"_a = OrNone(progress.latency, &RecentLatency::p99_ns),
      "lateness_p50_ns"_a = OrNone(progress.lateness, &RecentLateness::p50_ns),
      "lateness_p99_ns"_a = OrNone(progress.lateness, &RecentLateness::p99_ns),
      "lateness_max_ns"_a = OrNone(progress.lateness, &RecentLateness::max_ns),
      "ttft"_a = OrNone(progress.tokens, &TokenHistograms::first_token),
      "tpot"_a = OrNone(progress.tokens, &TokenHistograms::time_per_token),
      "itl"_a = OrNone(progress.tokens, &TokenHistograms::inter_token));
}

}  // namespace

void BindProgress(py::module_& module) {
  module.def("read_progress", Read);
  module.def(
      "token_histogram_bounds_ns", [] { return DurationHistogram::kBoundsNs; },
      "The bounds of the histograms of read_progress, ascending, in ns.");
  module.def("set_token_histograms_kept", SetTokenHistogramsKept, py::arg("kept"),
             "Says that the caller now wants the histograms of tokens, or no longer does.");
  module.def("set_progress_shown", SetProgressShown, py::arg("shown"),
             "Says that the caller now shows the progress on stderr, or no longer does. While any "
             "caller shows it, tests do not write there.");
}

}  // namespace mlperf::python
