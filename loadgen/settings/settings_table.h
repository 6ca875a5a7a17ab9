// The one list of settings: name, member, unit, config key, where it applies and what it does.
//
// It drives the config parser, the `requested_` records of the detail log, the Python properties
// and docs/settings.md. A setting is written down nowhere else but as a member of TestSettings.
#ifndef MLPERF_LOADGEN_SETTINGS_SETTINGS_TABLE_H_
#define MLPERF_LOADGEN_SETTINGS_SETTINGS_TABLE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "test_settings.h"

namespace mlperf::loadgen {

using SettingMember =
    std::variant<TestScenario TestSettings::*, TestMode TestSettings::*, double TestSettings::*,
                 uint64_t TestSettings::*, int TestSettings::*, bool TestSettings::*,
                 Pacing TestSettings::*, PeakStrategy TestSettings::*, TokenClock TestSettings::*,
                 TokenLog TestSettings::*>;

// Which scenario part of `model.scenario.key` a key is looked up under.
enum class KeyScope { kNone, kArgument, kSingleStream, kMultiStream, kServer, kOffline };

// How the text of a config value becomes the member's value. Scale factors are applied as the
// reference does: integer parse times integer factor, double parse times double factor.
enum class ValueForm {
  kInteger,        // strtoull base 0, times `factor`.
  kFloat,          // strtod, times `factor`.
  kTrueIfOne,      // strtoull base 0 == 1.
  kTrueIfNonZero,  // strtoull base 0 != 0.
  kSigned32,       // strtoull base 0, through a signed 32-bit conversion.
  kMode,           // 0..3: SubmissionRun, AccuracyOnly, PerformanceOnly, FindPeakPerformance.
};

// When a key counts at all.
enum class KeyRule {
  kAlways,
  kBuiltInOnly,          // Only the built-in mlperf.conf may set it (conf_type 0).
  kIfTokenLatencies,     // Only if use_token_latencies is true by then.
  kIfInferredLatencies,  // Only if infer_token_latencies is true by then.
};

struct ConfigKey {
  std::string_view name = {};  // Empty: no config key sets this member.
  KeyScope scope = KeyScope::kNone;
  ValueForm form = ValueForm::kInteger;
  double factor = 1;
  KeyRule rule = KeyRule::kAlways;
};

// In which scenarios a setting is used; also decides the `requested_` record of the detail log.
// kTokens: where use_token_latencies is on; kServerTokens: there, but not in Offline.
enum class AppliesTo {
  kAll,
  kSingleStream,
  kMultiStream,
  kServer,
  kOffline,
  kServerAndOffline,
  kTokens,
  kServerTokens
};

// In which kind of phase a setting is used; a mode is made of them.
enum class UsedIn {
  kAllPhases,
  kAccuracy,
  kPerformance,  // And the trials of a search.
  kFindPeak,
};

// The state that another setting must be in for a setting to have an effect.
struct Companion {
  std::string_view name = {};  // Empty: there is none.
  bool on = true;              // Off is false, 0 or the first of the names.
};

struct Setting {
  std::string_view name;  // The Python attribute.
  SettingMember member;
  std::string_view unit;  // "ns", "ms", "fraction", "queries/s", "" ...
  AppliesTo applies_to;
  // The <name> of its `requested_<name>` record in the detail log; empty: not logged.
  std::string_view log_name;
  ConfigKey key;
  std::string_view doc;  // One or two sentences.
  UsedIn used_in = UsedIn::kAllPhases;
  Companion companion = {};
};

// All settings in the order of their `requested_` records, which is also an order in which config
// keys may be applied (a key that depends on another comes after it).
std::span<const Setting> AllSettings();

// The row called `name` (a Python attribute), or nullptr.
const Setting* FindSetting(std::string_view name);

// Whether a setting is used in a scenario; of token settings, where tokens are counted.
bool IsOfScenario(const Setting& setting, TestScenario scenario);

// Why a test of `settings` makes no use of `setting`, as in "it belongs to Server, and the scenario
// is Offline"; empty if it does.
std::string WhyUnused(const Setting& setting, const TestSettings& settings);

// The value that `setting` has in `settings`, as text.
std::string ValueText(const TestSettings& settings, const Setting& setting);

// The names used in config files and logs; "Unknown" for a value outside the enum.
std::string_view ToString(TestScenario scenario);
std::string_view ToString(TestMode mode);
std::string_view ToString(Pacing pacing);
std::string_view ToString(PeakStrategy strategy);
std::string_view ToString(TokenClock clock);
std::string_view ToString(TokenLog log);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SETTINGS_SETTINGS_TABLE_H_
