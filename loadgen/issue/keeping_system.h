// A system under test that keeps the samples of a query beyond the call. Internal: for adapters.
#ifndef MLPERF_LOADGEN_ISSUE_KEEPING_SYSTEM_H_
#define MLPERF_LOADGEN_ISSUE_KEEPING_SYSTEM_H_

#include <vector>

#include "query_sample.h"

namespace mlperf::loadgen {

// Where a SystemUnderTest is one of these as well, a query that is the only one of its set is
// given to it for good, so that millions of samples are not copied.
class KeepingSystem {
 public:
  virtual ~KeepingSystem() = default;
  // As IssueQuery.
  virtual void IssueAndKeep(std::vector<QuerySample> samples) = 0;
};

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_ISSUE_KEEPING_SYSTEM_H_
