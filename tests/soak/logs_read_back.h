// What the log files of a run say, read independently of the code that wrote them.
#ifndef MLPERF_LOADGEN_TESTS_SOAK_LOGS_READ_BACK_H_
#define MLPERF_LOADGEN_TESTS_SOAK_LOGS_READ_BACK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mlperf::soak {

// A row of the sample log.
struct Row {
  uint64_t query;
  uint32_t sample_index;
  uint16_t phase;
  bool failed;
  bool held_up;
  int64_t scheduled_ns;
  int64_t issued_ns;
  int64_t first_token_ns;
  int64_t completed_ns;
  int64_t tokens;
};

// Throws std::runtime_error if the file is not as its header says.
std::vector<Row> ReadRows(const std::string& path);

enum class Complaint : uint8_t {
  kUnknownId,
  kForeignId,
  kEarly,
  kDouble,
  kDoubleFirstToken,
  kLateFirstToken,
  kMissingFirstToken,
  kMissingTokenCount,
  kNegativeTokenCount,
  kTooFewTokens,
  kNullData,
  kCount
};
constexpr size_t kComplaintKinds = static_cast<size_t>(Complaint::kCount);
using ComplaintCounts = std::array<uint64_t, kComplaintKinds>;
const char* NameOf(Complaint complaint);

struct DetailLogCounts {
  ComplaintCounts complaints{};
  uint64_t between_tests = 0;    // Completions after the ends of earlier tests.
  uint64_t after_their_set = 0;  // Completions in this test, too late for their set.
};
DetailLogCounts CountDetailLog(const std::string& path);

// The same complaints, as the reasons of a result count them.
ComplaintCounts CountReasons(const std::vector<std::string>& reasons);
uint64_t CountAfterTheirSet(const std::vector<std::string>& reasons);

}  // namespace mlperf::soak

#endif  // MLPERF_LOADGEN_TESTS_SOAK_LOGS_READ_BACK_H_
