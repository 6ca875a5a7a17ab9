// What libFuzzer calls. LOADGEN_FUZZ_TARGET: one of the functions of fuzz_targets.h.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mlperf::loadgen::LOADGEN_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
