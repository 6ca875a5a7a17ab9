#include "mlperf_loadgen_c.h"

#include <exception>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>

#include "callback_adapters.h"
#include "loadgen.h"
#include "settings/settings_table.h"

// The C structs are the C++ ones under other names.
static_assert(sizeof(mlperf_query_sample) == sizeof(mlperf::QuerySample) &&
              offsetof(mlperf_query_sample, index) == offsetof(mlperf::QuerySample, index));
static_assert(sizeof(mlperf_query_sample_response) == sizeof(mlperf::QuerySampleResponse) &&
              offsetof(mlperf_query_sample_response, n_tokens) ==
                  offsetof(mlperf::QuerySampleResponse, n_tokens));

struct mlperf_sut {
  mlperf::c::CallbackSut sut;
};
struct mlperf_qsl {
  mlperf::c::CallbackQsl qsl;
};
struct mlperf_settings {
  mlperf::TestSettings settings;
};

namespace {

using mlperf::c::Required;

thread_local std::string last_error;

// Runs `call`; on an exception keeps its message and returns `failed`.
template <typename Call, typename Result>
Result Guard(const Call& call, Result failed) {
  try {
    return call();
  } catch (const std::exception& error) {
    last_error = error.what();
  } catch (...) {
    last_error = "unknown exception";
  }
  return failed;
}

// `value` as a member's type, refused if it does not fit.
template <typename Member, typename Value>
Member Checked(const char* name, Value value) {
  if constexpr (!std::is_same_v<Member, double> && !std::is_same_v<Member, Value>) {
    const uint64_t limit = std::is_same_v<Member, bool> ? 1 : std::numeric_limits<int>::max();
    if (value > limit) {
      throw std::invalid_argument("setting '" + std::string(name) + "' is " +
                                  std::to_string(value) + ": set it to at most " +
                                  std::to_string(limit));
    }
  }
  return static_cast<Member>(value);
}

template <typename Value>
int Set(mlperf_settings* settings, const char* name, Value value) {
  return Guard(
      [&] {
        const mlperf::loadgen::Setting* setting = mlperf::loadgen::FindSetting(name);
        if (setting == nullptr) {
          throw std::invalid_argument(std::string("there is no setting '") + name +
                                      "'; see docs/settings.md for their names");
        }
        std::visit(
            [&](auto member) {
              using Member = std::remove_reference_t<decltype(settings->settings.*member)>;
              if constexpr (std::is_floating_point_v<Value> && !std::is_same_v<Member, double>) {
                throw std::invalid_argument(std::string("setting '") + name +
                                            "' is no floating-point number; use "
                                            "mlperf_settings_set_integer");
              } else {
                settings->settings.*member = Checked<Member>(name, value);
              }
            },
            setting->member);
        return 0;
      },
      -1);
}

}  // namespace

mlperf_sut* mlperf_sut_create(const char* name, void* client, mlperf_issue_query issue,
                              mlperf_flush_queries flush) {
  const auto issue_samples = [=](const mlperf::QuerySample* samples, size_t count) {
    issue(client, reinterpret_cast<const mlperf_query_sample*>(samples), count);
  };
  return Guard(
      [&] {
        Required(name, "name");
        Required(issue, "issue");
        Required(flush, "flush");
        return new mlperf_sut{{name, issue_samples, [=] { flush(client); }}};
      },
      static_cast<mlperf_sut*>(nullptr));
}

void mlperf_sut_destroy(mlperf_sut* sut) { delete sut; }

mlperf_qsl* mlperf_qsl_create(const char* name, size_t total_sample_count,
                              size_t performance_sample_count, void* client, mlperf_samples load,
                              mlperf_samples unload) {
  const auto with_client = [client](mlperf_samples callback) {
    return [=](const size_t* indices, size_t count) { callback(client, indices, count); };
  };
  return Guard(
      [&] {
        Required(name, "name");
        Required(load, "load");
        Required(unload, "unload");
        return new mlperf_qsl{{name, total_sample_count, performance_sample_count,
                               with_client(load), with_client(unload)}};
      },
      static_cast<mlperf_qsl*>(nullptr));
}

void mlperf_qsl_destroy(mlperf_qsl* qsl) { delete qsl; }

mlperf_settings* mlperf_settings_create(void) {
  return Guard([] { return new mlperf_settings; }, static_cast<mlperf_settings*>(nullptr));
}

void mlperf_settings_destroy(mlperf_settings* settings) { delete settings; }

int mlperf_settings_set_integer(mlperf_settings* settings, const char* name, uint64_t value) {
  return Set(settings, name, value);
}

int mlperf_settings_set_double(mlperf_settings* settings, const char* name, double value) {
  return Set(settings, name, value);
}

int mlperf_settings_from_config(mlperf_settings* settings, const char* path, const char* model,
                                const char* scenario, int conf_type) {
  return Guard([&] { return settings->settings.FromConfig(path, model, scenario, conf_type); }, -1);
}

int mlperf_start_test(mlperf_sut* sut, mlperf_qsl* qsl, const mlperf_settings* settings,
                      const char* log_dir) {
  return Guard(
      [&] {
        mlperf::LogSettings log_settings;
        if (log_dir != nullptr) log_settings.log_output.outdir = log_dir;
        const mlperf::TestResult result = mlperf::StartTest(sut == nullptr ? nullptr : &sut->sut,
                                                            qsl == nullptr ? nullptr : &qsl->qsl,
                                                            settings->settings, log_settings);
        return result.valid() ? 0 : 1;
      },
      -1);
}

namespace {

// The functions take non-const arrays because their callbacks may change a copy; without one the
// responses are only read.
mlperf::QuerySampleResponse* Native(const mlperf_query_sample_response* responses) {
  return reinterpret_cast<mlperf::QuerySampleResponse*>(
      const_cast<mlperf_query_sample_response*>(responses));
}

}  // namespace

void mlperf_query_samples_complete(const mlperf_query_sample_response* responses, size_t count) {
  mlperf::QuerySamplesComplete(Native(responses), count);
}

void mlperf_first_token_complete(const mlperf_query_sample_response* responses, size_t count) {
  mlperf::FirstTokenComplete(Native(responses), count);
}

void mlperf_fail_samples(const uintptr_t* ids, size_t count, const char* reason) {
  mlperf::FailSamples(ids, count, reason == nullptr ? "no reason was given" : reason);
}

void mlperf_abort_test(void) { mlperf::AbortTest(); }

void mlperf_register_issue_query_thread(void) { mlperf::RegisterIssueQueryThread(); }

const char* mlperf_last_error(void) { return last_error.c_str(); }
