#include "record/failed_samples.h"

#include <cstdio>
#include <string_view>

#include "settings/count_text.h"

namespace mlperf::loadgen {

std::string FailedShare(const RunRecord& record) {
  const double share =
      static_cast<double>(record.samples_failed) / static_cast<double>(record.samples_issued);
  char percent[40];
  std::snprintf(percent, sizeof(percent), "%.3g %%", 100 * share);
  return std::to_string(record.samples_failed) + " of " + Counted(record.samples_issued, "sample") +
         " failed (" + percent + ")";
}

std::string FailureReason(const RunRecord& record) {
  if (record.samples_failed == 0) return "";
  std::string reason = FailedShare(record);
  std::string_view separator = ": ";
  for (const std::string& text : record.violations.failures) {
    reason.append(separator).append(text);
    separator = "; ";
  }
  return reason;
}

}  // namespace mlperf::loadgen
