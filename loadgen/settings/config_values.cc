#include "settings/config_values.h"

#include <array>
#include <charconv>
#include <cmath>
#include <variant>

#include "settings/number_text.h"

namespace mlperf::loadgen {
namespace {

std::string TextOf(double value) {
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 10);
  return std::string(text.data(), end.ptr);
}

void WarnOfOddInteger(const FoundEntry& entry, const IntegerText& read) {
  const std::string taken = std::to_string(read.value) + " was taken; ";
  if (read.is_too_large) {
    entry.Warn("it does not fit into 64 bits, " + taken + "write a smaller number");
    return;
  }
  if (read.is_negative && read.value != 0) {
    entry.Warn("a negative number wraps around, " + taken + "write a number of 0 or more");
    return;
  }
  if (read.length == entry.text.size() && !read.is_octal) return;
  if (ReadFloat(entry.text).value == static_cast<double>(read.value)) return;
  entry.Warn(read.is_octal && read.length == entry.text.size()
                 ? "the leading 0 makes it octal, " + taken + "write it without the 0"
                 : "only whole numbers written in digits can be read, " + taken +
                       "write all digits and no exponent or fraction");
}

uint64_t IntegerOf(const FoundEntry& entry) {
  const IntegerText read = ReadInteger(entry.text);
  WarnOfOddInteger(entry, read);
  return read.value;
}

// A percentile as TestSettings has it, a fraction.
void WarnOfFraction(const FoundEntry& entry, double value) {
  const std::string meant = TextOf(value < 1 ? 100 * value : 99);
  entry.Warn("it is a percentage and means " + TextOf(value) + " %; write " + meant + " for " +
             meant + " %");
}

// A latency as TestSettings has it, in nanoseconds.
void WarnOfNanoseconds(const FoundEntry& entry, double value, double factor) {
  constexpr double kNsPerMs = 1e6;
  constexpr double kLongestMs = 1e6;  // A quarter of an hour; in nanoseconds a millisecond.
  if (factor != kNsPerMs || !(value >= kLongestMs) || std::isinf(value)) return;
  entry.Warn("it is in milliseconds and means " + TextOf(value / 1000) + " s; write " +
             TextOf(value / kNsPerMs) + " for " + TextOf(value) + " ns");
}

uint64_t ScaledIntegerOf(const FoundEntry& entry, double factor) {
  const uint64_t value = IntegerOf(entry);
  const auto scale = static_cast<uint64_t>(factor);
  const uint64_t scaled = value * scale;
  if (scaled / scale != value) {
    entry.Warn("times " + std::to_string(scale) + " it does not fit into 64 bits, " +
               std::to_string(scaled) + " was taken; write a smaller number");
  } else {
    WarnOfNanoseconds(entry, static_cast<double>(value), factor);
  }
  return scaled;
}

double ScaledFloatOf(const FoundEntry& entry, double factor) {
  const FloatText read = ReadFloat(entry.text);
  if (read.is_out_of_range) {
    entry.Warn(std::string("it does not fit into a double, ") +
               (std::isinf(read.value) ? "infinity" : "0") +
               " was taken; write a number nearer to 1");
  } else if (factor < 1 && !(read.value >= 0 && read.value <= 100)) {
    entry.Warn("it is a percentage; write a number from 0 to 100");
  } else if (factor < 1 && read.value > 0 && read.value <= 1) {
    WarnOfFraction(entry, read.value);
  } else {
    WarnOfNanoseconds(entry, read.value, factor);
  }
  return read.value * factor;
}

bool TrueIfOneOf(const FoundEntry& entry) {
  const uint64_t value = IntegerOf(entry);
  if (value > 1) entry.Warn("only 1 turns it on, so it is off; write 0 or 1");
  return value == 1;
}

uint64_t Signed32Of(const FoundEntry& entry) {
  const uint64_t value = IntegerOf(entry);
  // Sign extension included: both conversions are modular.
  const auto taken = static_cast<uint64_t>(static_cast<int32_t>(value));
  if (taken != value) {
    entry.Warn("it does not fit into 31 bits, " + std::to_string(taken) +
               " was taken; write a smaller number");
  }
  return taken;
}

// Returns false for a number that is no mode, which changes nothing.
bool SetMode(const FoundEntry& entry, TestMode* mode) {
  const uint64_t value = IntegerOf(entry);
  if (value > static_cast<uint64_t>(TestMode::FindPeakPerformance)) {
    entry.findings->Error(entry.line, "Invalid value passed to Mode key in config.");
    return false;
  }
  *mode = static_cast<TestMode>(value);
  return true;
}

template <typename T>
T& MemberOf(const Setting& setting, TestSettings* settings) {
  return settings->*std::get<T TestSettings::*>(setting.member);
}

}  // namespace

bool SetMember(const Setting& setting, const FoundEntry& entry, TestSettings* settings) {
  const double factor = setting.key.factor;
  switch (setting.key.form) {
    case ValueForm::kInteger:
      MemberOf<uint64_t>(setting, settings) = ScaledIntegerOf(entry, factor);
      return true;
    case ValueForm::kFloat:
      MemberOf<double>(setting, settings) = ScaledFloatOf(entry, factor);
      return true;
    case ValueForm::kTrueIfOne:
      MemberOf<bool>(setting, settings) = TrueIfOneOf(entry);
      return true;
    case ValueForm::kTrueIfNonZero:
      MemberOf<bool>(setting, settings) = IntegerOf(entry) != 0;
      return true;
    case ValueForm::kSigned32:
      MemberOf<uint64_t>(setting, settings) = Signed32Of(entry);
      return true;
    case ValueForm::kMode:
      return SetMode(entry, &MemberOf<TestMode>(setting, settings));
  }
  return false;
}

bool Changes(const Setting& setting, const FoundEntry& entry, const TestSettings& settings) {
  TestSettings changed = settings;
  Findings unwanted("");
  SetMember(setting, {entry.key, entry.text, entry.line, &unwanted}, &changed);
  return std::visit([&](auto member) { return changed.*member != settings.*member; },
                    setting.member);
}

}  // namespace mlperf::loadgen
