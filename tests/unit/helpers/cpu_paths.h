// Tests that run once for each path of instructions that this processor has.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_CPU_PATHS_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_CPU_PATHS_H_

#include <gtest/gtest.h>

#include "cpu_path.h"

namespace mlperf::compress {

class CpuPathTest : public testing::TestWithParam<CpuPath> {
 protected:
  void SetUp() override {
    if (!IsSupported(GetParam())) GTEST_SKIP() << "this processor lacks the instructions";
    UsePath(GetParam());
  }
  void TearDown() override { UsePath(before_); }

 private:
  CpuPath before_ = ActivePath();
};

}  // namespace mlperf::compress

// Each TEST_P of `suite`, a name for CpuPathTest, on each path.
#define ON_EACH_CPU_PATH(suite)                                           \
  using suite = CpuPathTest;                                              \
  INSTANTIATE_TEST_SUITE_P(EachPath, suite, testing::ValuesIn(kCpuPaths), \
                           [](const auto& path) { return CpuPathName(path.param); });

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_CPU_PATHS_H_
