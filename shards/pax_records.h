// The records of a PAX extended header.
#ifndef MLPERF_SHARDS_PAX_RECORDS_H_
#define MLPERF_SHARDS_PAX_RECORDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mlperf::shards {

// What records say of a member, where they say it. All other keywords change nothing here.
struct PaxValues {
  std::optional<std::string> path;
  std::optional<uint64_t> size;
  std::optional<std::string> link_path;
  bool is_sparse = false;
};

// Reads all records of `body` into `values`. Returns what is wrong; null if nothing is.
const char* ReadPaxRecords(std::string_view body, PaxValues* values);

}  // namespace mlperf::shards

#endif  // MLPERF_SHARDS_PAX_RECORDS_H_
