// TestSettings and LogSettings: their Python properties come from the settings table.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <set>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "bind.h"
#include "hooks.h"
#include "settings/config_names.h"
#include "settings/config_text.h"
#include "settings/near_names.h"
#include "settings/settings_table.h"
#include "strict_values.h"
#include "value_class.h"
#include "write/log_files.h"

namespace mlperf::python {
namespace {

namespace py = pybind11;
using loadgen::AllSettings;
using loadgen::Setting;

py::object GetMember(const TestSettings& settings, const Setting& setting) {
  return std::visit([&](auto member) { return py::cast(settings.*member); }, setting.member);
}

void SetMember(TestSettings* settings, const Setting& setting, py::handle value) {
  std::visit(
      [&](auto member) {
        auto& own = settings->*member;
        own = ToStrict<std::remove_reference_t<decltype(own)>>(setting.name, value);
      },
      setting.member);
  settings->config_origins.erase(std::string(setting.name));
}

const Setting& Find(const std::string& name) {
  const Setting* setting = loadgen::FindSetting(name);
  if (setting != nullptr) return *setting;
  std::vector<std::string_view> names;
  for (const Setting& known : AllSettings()) names.push_back(known.name);
  throw py::attribute_error("TestSettings has no setting '" + name + "'" +
                            loadgen::DidYouMean(name, names));
}

void SetFromDict(TestSettings* settings, const py::dict& values) {
  for (const auto& [name, value] : values) {
    SetMember(settings, Find(name.cast<std::string>()), value);
  }
}

py::dict AsDict(const TestSettings& settings) {
  py::dict values;
  for (const Setting& setting : AllSettings()) {
    values[py::str(std::string(setting.name))] = GetMember(settings, setting);
  }
  return values;
}

// Everything of the settings, what their config files said included.
py::tuple StateOf(const TestSettings& settings) {
  py::list diagnostics;
  for (const ConfigDiagnostic& diagnostic : settings.config_diagnostics) {
    diagnostics.append(py::make_tuple(static_cast<int>(diagnostic.severity), diagnostic.file,
                                      diagnostic.line, diagnostic.message));
  }
  return py::make_tuple(AsDict(settings), settings.config_origins, diagnostics,
                        settings.config_user_file_count, settings.config_models);
}

TestSettings FromState(const py::tuple& state) {
  TestSettings made;
  SetFromDict(&made, state[0].cast<py::dict>());
  made.config_origins = state[1].cast<std::map<std::string, std::string>>();
  for (const py::handle diagnostic : state[2].cast<py::list>()) {
    made.config_diagnostics.push_back(
        {static_cast<ConfigDiagnostic::Severity>(diagnostic[py::int_(0)].cast<int>()),
         diagnostic[py::int_(1)].cast<std::string>(), diagnostic[py::int_(2)].cast<uint64_t>(),
         diagnostic[py::int_(3)].cast<std::string>()});
  }
  made.config_user_file_count = state[3].cast<uint64_t>();
  made.config_models = state[4].cast<std::vector<std::string>>();
  return made;
}

std::string Repr(const TestSettings& settings) {
  const TestSettings defaults;
  std::string text = "TestSettings(";
  for (const Setting& setting : AllSettings()) {
    const py::object value = GetMember(settings, setting);
    if (value.equal(GetMember(defaults, setting))) continue;
    if (text.back() != '(') text += ", ";
    text += std::string(setting.name) + "=" + py::str(value).cast<std::string>();
  }
  return text + ")";
}

// Applies a config file; what it met is given to Python's warnings as well.
int FromConfig(TestSettings& settings, const std::string& path, const std::string& model,
               const std::string& scenario, int conf_type) {
  const size_t known = settings.config_diagnostics.size();
  const int status = settings.FromConfig(path, model, scenario, conf_type);
  const py::object category = Hook("config_warning");
  for (size_t i = known; i < settings.config_diagnostics.size(); ++i) {
    const ConfigDiagnostic& diagnostic = settings.config_diagnostics[i];
    std::string text = diagnostic.file;
    if (diagnostic.line > 0) text += ":" + std::to_string(diagnostic.line);
    text += ": " + diagnostic.message;
    if (PyErr_WarnEx(category.ptr(), text.c_str(), 1) < 0) throw py::error_already_set();
  }
  return status;
}

std::vector<std::string> ModelsOfConfig(const std::string& text) {
  const loadgen::ConfigFile file = loadgen::ParseConfig(text, "");
  const std::vector<std::string_view> models = loadgen::ModelsOf(file);
  return {models.begin(), models.end()};
}

std::string DocOf(const Setting& setting) {
  std::string doc(setting.doc);
  if (!setting.unit.empty()) doc += " Unit: " + std::string(setting.unit) + ".";
  return doc;
}

const char* NameOf(loadgen::AppliesTo applies_to) {
  switch (applies_to) {
    case loadgen::AppliesTo::kAll:
      return "all";
    case loadgen::AppliesTo::kSingleStream:
      return "SingleStream";
    case loadgen::AppliesTo::kMultiStream:
      return "MultiStream";
    case loadgen::AppliesTo::kServer:
      return "Server";
    case loadgen::AppliesTo::kOffline:
      return "Offline";
    case loadgen::AppliesTo::kServerAndOffline:
      return "Server, Offline";
    case loadgen::AppliesTo::kTokens:
      return "token mode";
    case loadgen::AppliesTo::kServerTokens:
      return "token mode, Server";
  }
  return "";
}

// The scenario part of a config key; "*" stands for that of the FromConfig call.
const char* NameOf(loadgen::KeyScope scope) {
  switch (scope) {
    case loadgen::KeyScope::kNone:
      return "";
    case loadgen::KeyScope::kArgument:
      return "*";
    case loadgen::KeyScope::kSingleStream:
      return "SingleStream";
    case loadgen::KeyScope::kMultiStream:
      return "MultiStream";
    case loadgen::KeyScope::kServer:
      return "Server";
    case loadgen::KeyScope::kOffline:
      return "Offline";
  }
  return "";
}

// The settings table as Python objects, for docs/settings.md.
py::list SettingsTable() {
  using namespace py::literals;
  const TestSettings defaults;
  py::list rows;
  for (const Setting& setting : AllSettings()) {
    const std::string scope = NameOf(setting.key.scope);
    const std::string key =
        setting.key.name.empty() ? "" : "*." + scope + "." + std::string(setting.key.name);
    rows.append(py::dict("name"_a = std::string(setting.name),
                         "default"_a = GetMember(defaults, setting),
                         "unit"_a = std::string(setting.unit),
                         "applies_to"_a = NameOf(setting.applies_to), "config_key"_a = key,
                         "built_in_only"_a = setting.key.rule == loadgen::KeyRule::kBuiltInOnly,
                         "factor"_a = setting.key.factor, "doc"_a = std::string(setting.doc)));
  }
  return rows;
}

void BindEnums(py::module_& module) {
  py::enum_<TestScenario>(module, "TestScenario", "How queries arrive.")
      .value("SingleStream", TestScenario::SingleStream)
      .value("MultiStream", TestScenario::MultiStream)
      .value("Server", TestScenario::Server)
      .value("Offline", TestScenario::Offline);
  py::enum_<TestMode>(module, "TestMode", "What a test is for.")
      .value("SubmissionRun", TestMode::SubmissionRun)
      .value("AccuracyOnly", TestMode::AccuracyOnly)
      .value("PerformanceOnly", TestMode::PerformanceOnly)
      .value("FindPeakPerformance", TestMode::FindPeakPerformance);
  py::enum_<Pacing>(module, "Pacing", "How the generator waits for the time a query is due.")
      .value("Auto", Pacing::Auto)
      .value("Sleep", Pacing::Sleep)
      .value("Spin", Pacing::Spin);
  py::enum_<PeakStrategy>(module, "PeakStrategy", "How FindPeakPerformance searches.")
      .value("Bisection", PeakStrategy::Bisection)
      .value("Estimate", PeakStrategy::Estimate);
  py::enum_<TokenClock>(module, "TokenClock",
                        "Which time of a token counts, where a system reports both.")
      .value("Arrival", TokenClock::Arrival)
      .value("Read", TokenClock::Read);
  py::enum_<TokenLog>(module, "TokenLog",
                      "What is kept of the tokens of each sample, where a system reports them.")
      .value("Events", TokenLog::Events)
      .value("Off", TokenLog::Off);
  py::enum_<LoggingMode>(module, "LoggingMode", "Accepted for compatibility; has no effect.")
      .value("AsyncPoll", LoggingMode::AsyncPoll)
      .value("EndOfTestOnly", LoggingMode::EndOfTestOnly)
      .value("Synchronous", LoggingMode::Synchronous);
}

// Runs `call`; turns what it throws into a Python exception and returns `failed`.
template <typename Call, typename Result>
Result Guard(const Call& call, Result failed) {
  try {
    return call();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const py::builtin_exception& error) {
    error.set_error();
  }
  return failed;
}

PyObject* GetProperty(PyObject* self, void* setting) {
  return Guard(
      [&] {
        const auto& settings = py::handle(self).cast<const TestSettings&>();
        return GetMember(settings, *static_cast<const Setting*>(setting)).release().ptr();
      },
      static_cast<PyObject*>(nullptr));
}

int SetProperty(PyObject* self, PyObject* value, void* setting) {
  return Guard(
      [&] {
        if (value == nullptr) throw py::attribute_error("a setting cannot be deleted");
        auto& settings = py::handle(self).cast<TestSettings&>();
        SetMember(&settings, *static_cast<const Setting*>(setting), value);
        return 0;
      },
      -1);
}

// Plain descriptors: made much faster than bound functions, which matters for the import.
void AddProperties(py::class_<TestSettings>& settings) {
  struct Property {
    std::string name;
    std::string doc;
    PyGetSetDef definition;
  };
  static auto* properties = new std::vector<Property>;  // As long-lived as the type.
  properties->reserve(AllSettings().size());
  auto* type = reinterpret_cast<PyTypeObject*>(settings.ptr());
  for (const Setting& setting : AllSettings()) {
    Property& property =
        properties->emplace_back(Property{std::string(setting.name), DocOf(setting), {}});
    property.definition = {property.name.c_str(), GetProperty, SetProperty, property.doc.c_str(),
                           const_cast<Setting*>(&setting)};
    settings.attr(property.name.c_str()) =
        py::reinterpret_steal<py::object>(PyDescr_NewGetSet(type, &property.definition));
  }
}

void BindTestSettings(py::module_& module) {
  py::class_<TestSettings> settings(module, "TestSettings",
                                    "What a test is asked to do; see docs/settings.md.");
  settings.def(py::init([](const py::kwargs& values) {
    TestSettings made;
    SetFromDict(&made, values);
    return made;
  }));
  AddProperties(settings);
  settings
      .def("FromConfig", FromConfig, py::arg("path"), py::arg("model"), py::arg("scenario"),
           py::arg("conf_type") = 1,
           "Sets the values that a config file has for a model and a scenario. Returns 0, -2 (the "
           "file cannot be opened) or -22 (a line is malformed, and nothing of the file is "
           "applied). A ConfigWarning names each line that was refused, ignored or read in an "
           "unexpected way.")
      .def("to_dict", AsDict, "All settings by name.")
      .def_static(
          "from_dict",
          [](const py::dict& values) {
            TestSettings made;
            SetFromDict(&made, values);
            return made;
          },
          py::arg("values"),
          "Makes settings from a dict of names and values. Other settings keep their defaults.")
      .def("__repr__", Repr)
      .def("__copy__", [](const TestSettings& self) { return TestSettings(self); })
      .def("__deepcopy__",
           [](const TestSettings& self, const py::dict&) { return TestSettings(self); })
      .def("__eq__",
           [](const TestSettings& self, py::handle other) -> py::object {
             if (!py::isinstance<TestSettings>(other)) {
               return py::reinterpret_borrow<py::object>(Py_NotImplemented);
             }
             return py::bool_(AsDict(self).equal(AsDict(other.cast<const TestSettings&>())));
           })
      .def(py::pickle(&StateOf, &FromState));
  settings.attr("__hash__") = py::none();
}

// What the log settings of a class are called, but for those that change nothing and the one that
// holds others.
template <typename Struct>
std::vector<std::string> LogSettingNames() {
  static const std::set<std::string> kLeftOut = {"log_mode", "log_mode_async_poll_interval_ms",
                                                 "log_output"};
  std::vector<std::string> names;
  for (const Field<Struct>& field : FieldsOf<Struct>()) {
    if (!kLeftOut.contains(field.name)) names.push_back(field.name);
  }
  return names;
}

void BindLogSettings(py::module_& module) {
  ValueClass<LogOutputSettings>(module, "LogOutputSettings", "Where the log files go.")
      .def(py::init<>())
      .def_readwrite("outdir", &LogOutputSettings::outdir,
                     "Directory of the log files; created if its parent exists.")
      .def_readwrite("prefix", &LogOutputSettings::prefix, "Start of each file name.")
      .def_readwrite("suffix", &LogOutputSettings::suffix,
                     "End of each file name, before the extension.")
      .def_readwrite("prefix_with_datetime", &LogOutputSettings::prefix_with_datetime,
                     "Put the UTC time after the prefix of each file name.")
      .def_readwrite("copy_detail_to_stdout", &LogOutputSettings::copy_detail_to_stdout)
      .def_readwrite("copy_summary_to_stdout", &LogOutputSettings::copy_summary_to_stdout)
      .def_readwrite("exist_ok", &LogOutputSettings::exist_ok,
                     "Overwrite the logs of an earlier test, with a warning. If False, such a test "
                     "is refused.");
  ValueClass<LogSettings>(module, "LogSettings", "What is logged, and where to.")
      .def(py::init<>())
      .def_readwrite("log_output", &LogSettings::log_output)
      .def_readwrite("log_mode", &LogSettings::log_mode, "Accepted for compatibility.")
      .def_readwrite("log_mode_async_poll_interval_ms",
                     &LogSettings::log_mode_async_poll_interval_ms, "Accepted for compatibility.")
      .def_readwrite("enable_trace", &LogSettings::enable_trace,
                     "Write the trace file (Chrome trace event format).")
      .def_readwrite("enable_sample_log", &LogSettings::enable_sample_log,
                     "Write the times of every sample to loadgen_samples/<prefix>samples.npy.")
      .def_readwrite(
          "max_trace_mb", &LogSettings::max_trace_mb,
          "Largest size of the trace in megabytes (1,000,000 bytes); 0 stands for no limit.")
      .def_readwrite(
          "max_sample_log_mb", &LogSettings::max_sample_log_mb,
          "Largest size of the sample log in megabytes (1,000,000 bytes); 0 stands for no limit.")
      .def_readwrite("max_free_space_share", &LogSettings::max_free_space_share,
                     "Largest share of the disk's free space that each of the trace and the sample "
                     "log may take; 0 stands for no limit.");
  module.def(
      "log_setting_names",
      [] {
        return py::make_tuple(LogSettingNames<LogSettings>(), LogSettingNames<LogOutputSettings>());
      },
      "The names of the settings that change what is logged: of LogSettings, and of its "
      "log_output.");
}

}  // namespace

void BindSettings(py::module_& module) {
  BindEnums(module);
  BindTestSettings(module);
  BindLogSettings(module);
  module.def(
      "earlier_log",
      [](const LogSettings& settings) {
        return settings.log_output.prefix_with_datetime ? "" : loadgen::EarlierLog(settings, "");
      },
      py::arg("log_settings"),
      "Path of a log that a test with these settings would write over; empty if there is none.");
  module.def("check_log_settings", &loadgen::CheckLogSettings, py::arg("log_settings"),
             "Raises what start_test raises for log settings that no logs can be written with, as "
             "far as that shows before a file is opened.");
  module.def("settings_table", SettingsTable);
  module.def(
      "config_origins", [](const TestSettings& settings) { return settings.config_origins; },
      py::arg("settings"), "file:line of each setting that a config file set, by its name.");
  module.def(
      "why_unused",
      [](const TestSettings& settings, const std::string& name) {
        return loadgen::WhyUnused(Find(name), settings);
      },
      py::arg("settings"), py::arg("name"),
      "Why a test of these settings makes no use of one of them; empty if it does.");
  module.def(
      "built_in_models",
      [] {
        const std::vector<std::string_view> models = loadgen::BuiltInModels();
        return std::vector<std::string>(models.begin(), models.end());
      },
      "The models that the built-in mlperf.conf has entries for.");
  module.def("models_in_config", ModelsOfConfig, py::arg("text"),
             "The models that the text of a config file has entries for.");
  module.def(
      "models_met", [](const TestSettings& settings) { return settings.config_models; },
      py::arg("settings"), "The models that FromConfig was called for and met entries of.");
}

}  // namespace mlperf::python
