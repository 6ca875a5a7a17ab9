// Running tests: the adapters for Python callables, start_test, abort_test and issue threads.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bind.h"
#include "bind_peak.h"
#include "conduct/peak_trials.h"
#include "conduct/run.h"
#include "conduct/running_tests.h"
#include "hooks.h"
#include "loadgen.h"
#include "plain_types.h"
#include "plan/run_plan.h"
#include "platform/interrupts.h"
#include "python_sut.h"
#include "sample_batch.h"
#include "settings/config_findings.h"

namespace mlperf::python {
namespace {

// SIGTERM ends a test as Ctrl-C does: a callback on the main thread is left by KeyboardInterrupt.
void RaiseKeyboardInterrupt(int signal) {
  if (signal != SIGINT) PyErr_SetInterruptEx(SIGINT);
}

// True if Ctrl-C does what it does by default: on the main thread, or in asyncio's runner, which
// cancels its task and then waits for the threads of its executor.
bool IsUsualHandler(const py::handle& handler, const py::module_& signals) {
  if (handler.is(signals.attr("default_int_handler"))) return true;
  const py::object function = py::getattr(handler, "func", py::none());
  const py::object module = py::getattr(function, "__module__", py::none());
  return py::isinstance<py::str>(module) && module.cast<std::string>() == "asyncio.runners";
}

// The signals that end a test: those for which the program has no handler of its own.
std::vector<int> InterruptSignals() {
  const py::module_ signals = py::module_::import("_signal");
  std::vector<int> numbers;
  for (const int number : loadgen::UnhandledInterrupts()) {
    if (number != SIGINT) numbers.push_back(number);
  }
  if (IsUsualHandler(signals.attr("getsignal")(SIGINT), signals)) numbers.push_back(SIGINT);
  return numbers;
}

// Raises what an interrupt raises, after the logs are complete.
void RaiseIfInterrupted(const loadgen::Interrupts& interrupts) {
  if (interrupts.received() == 0) return;
  if (PyErr_CheckSignals() == 0) PyErr_SetNone(PyExc_KeyboardInterrupt);
  throw py::error_already_set();
}

// For the caller of the package's StartTest.
void Warn(const char* category_hook, const std::string& text) {
  const py::object category = Hook(category_hook);
  constexpr py::ssize_t kCallerOfStartTest = 3;
  if (PyErr_WarnEx(category.ptr(), text.c_str(), kCallerOfStartTest) != 0) {
    throw py::error_already_set();
  }
}

void WarnOfUnusedSettings(const TestSettings& settings) {
  for (const std::string& text : loadgen::UnusedSettings(settings)) Warn("config_warning", text);
}

// Threads that are inside StartTest or RegisterIssueQueryThread, and whether the program ends.
std::atomic<int> calls_inside{0};
std::atomic<bool> program_ends{false};

// Made and destroyed with the GIL held.
class InsideCall {
 public:
  InsideCall() { ++calls_inside; }
  ~InsideCall() { --calls_inside; }
  InsideCall(const InsideCall&) = delete;
  InsideCall& operator=(const InsideCall&) = delete;
};

TestResult StartTest(PythonSut* sut, PythonQsl* qsl, const TestSettings& settings,
                     const LogSettings& log_settings, const std::string& audit_config_filename,
                     const std::optional<py::dict>& peak) {
  py::module_ module = py::module_::import("mlperf_loadgen._core");
  BindResultsOnce(module);
  const InsideCall call;
  // Copies: another thread may change the settings while the GIL is released.
  const TestSettings own_settings = settings;
  const LogSettings own_log_settings = log_settings;
  if (peak) loadgen::RequireSearch(own_settings);  // Or there would be warnings of another test.
  WarnOfUnusedSettings(own_settings);
  std::optional<loadgen::PeakSearchHooks> peak_hooks;
  if (peak) peak_hooks = PeakHooksFrom(*peak);
  loadgen::Interrupts interrupts(InterruptSignals(), RaiseKeyboardInterrupt);
  TestResult result = [&] {
    GilGate gate(dynamic_cast<QueueSut*>(sut) == nullptr);
    loadgen::TestEnvironment environment;
    environment.gate = &gate;
    environment.interrupts = &interrupts;
    environment.peak = peak_hooks ? &*peak_hooks : nullptr;
    environment.warn = [](const std::string& text) {
      const EnsureGil gil;
      Warn("logs_overwritten_warning", text);
    };
    return loadgen::RunTest(sut, qsl, own_settings, own_log_settings, audit_config_filename,
                            environment);
  }();
  RaiseIfInterrupted(interrupts);
  return result;
}

// What the detail log of a test has before its first phase of mistakes in what was asked, but for
// those of config files, which FromConfig reported: whether it is an error, and its text.
py::list Remarks(const loadgen::ResolvedTest& test) {
  py::list remarks;
  for (const std::string& warning : test.warnings) remarks.append(py::make_tuple(false, warning));
  const auto& diagnostics = test.settings.config_diagnostics;
  for (size_t i = test.requested_diagnostics; i < diagnostics.size(); ++i) {
    const bool is_error = diagnostics[i].severity == ConfigDiagnostic::Severity::kError;
    remarks.append(py::make_tuple(is_error, loadgen::WithPlace(diagnostics[i])));
  }
  for (const loadgen::PlanRemark& remark : test.plan.remarks) {
    remarks.append(py::make_tuple(remark.is_error, remark.text));
  }
  return remarks;
}

// What StartTest would run: the settings with what overrides them, and the numbers of their plan.
py::tuple ResolveTest(const TestSettings& settings, const std::string& audit_config_filename,
                      uint64_t total_sample_count, uint64_t performance_sample_count) {
  using namespace py::literals;
  WarnOfUnusedSettings(settings);
  const loadgen::ResolvedTest test = loadgen::ResolveTest(
      settings, audit_config_filename, total_sample_count, performance_sample_count);
  const loadgen::RunPlan& plan = test.plan;
  loadgen::CheckPeakSearch(plan, loadgen::PeakSearchHooks());
  return py::make_tuple(
      test.settings, Remarks(test),
      py::dict("samples_per_query"_a = plan.samples_per_query, "target_qps"_a = plan.target_qps,
               "min_query_count"_a = plan.min_query_count,
               "performance_sample_count"_a =
                   std::min(plan.performance_sample_count, plan.library_total_count),
               "accuracy_sample_count"_a =
                   std::min(plan.accuracy_sample_count, plan.library_total_count)));
}

template <IssueForm form>
std::unique_ptr<PythonSut> MakeSut(py::object issue, py::object flush, py::object name) {
  return std::make_unique<PythonSut>(std::move(issue), std::move(flush), std::move(name), form);
}

std::unique_ptr<PythonQsl> MakeQsl(const py::object& total_sample_count,
                                   const py::object& performance_sample_count, py::object load,
                                   py::object unload, std::string name) {
  uint64_t total = 0, performance = 0;
  if (!ToUnsigned(total_sample_count.ptr(), "total_sample_count", &total) ||
      !ToUnsigned(performance_sample_count.ptr(), "performance_sample_count", &performance)) {
    throw py::error_already_set();
  }
  return std::make_unique<PythonQsl>(total, performance, std::move(load), std::move(unload),
                                     std::move(name));
}

// Threads that are no daemons are joined before atexit is reached, so that lent ones must be let go
// earlier.
void LetGoBeforeThreadsAreJoined() {
  static bool registered = false;
  const py::module_ threading = py::module_::import("threading");
  if (std::exchange(registered, true) || !py::hasattr(threading, "_register_atexit")) return;
  try {
    threading.attr("_register_atexit")(py::cpp_function([] { program_ends = true; }));
  } catch (py::error_already_set&) {  // The program ends already.
    program_ends = true;
  }
}

// Lends this thread until the test ends, or until the program does.
void LendThread() {
  LetGoBeforeThreadsAreJoined();
  const InsideCall inside;
  const py::gil_scoped_release without_gil;
  loadgen::TheTestRegistry().issue_threads()->Lend([] { return program_ends.load(); });
}

// A thread that takes the GIL when the interpreter is gone ends in the middle of it, so all must
// have left by then.
void FinishTests() {
  constexpr std::chrono::milliseconds kStep(5);
  constexpr int kMostSteps = 2000;
  program_ends = true;
  loadgen::TheTestRegistry().Abort();
  for (int i = 0; i < kMostSteps && calls_inside > 0; ++i) std::this_thread::sleep_for(kStep);
}

}  // namespace

PyObject* ViewOfBatch(PyObject* self, size_t field_offset) {
  BatchObject* batch = reinterpret_cast<BatchObject*>(self);
  try {
    if (batch->list == nullptr) {
      const char* first = reinterpret_cast<const char*>(batch->samples) + field_offset;
      py::array view(py::dtype::of<uint64_t>(), {Py_SIZE(self)},
                     {static_cast<py::ssize_t>(sizeof(QuerySample))}, first,
                     py::reinterpret_borrow<py::object>(self));
      // As `view.flags.writeable = False`, which takes longer than all else here.
      py::detail::array_proxy(view.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
      return view.release().ptr();
    }
    // The batch was used as a list and may have been changed.
    const py::list list = py::reinterpret_borrow<py::list>(batch->list);
    py::array_t<uint64_t> values(static_cast<py::ssize_t>(list.size()));
    for (size_t i = 0; i < list.size(); ++i) {
      const char* attribute = field_offset == offsetof(QuerySample, id) ? "id" : "index";
      const py::object number = list[i].attr(attribute);
      if (!ToUnsigned(number.ptr(), attribute, &values.mutable_at(static_cast<py::ssize_t>(i)))) {
        throw py::error_already_set();
      }
    }
    return values.release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

void BindRun(py::module_& module) {
  py::register_exception<SettingsError>(module, "SettingsError", PyExc_ValueError);
  py::class_<PythonSut>(module, "CallbackSut")
      .def(py::init(&MakeSut<IssueForm::kSamples>), py::arg("issue_query"),
           py::arg("flush_queries"), py::arg("name"));
  module.def("make_list_sut", &MakeSut<IssueForm::kLists>, py::arg("issue_query"),
             py::arg("flush_queries"), py::arg("name"));
  py::class_<PythonQsl>(module, "CallbackQsl")
      .def(py::init(&MakeQsl), py::arg("total_sample_count"), py::arg("performance_sample_count"),
           py::arg("load_samples"), py::arg("unload_samples"), py::arg("name"));
  module.def("start_test", StartTest, py::arg("sut").none(false), py::arg("qsl").none(false),
             py::arg("test_settings"), py::arg("log_settings"), py::arg("audit_config_filename"),
             py::arg("peak") = py::none());
  module.def(
      "resolve_test", ResolveTest, py::arg("test_settings"), py::arg("audit_config_filename"),
      py::arg("total_sample_count"), py::arg("performance_sample_count"),
      "What start_test would run: the settings with those of the audit file and test05, what "
      "its log says of mistakes in them (whether it is an error, and the text), and "
      "numbers of the plan. Raises SettingsError as start_test does.");
  module.def("AbortTest", AbortTest,
             "Ends the running test, from any thread. No more queries are issued, the logs are "
             "written, and StartTest returns a result marked aborted.");
  module.def("finish_tests", FinishTests, py::call_guard<py::gil_scoped_release>(),
             "Ends the running test and waits for it, before the interpreter goes away.");
  module.def(
      "await_lent_threads",
      [](size_t count, double timeout_s) {
        const py::gil_scoped_release released;
        const std::chrono::milliseconds timeout(static_cast<int64_t>(1000 * timeout_s));
        return loadgen::TheTestRegistry().issue_threads()->Await(count, timeout);
      },
      py::arg("count"), py::arg("timeout_s"),
      "Waits until so many threads are inside RegisterIssueQueryThread; returns how many are.");
  module.def("RegisterIssueQueryThread", LendThread,
             "Lends the calling thread to the test for issuing queries (Server with "
             "server_num_issue_query_threads > 0); returns when the test has ended.");
}

}  // namespace mlperf::python
