#include "traffic/arrival_process.h"

#include <string>
#include <string_view>

#include "test_settings.h"
#include "traffic/poisson_arrivals.h"

namespace mlperf::loadgen {
namespace {

struct NamedProcess {
  std::string_view name;  // RunPlan::arrival_process.
  std::unique_ptr<ArrivalProcess> (*make)(const RunPlan& plan);
};

template <typename Process>
std::unique_ptr<ArrivalProcess> Make(const RunPlan& plan) {
  return std::make_unique<Process>(plan);
}

constexpr NamedProcess kProcesses[] = {
    {"poisson", Make<PoissonArrivals>},
};

}  // namespace

std::unique_ptr<ArrivalProcess> MakeArrivalProcess(const RunPlan& plan) {
  for (const NamedProcess& process : kProcesses) {
    if (process.name == plan.arrival_process) return process.make(plan);
  }
  throw SettingsError("there is no arrival process '" + std::string(plan.arrival_process) +
                      "'; name one of the table in loadgen/traffic/arrival_process.cc");
}

}  // namespace mlperf::loadgen
