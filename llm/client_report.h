// What a client says of its work: counts, the times of each request, and events for people.
#ifndef MLPERF_LLM_CLIENT_REPORT_H_
#define MLPERF_LLM_CLIENT_REPORT_H_

#include <cstdint>
#include <map>
#include <string>

#include "lag_histogram.h"

namespace mlperf::llm {

struct ClientCounts {
  uint64_t opened = 0;    // Connections.
  uint64_t reused = 0;    // Requests on a connection that had served one before.
  uint64_t repeated = 0;  // Requests sent again, as such a connection was closed before an answer.
  uint64_t cancelled = 0;
  uint64_t most_outstanding = 0;
  uint64_t reads = 0;
  uint64_t reads_by_kernel = 0;  // Those of them that the kernel stamped.
  uint64_t events = 0;
  uint64_t faults = 0;  // Events that are no JSON.
  uint64_t bytes = 0;   // Of bodies.
  uint64_t clock_steps = 0;
  std::map<std::string, uint64_t> failures;  // By reason.
  std::map<int, uint64_t> statuses;
  LagHistogram lags;  // Of reads.

  void Merge(const ClientCounts& other);
};

// Times are of the monotonic clock; 0: there was none.
struct RequestRow {
  uint64_t id;
  uint64_t index;
  uint32_t server;
  int32_t status;
  int64_t issued_ns;
  int64_t connected_ns;  // It had a connection.
  int64_t sent_ns;
  int64_t first_byte_ns;
  int64_t first_token_ns;
  int64_t last_token_ns;
  int64_t completed_ns;  // 0: the request failed.
  int64_t tokens;
  uint64_t bytes;
};

struct ClientEvent {
  enum class Kind : uint8_t {
    kLost,     // The server cannot be reached. Once a server until it can be reached again.
    kFault,    // An event is no JSON. Once a server.
    kRefused,  // A status other than 200, or an error in a stream. Once a server and reason.
  };
  Kind kind;
  uint32_t server;
  std::string text;
};

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_CLIENT_REPORT_H_
