// One block of the detail log: records that follow each other and share a time.
#ifndef MLPERF_LOADGEN_WRITE_DETAIL_BLOCK_H_
#define MLPERF_LOADGEN_WRITE_DETAIL_BLOCK_H_

#include <cstdint>
#include <source_location>
#include <string_view>

#include "write/mllog.h"

namespace mlperf::loadgen {

// Each record carries the place in the source that adds it.
class DetailBlock {
 public:
  DetailBlock(MlLog* log, int64_t now_ns) : log_(log), now_ns_(now_ns) {}
  ~DetailBlock() { log_->Flush(); }
  DetailBlock(const DetailBlock&) = delete;
  DetailBlock& operator=(const DetailBlock&) = delete;

  template <typename Value>
  void Add(std::string_view key, const Value& value,
           const std::source_location& where = std::source_location::current()) {
    log_->Record(key, ToJson(value), now_ns_, MlLogLevel::kInfo, where);
  }
  void Error(std::string_view key, std::string_view text,
             const std::source_location& where = std::source_location::current()) {
    log_->Record(key, ToJson(text), now_ns_, MlLogLevel::kError, where);
  }
  void RuntimeError(std::string_view text,
                    const std::source_location& where = std::source_location::current()) {
    Error("error_runtime", text, where);
  }
  void Warning(std::string_view text,
               const std::source_location& where = std::source_location::current()) {
    log_->Record("warning_generic_message", ToJson(text), now_ns_, MlLogLevel::kWarning, where);
  }

 private:
  MlLog* log_;
  int64_t now_ns_;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_DETAIL_BLOCK_H_
