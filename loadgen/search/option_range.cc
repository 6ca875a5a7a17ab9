#include "search/option_range.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "test_settings.h"

namespace mlperf::loadgen {
namespace {

constexpr double kMostSeconds = 1e9;  // 31 years: about as long as a test may last.
constexpr double kMostRepeats = 10000;

constexpr OptionRange kRanges[] = {
    {.name = "start_qps", .noun = "a number", .high = kMaxServerQps, .high_belongs = true},
    {.name = "max_qps", .noun = "a number", .high = kMaxServerQps, .high_belongs = true},
    {.name = "precision", .noun = "a share"},
    {.name = "confidence", .noun = "a share"},
    {.name = "time_budget_s",
     .noun = "a number of seconds",
     .high = kMostSeconds,
     .high_belongs = true},
    // The estimate is made for shares over the bound that are the exception.
    {.name = "goodput", .noun = "a share", .low = 0.5},
    {.name = "repeats",
     .noun = "a whole number",
     .low = 1,
     .high = kMostRepeats,
     .low_belongs = true,
     .high_belongs = true,
     .whole = true},
};

}  // namespace

bool OptionRange::Allows(double value) const {
  const bool above = low_belongs ? value >= low : value > low;
  const bool below = high_belongs ? value <= high : value < high;
  return above && below && (!whole || value == std::floor(value));
}

std::string OptionRange::WhatToGive() const {
  const std::string start = "give " + std::string(noun);
  const std::string from = NumberText(low), to = NumberText(high);
  if (!low_belongs && !high_belongs) return start + " between " + from + " and " + to;
  if (low_belongs && high_belongs) return start + " from " + from + " to " + to;
  return low_belongs ? start + " from " + from + " to below " + to
                     : start + " above " + from + " and at most " + to;
}

std::span<const OptionRange> AllOptionRanges() { return kRanges; }

const OptionRange* FindOptionRange(std::string_view name) {
  const auto* found = std::ranges::find(kRanges, name, &OptionRange::name);
  return found == std::end(kRanges) ? nullptr : found;
}

void CheckOption(std::string_view name, double value) {
  const OptionRange& range = *FindOptionRange(name);
  if (range.Allows(value)) return;
  throw SettingsError(std::string(name) + " is " + NumberText(value) + ": " + range.WhatToGive());
}

std::string NumberText(double value) {
  std::array<char, 32> text;
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), result.ptr};
}

}  // namespace mlperf::loadgen
