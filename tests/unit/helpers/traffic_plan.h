// Settings of the worked examples that the tests of the traffic stages share.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_TRAFFIC_PLAN_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_TRAFFIC_PLAN_H_

#include <cstdint>

#include "test_settings.h"

namespace mlperf::loadgen {

struct Seeds {
  uint64_t qsl = 0;
  uint64_t sample_index = 0;
  uint64_t schedule = 0;
};

// Those of mlperf.conf.
inline constexpr Seeds kConfSeeds{2085463073848966840, 2747215439041700203, 16159082839903944936u};
inline constexpr Seeds kZeroSeeds{};

// A performance run of 1 ms a query or 1000 queries a second, without a minimum duration.
inline TestSettings TrafficSettings(TestScenario scenario, const Seeds& seeds,
                                    uint64_t min_query_count = 100) {
  TestSettings settings;
  settings.scenario = scenario;
  settings.mode = TestMode::PerformanceOnly;
  settings.qsl_rng_seed = seeds.qsl;
  settings.sample_index_rng_seed = seeds.sample_index;
  settings.schedule_rng_seed = seeds.schedule;
  settings.min_query_count = min_query_count;
  settings.min_duration_ms = 0;
  settings.single_stream_expected_latency_ns = 1e6;
  settings.multi_stream_expected_latency_ns = 1e6;
  settings.server_target_qps = 1000;
  settings.offline_expected_qps = 1000;
  return settings;
}

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_TRAFFIC_PLAN_H_
