// What nearly every test includes, precompiled: tests/CMakeLists.txt says when. A test includes
// what it uses all the same.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_HELPERS_PRECOMPILED_H_
#define MLPERF_LOADGEN_TESTS_UNIT_HELPERS_PRECOMPILED_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#endif  // MLPERF_LOADGEN_TESTS_UNIT_HELPERS_PRECOMPILED_H_
