// What a misspelled name may stand for.
#ifndef MLPERF_LOADGEN_SETTINGS_NEAR_NAMES_H_
#define MLPERF_LOADGEN_SETTINGS_NEAR_NAMES_H_

#include <span>
#include <string>
#include <string_view>

namespace mlperf::loadgen {

// The end of a message, ": did you mean resnet50?", with the nearest of the known names; empty if
// none is near. A name is near if few characters are wrong in it, whatever their case, or if one
// of the two is how the other begins.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> known);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SETTINGS_NEAR_NAMES_H_
