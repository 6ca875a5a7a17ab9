// The detail log's line format: one JSON object a line behind ":::MLLOG ".
#ifndef MLPERF_LOADGEN_WRITE_MLLOG_H_
#define MLPERF_LOADGEN_WRITE_MLLOG_H_

#include <cstdint>
#include <map>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plan/checkpoint.h"
#include "platform/output_file.h"

namespace mlperf::loadgen {

// A value already written as JSON.
struct JsonText {
  std::string text;
  std::string plain = {};  // Of a string: what it says, without quotes and escapes.
};

JsonText ToJson(int64_t value);
JsonText ToJson(uint64_t value);
JsonText ToJson(bool value);
// Six significant digits, as C++ streams print; NaN and infinities become null.
JsonText ToJson(double value);
JsonText ToJson(std::string_view value);  // Quoted and escaped; invalid UTF-8 is replaced.
JsonText ToJson(const char* value);       // Or a literal would become a bool.
// `checkpoint` is called now and then.
JsonText ToJson(std::span<const uint64_t> values, const Checkpoint& checkpoint = NoCheckpoint);
JsonText ToJson(const std::map<std::string, std::string>& values);
JsonText ToJson(std::span<const std::string> values);

// An object, its fields in this order.
using JsonFields = std::vector<std::pair<std::string_view, JsonText>>;
JsonText ToJson(const JsonFields& fields);

// Six significant digits, as C++ streams print doubles ("nan", "inf" stay as they are).
std::string StreamDouble(double value);

enum class MlLogLevel { kInfo, kWarning, kError };

class MlLog {
 public:
  // `origin_ns`: clock reading that is time 0. Records are also printed if `copy_to_stdout`.
  MlLog(OutputFile* file, int64_t origin_ns, bool copy_to_stdout);

  // Appends one record with the time `now_ns` (clock reading).
  void Record(std::string_view key, const JsonText& value, int64_t now_ns,
              MlLogLevel level = MlLogLevel::kInfo,
              const std::source_location& where = std::source_location::current());

  // Hands the records so far to the operating system: they outlive the process.
  void Flush() { file_->Flush(); }

  uint64_t error_count() const { return error_count_; }
  uint64_t warning_count() const { return warning_count_; }
  // Texts of the first few error and warning records.
  const std::vector<std::string>& errors() const { return errors_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  OutputFile* file_;
  int64_t origin_ns_;
  bool copy_to_stdout_;
  int64_t pid_;
  uint64_t error_count_ = 0;
  uint64_t warning_count_ = 0;
  std::vector<std::string> errors_;
  std::vector<std::string> warnings_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_MLLOG_H_
