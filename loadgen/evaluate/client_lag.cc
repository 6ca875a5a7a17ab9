#include "evaluate/client_lag.h"

#include <cstdint>
#include <cstdio>

#include "evaluate/latency_stats.h"
#include "evaluate/stream_stats.h"

namespace mlperf::loadgen {
namespace {

constexpr double kCautionShare = 0.01;
constexpr double kInvalidShare = 0.1;
constexpr size_t kP99 = 4;
static_assert(kReportedPercentiles[kP99] == 0.99);

struct Bound {
  const char* name = "";
  uint64_t ns = 0;  // 0: there is none.
};

Bound SmallestBound(const RunPlan& plan) {
  Bound smallest;
  const auto consider = [&](const char* name, uint64_t ns) {
    if (ns > 0 && (smallest.ns == 0 || ns < smallest.ns)) smallest = {name, ns};
  };
  if (!plan.has_latency_bound) return smallest;
  if (!plan.use_token_latencies) {
    consider("server_target_latency_ns", plan.target_latency_ns);
    return smallest;
  }
  consider("ttft_latency", plan.ttft_latency_ns);
  consider("tpot_latency", plan.tpot_latency_ns);
  consider("itl_latency", plan.itl_latency_ns);
  consider("e2e_latency", plan.e2e_latency_ns);
  return smallest;
}

}  // namespace

LagFinding JudgeClientLag(const RunPlan& plan, const RunRecord& record) {
  const Bound bound = SmallestBound(plan);
  if (record.tokens == nullptr || bound.ns == 0) return {};
  const LatencyStats lag = ComputeClientLag(plan, record);
  const auto p99_ns = static_cast<double>(lag.percentiles_ns[kP99]);
  const double share = p99_ns / static_cast<double>(bound.ns);
  if (share <= kCautionShare) return {};
  const bool is_too_late = share > kInvalidShare;
  char text[400];
  std::snprintf(text, sizeof(text),
                "%s: 1 %% of its reads came %.3g ms or more after the data had arrived, which is "
                "%.3g %% of %s (%.10g ms); lower the load, give the client a processor of its "
                "own, or measure from a faster machine",
                is_too_late ? "this machine reads too late to judge"
                            : "This machine reads late for the bounds of the test",
                p99_ns / 1e6, 100 * share, bound.name, static_cast<double>(bound.ns) / 1e6);
  if (is_too_late) return {.caution = "", .reason = text};
  return {.caution = std::string(text) + ".", .reason = ""};
}

}  // namespace mlperf::loadgen
