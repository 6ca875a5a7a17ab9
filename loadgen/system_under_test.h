// The system whose speed and accuracy are measured.
#ifndef MLPERF_LOADGEN_SYSTEM_UNDER_TEST_H_
#define MLPERF_LOADGEN_SYSTEM_UNDER_TEST_H_

#include <string>
#include <vector>

#include "query_sample.h"

namespace mlperf {

class SystemUnderTest {
 public:
  virtual ~SystemUnderTest() {}

  // Reported in the logs.
  virtual const std::string& Name() = 0;

  // Takes one query. Each of its samples must be answered exactly once through
  // QuerySamplesComplete, either before this returns or later from any thread. In the Server
  // scenario the next query waits for the return, so a system that takes long here should hand
  // the query to its own threads. `samples` is valid during the call only.
  virtual void IssueQuery(const std::vector<QuerySample>& samples) = 0;

  // No more queries follow for now: a system that gathers queries into batches must send what
  // it holds.
  virtual void FlushQueries() = 0;
};

}  // namespace mlperf

#endif  // MLPERF_LOADGEN_SYSTEM_UNDER_TEST_H_
