// The detail log's records of one set after it ran.
#ifndef MLPERF_LOADGEN_WRITE_DETAIL_SET_H_
#define MLPERF_LOADGEN_WRITE_DETAIL_SET_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "record/run_record.h"
#include "write/mllog.h"

namespace mlperf::loadgen {

// generated_*, how issuing ended, contract violations, logger_* (all 0), power_begin, power_end.
// `phase`: before what concerns the samples of one phase of several, such as "accuracy: ".
void WriteSetRecords(const RunRecord& record, const std::string& phase, MlLog* log, int64_t now_ns);

// That the performance phase was preceded by a warm-up, and how it broke the contract.
void WriteWarmUpRecords(const RunRecord& record, MlLog* log, int64_t now_ns);

// How a set broke the contract, of which the log says nothing else. `phase`: "probe: ", ...
void WriteConductRecords(const RunRecord& record, const std::string& phase, MlLog* log,
                         int64_t now_ns);

// The error records of a contract violation: the text of one occurrence.
std::string_view ViolationText(Violation kind);

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_DETAIL_SET_H_
