// What each bind_<topic>.cc adds to the module.
#ifndef MLPERF_LOADGEN_BINDINGS_PYTHON_BIND_H_
#define MLPERF_LOADGEN_BINDINGS_PYTHON_BIND_H_

#include <pybind11/pybind11.h>

namespace mlperf::python {

void BindSettings(pybind11::module_& module);  // Enums, TestSettings, LogSettings.
void BindRun(pybind11::module_& module);       // SUT, QSL, start_test, threads, abort.
void BindNetwork(pybind11::module_& module);   // Queues of queries, samples served for others.
void BindLanes(pybind11::module_& module);     // Queries to nodes over lanes. Before BindNetwork.
void BindNode(pybind11::module_& module);      // What a node works on, and its lanes.
void BindLogs(pybind11::module_& module);      // read_accuracy.
void BindPeak(pybind11::module_& module);      // Options of a peak search.
void BindProgress(pybind11::module_& module);  // read_progress.

// TestResult and its parts, which are many: not at import but when first needed, which is either
// of the first test or of the first look at one of them. Must come last, since everything that is
// not in the module yet counts as such a look.
void BindResultsLater(pybind11::module_& module);
void BindResultsOnce(pybind11::module_& module);

}  // namespace mlperf::python

#endif  // MLPERF_LOADGEN_BINDINGS_PYTHON_BIND_H_
