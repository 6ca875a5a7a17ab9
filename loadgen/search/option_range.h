// The options of a search for the peak and of a sweep, which are no settings, and the values that
// each may have. One list for C++, Python and the command line.
#ifndef MLPERF_LOADGEN_SEARCH_OPTION_RANGE_H_
#define MLPERF_LOADGEN_SEARCH_OPTION_RANGE_H_

#include <span>
#include <string>
#include <string_view>

namespace mlperf::loadgen {

struct OptionRange {
  std::string_view name;  // The argument in Python.
  std::string_view noun;  // What the value is: "a share", "a whole number" ...
  double low = 0, high = 1;
  bool low_belongs = false, high_belongs = false;  // Whether the ends are values themselves.
  bool whole = false;

  bool Allows(double value) const;  // False for what is not a number, too.
  std::string WhatToGive() const;   // "give a share between 0 and 1".
};

std::span<const OptionRange> AllOptionRanges();

// nullptr: there is no such option.
const OptionRange* FindOptionRange(std::string_view name);

// Throws SettingsError, with name, value and range, for a value that the option cannot have.
void CheckOption(std::string_view name, double value);

// The shortest text that is this number.
std::string NumberText(double value);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_SEARCH_OPTION_RANGE_H_
