// What the mock did: counts, how late it was itself, and when each event was sent.
#ifndef MLPERF_LOADGEN_TESTS_MOCK_LLM_RECORD_H_
#define MLPERF_LOADGEN_TESTS_MOCK_LLM_RECORD_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace mlperf::mock_llm {

// Nanoseconds of the monotonic clock.
int64_t NowNs();

struct Counts {
  int64_t requests = 0;
  int64_t refused = 0;
  int64_t cut = 0;
  int64_t finished = 0;
  int64_t abandoned = 0;  // Closed by the client before their ends.
  int64_t events = 0;     // With tokens.
  int64_t streams = 0;    // Now,
  int64_t most_streams = 0;
  int64_t connections = 0;  // now,
  int64_t most_connections = 0;
  int64_t opened = 0;  // and connections accepted at all.
};

class Record {
 public:
  Counts counts;

  void Streams(int64_t change);
  void Connections(int64_t change);
  // An event with tokens begins to be sent.
  void Sent(int64_t due_ns, int64_t before_ns);
  // It left between the two times; that is kept for the request with this mark.
  void SentOf(int64_t mark, int64_t before_ns, int64_t after_ns);

  // Counts, and "late_ns": percentiles of the time from when events were due until they were sent.
  std::string StatsJson() const;
  // {"mark": [[before, after], ...]}.
  std::string SentJson() const;
  // Forgets all but what is open now.
  void Reset();

 private:
  std::vector<int64_t> late_ns_;
  std::map<int64_t, std::vector<std::pair<int64_t, int64_t>>> sent_;
};

}  // namespace mlperf::mock_llm

#endif  // MLPERF_LOADGEN_TESTS_MOCK_LLM_RECORD_H_
