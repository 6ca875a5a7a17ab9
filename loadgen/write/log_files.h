// The files of one test: their names, where they go, and opening them.
#ifndef MLPERF_LOADGEN_WRITE_LOG_FILES_H_
#define MLPERF_LOADGEN_WRITE_LOG_FILES_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "platform/output_file.h"
#include "test_result.h"
#include "test_settings.h"

namespace mlperf::loadgen {

// UTC as 2026-11-20T02:55:54Z.
std::string UtcDateTime(int64_t system_ns);

// Throws, as LogFiles does, for settings that no logs can be written with, as far as that shows
// before a file is opened.
void CheckLogSettings(const LogSettings& settings);

// A log that a test with these settings would write over; empty if there is none.
std::string EarlierLog(const LogSettings& settings, const std::string& datetime);

// How large a log may become, and which of LogSettings says so.
struct SizeBound {
  uint64_t bytes = std::numeric_limits<uint64_t>::max();
  std::string setting;
};

// Where the sample log is, inside the folder of the other logs: those who list that folder's files,
// as checkers of submissions do, do not see it.
inline constexpr char kSampleFolder[] = "loadgen_samples";

struct LogFiles {
  // Opens the files that `settings` asks for. A missing directory is created where its parent
  // exists. Logs that are there already are written over, and `warn` is called before, or are
  // refused (log_output.exist_ok); an earlier sample or token log that is not written over is
  // removed then, or it would be taken for this test's. Throws std::system_error naming the path,
  // with no file left half open, and std::invalid_argument for a share or a suffix that is none.
  LogFiles(const LogSettings& settings, const std::string& datetime,
           const std::function<void(const std::string&)>& warn);

  LogPaths paths() const;
  // What went wrong in writing, one line a file; empty if nothing did.
  std::string Failures() const;
  void CloseAll();
  // The token log is opened when its test has ended, and only if there is something to write.
  // False: it cannot be, which Failures() says.
  bool OpenTokens();

  OutputFile summary, detail, accuracy, trace, samples, tokens;
  SizeBound trace_bound, sample_bound;  // The token log has the bound of the sample log.

 private:
  std::string token_path_;
  std::string token_failure_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_LOG_FILES_H_
